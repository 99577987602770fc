"""`edgejoule flops`: the published figures on the command line, and clear refusals."""

import json

import pytest

from edgejoule import command_line

VGG = ["flops", "--model", "vgg16", "--dataset", "cifar10", "--epochs", "160"]


def run(capsys, *argv):
    code = command_line.main(list(argv))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    "model, dataset, epochs, pflops",
    [
        ("vgg16", "cifar10", 160, 15.12),
        ("vgg16", "cifar100", 160, 15.12),
        ("preresnet101", "cifar10", 160, 7.44),
        ("resnet18", "imagenet", 90, 1259.13),
        ("resnet50", "imagenet", 90, 2839.96),
    ],
)
def test_published_training_flops(capsys, model, dataset, epochs, pflops):
    code, out, _ = run(
        capsys,
        "flops",
        "--model",
        model,
        "--dataset",
        dataset,
        "--epochs",
        str(epochs),
        "--convention",
        "paper",
        "--json",
    )
    assert code == 0 and json.loads(out)["pflops"] == pflops


def test_all_conventions_in_one_document(capsys):
    code, out, _ = run(capsys, *VGG, "--json")
    report = json.loads(out)
    assert code == 0 and report["params"] == 14724042
    assert sorted(report["conventions"]) == ["exact", "fvcore", "paper"]
    exact = report["conventions"]["exact"]
    assert exact["flops"] == 2 * report["train_macs"] * 50000 * 160


def test_the_table_names_every_convention_and_its_meaning(capsys):
    code, out, _ = run(capsys, *VGG)
    assert code == 0 and "14,724,042 parameters" in out
    assert "15.12" in out and "2 FLOPs per MAC" in out and "1 flop per MAC" in out


def test_undefined_says_why_and_is_not_zero(capsys):
    code, out, _ = run(
        capsys,
        "flops",
        "--model",
        "resnet20",
        "--dataset",
        "digits",
        "--convention",
        "paper",
        "--json",
    )
    report = json.loads(out)
    assert code == 3 and report["pflops"] is None and "0.01 GFLOP" in report["reason"]


def test_a_setting_of_the_model_changes_it(capsys):
    code, out, _ = run(
        capsys,
        "flops",
        "--model",
        "mlp5",
        "--dataset",
        "cifar10",
        "--json",
        "--convention",
        "exact",
        "--set",
        "model.side=32",
    )
    assert code == 0 and json.loads(out)["params"] == 2370570


def test_pictures_may_be_resized(capsys):
    asked = ["--model", "alexnet_imagenet", "--dataset", "cifar10", "--json"]
    code, out, _ = run(capsys, "flops", *asked, "--set", "dataset.resize=224")
    report = json.loads(out)
    assert code == 0 and report["input_shape"] == [3, 224, 224]
    assert report["forward_macs"] == 714188480 - 4096 * 990  # ten classes for a thousand


@pytest.mark.parametrize(
    "argv, words",
    [
        (["--model", "alexnet_imagenet", "--dataset", "mnist"], "set dataset.resize = 224"),
        (["--model", "vg16", "--dataset", "cifar10"], "Did you mean 'vgg16'?"),
        (["--model", "vgg16", "--dataset", "cifar1"], "Did you mean 'cifar10'?"),
        (["--model", "vgg16", "--dataset", "imagenet"], "made for [3, 32, 32]"),
        (["--model", "vgg16", "--dataset", "cifar10", "--convention", "papr"], "mean 'paper'?"),
        (["--model", "mlp5", "--dataset", "cifar10"], "made for [1, 28, 28]"),
        (["--model", "mlp5", "--dataset", "cifar10", "--set", "model.sid=2"], "mean 'side'?"),
        (["--model", "mlp5", "--dataset", "cifar10", "--set", "train.epochs=2"], "only model."),
        (["--model", "vgg16", "--dataset", "cifar10", "--epochs", "0"], "1 epoch or more"),
    ],
)
def test_a_refusal_is_one_line(capsys, argv, words):
    code, out, err = run(capsys, "flops", *argv)
    assert code == 4 and out == "" and err.count("\n") == 1 and words in err
