"""Every setting of the papers' recipes and networks can be written in a suite, and arrives.

One entry for each recipe of the five papers that the methods come from and of the papers that the
survey among them shows: the sections as a suite has them.
"""

import json

import pytest
from rigs.on_chain import rehearse

from edgejoule.bench import suite
from edgejoule.bench.training.lengths import length

DROPS = {"learning_rate": 0.1, "milestones": [0.5, 0.75], "decay": 0.1}
SGD = {"optimiser": "sgd", "momentum": 0.9}
CIFAR = {"name": "cifar10", "pad": 4, "flip": 0.5}
CIFAR.update(mean=[0.4914, 0.4822, 0.4465], std=[0.2023, 0.1994, 0.2010])
SPLINE = dict(SGD, epochs=160, batch_size=256, weight_decay=1e-4, **DROPS)
SNIPIT = {
    "epochs": 80,
    "optimiser": "adam",
    "learning_rate": 2e-3,
    "weight_decay": 5e-5,
    "gradient_clip": 10.0,
    "schedule": "constant",
    "batch_size": 512,
    "initialisation": "orthogonal",
}
SNIPIT_DATA = dict(CIFAR, pad=0, flip=0.2, mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
LEAKY = {"slope": 0.05, "dropout": 0.3}
MASKS = {
    "epochs": 30,
    "optimiser": "sgd",
    "learning_rate": 0.01,
    "momentum": 0.0,
    "weight_decay": 0.0,
    "schedule": "constant",
    "batch_size": 32,
}
ITERATIVE = {"recipe": "iterative_masks", "technique": "l1_us", "rate": 0.2, "rounds": 20}
MECHANISM = dict(DROPS, epochs=200, optimiser="sgd")
TICKET = {"recipe": "lottery", "rounds": 10, "ratio": 0.89}
LTH = dict(SGD, steps=30000, rate_every="step", milestones=[20 / 30, 25 / 30], decay=0.1)
DENSE = {"recipe": "dense"}
MNIST = {"name": "mnist"}

# what: (model, dataset, train, prune)
RECIPES = {
    "spline, CIFAR": ("preresnet101", CIFAR, SPLINE, DENSE),
    "spline, authors' code": ("vgg16", CIFAR, dict(SPLINE, batch_size=128), DENSE),
    "spline, ImageNet": (
        "resnet50",
        {"name": "imagenet", "resize": 256},
        dict(SPLINE, epochs=90, milestones=[1 / 3, 2 / 3]),
        {"recipe": "early_bird", "criterion": "spline_pca", "compose": "continue", "ratio": 0.5},
    ),
    "spline, toy": (
        "fcnet",
        {"name": "xshape"},
        {
            "epochs": 400,
            "optimiser": "sgd",
            "learning_rate": 0.01,
            "batch_size": 256,
            "schedule": "constant",
        },
        DENSE,
    ),
    "spline, Adam": (
        "vgg16",
        CIFAR,
        dict(DROPS, epochs=160, optimiser="adam", learning_rate=1e-3, weight_decay=1e-4),
        DENSE,
    ),
    "spline, Adagrad": (
        "vgg16",
        CIFAR,
        dict(DROPS, epochs=160, optimiser="adagrad", learning_rate=1e-2, weight_decay=1e-4),
        DENSE,
    ),
    "spline, RMSprop": (
        "vgg16",
        CIFAR,
        dict(DROPS, epochs=160, optimiser="rmsprop", learning_rate=1e-3, weight_decay=1e-4),
        DENSE,
    ),
    "spline, adversarial start": (
        "vgg16",
        CIFAR,
        dict(SPLINE, initialisation="adversarial"),
        DENSE,
    ),
    "spline, layerwise start": ("vgg16", CIFAR, dict(SPLINE, initialisation="layerwise"), DENSE),
    "spline, leaky": ({"name": "preresnet101", "slope": 0.01}, CIFAR, SPLINE, DENSE),
    "SNIP-it, CIFAR": (
        dict(LEAKY, name="conv6"),
        SNIPIT_DATA,
        SNIPIT,
        {"recipe": "snip_it", "when": "during", "interval": 4, "ratio": 0.98},
    ),
    "SNIP-it, Imagenette": (
        dict(LEAKY, name="resnet18_snipit"),
        {"name": "imagenette", "flip": 0.2},
        dict(SNIPIT, batch_size=128),
        {"recipe": "imp", "rewind_epoch": 6, "ratio": 0.98},
    ),
    "SNIP-it, MNIST": (dict(LEAKY, name="mlp5"), MNIST, SNIPIT, DENSE),
    "SNIP-it, after training": (
        dict(LEAKY, name="vgg16_snipit"),
        SNIPIT_DATA,
        dict(SNIPIT, epochs=70),
        {"recipe": "one_shot", "criterion": "l1", "ratio": 0.75, "retrain_epochs": 10},
    ),
    "SNIP-it, twice as long": (
        dict(LEAKY, name="alexnet_snipit"),
        SNIPIT_DATA,
        dict(SNIPIT, epochs=160),
        DENSE,
    ),
    "masks, LeNet": ("lenet", MNIST, MASKS, ITERATIVE),
    "masks, AlexNet": (
        {"name": "alexnet_imagenet", "outputs": 1000},
        {"name": "cifar10", "resize": 224},
        MASKS,
        dict(ITERATIVE, weights="sigma_sign"),
    ),
    "masks, VGG-11": (
        {"name": "vgg11_imagenet", "outputs": 1000},
        CIFAR,
        MASKS,
        dict(ITERATIVE, technique="hybrid"),
    ),
    "mechanism, vanilla": (
        "vanillacnn",
        CIFAR,
        dict(MECHANISM, momentum=0.0, weight_decay=0.0),
        DENSE,
    ),
    "mechanism, ResNet-20": (
        "resnet20",
        CIFAR,
        dict(MECHANISM, momentum=0.9, weight_decay=1e-4),
        {
            "recipe": "at_init",
            "saliency": "random",
            "rescale": True,
            "retrain": "full",
            "ratio": 0.5,
        },
    ),
    "mechanism, five cuts": (
        "resnet20",
        CIFAR,
        dict(MECHANISM, momentum=0.9, weight_decay=1e-4),
        {
            "recipe": "lottery",
            "layers": "conv",
            "weights": "keep",
            "rounds": 5,
            "retrain": "last",
            "ratio": 1 - 0.7**5,
        },
    ),
    "slimming": (
        "vgg19",
        CIFAR,
        dict(SGD, epochs=160, batch_size=64, weight_decay=1e-4, **DROPS),
        {"recipe": "one_shot", "criterion": "slim", "strength": 1e-4, "ratio": 0.7},
    ),
    "GraSP, VGG-19": (
        "vgg19",
        CIFAR,
        dict(SGD, epochs=160, batch_size=128, weight_decay=5e-4, **DROPS),
        {"recipe": "lottery", "rewind_epoch": 5, "ratio": 0.98},
    ),
    "GraSP, ResNet-32": (
        "resnet32_grasp",
        dict(CIFAR, name="cifar100"),
        dict(SGD, epochs=160, batch_size=128, weight_decay=1e-4, **DROPS),
        DENSE,
    ),
    "SNIP, VGG-D": (
        "vgg_d",
        CIFAR,
        dict(
            SGD,
            steps=150000,
            batch_size=128,
            learning_rate=0.1,
            decay=0.2,
            rate_every="step",
            milestones=[0.2, 0.4, 0.6, 0.8],
            weight_decay=5e-4,
        ),
        {"recipe": "at_init", "saliency": "snip", "weights": "reinit", "ratio": 0.95},
    ),
    "lottery tickets, LeNet": (
        "lenet300",
        MNIST,
        {
            "steps": 50000,
            "batch_size": 60,
            "optimiser": "adam",
            "learning_rate": 1.2e-3,
            "schedule": "constant",
        },
        dict(TICKET, scope="layer", classifier_rate=0.5),
    ),
    "lottery tickets, Conv-6": (
        "conv6_lottery",
        CIFAR,
        {"epochs": 30, "batch_size": 60, "optimiser": "adam", "learning_rate": 3e-4},
        TICKET,
    ),
    "lottery tickets, ResNet-20": (
        "resnet20",
        CIFAR,
        dict(LTH, learning_rate=0.01),
        dict(TICKET, rewind_step=500),
    ),
    "lottery tickets, warm-up": (
        "resnet20",
        CIFAR,
        dict(LTH, learning_rate=0.03, warmup_steps=20000, milestones=[0.0, 0.5]),
        dict(TICKET, weights="reinit"),
    ),
    "lottery tickets, open_lth": (
        "resnet20",
        CIFAR,
        dict(SGD, epochs=160, batch_size=128, weight_decay=1e-4, **DROPS),
        dict(TICKET, saliency="magnitude", scope="global"),
    ),
}


def written(tmp_path, model, dataset, train, prune):
    """The cases of a suite with these sections."""
    sections = {"model": model, "dataset": dataset, "train": train, "prune": prune}
    lines = ['question = "Can it be written?"']
    for name, table in sections.items():
        lines.append("[{}]".format(name))
        table = {"name": table} if isinstance(table, str) else table
        lines += ["{} = {}".format(key, json.dumps(value)) for key, value in table.items()]
    path = tmp_path / "paper.toml"
    path.write_text("\n".join(lines))
    return suite.read(str(path)).cases


@pytest.mark.parametrize("what", sorted(RECIPES))
def test_a_case_holds_what_the_paper_asks_for(tmp_path, what):
    sections = RECIPES[what]
    (case,) = written(tmp_path, *sections)
    for name, asked in zip(("model", "dataset", "train", "prune"), sections):
        asked = {"name": asked} if isinstance(asked, str) else asked
        held = getattr(case, name)
        assert {key: held[key] for key in asked} == asked
    rehearse(case)  # recipes themselves refuse what they do not know


def test_steps_become_the_epochs_that_hold_them(tmp_path):
    (case,) = written(tmp_path, *RECIPES["lottery tickets, LeNet"])
    assert case.train["epochs"] == 50  # 60000 pictures in batches of 60
    (case,) = written(tmp_path, *RECIPES["SNIP, VGG-D"])
    found = length(case.train, 50000)
    assert found.epochs * found.per_epoch - found.short == 150000
