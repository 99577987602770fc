"""Pictures of another size, and networks that cannot take them."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from edgejoule import plugins
from edgejoule.bench import data, fit, plan, resizing, suite, worker

MNIST, CIFAR = (1, 28, 28), (3, 32, 32)


def built(name, channels):
    return plugins.load("models", name).build(10, channels)


@pytest.mark.parametrize("stored, side", [((32, 32), 224), ((28, 28), 63), ((40, 30), 13)])
def test_resizing_is_pillow_s_bilinear_filter(stored, side):
    """As torchvision resizes a Pillow picture, up to Pillow's rounding to bytes, twice."""
    pixels = np.random.RandomState(0).randint(0, 256, stored).astype(np.uint8)
    expected = np.array(Image.fromarray(pixels).resize((side, side), 2)).astype(np.float32)
    found = resizing.resized(torch.from_numpy(pixels).float(), side)
    assert found.shape == (side, side) and np.abs(found.numpy() - expected).max() <= 1.01


def test_resizing_keeps_flat_pictures_flat_and_every_channel_to_itself():
    flat = torch.tensor([1.0, 5.0]).view(1, 2, 1, 1).expand(3, 2, 8, 8)
    assert torch.allclose(resizing.resized(flat, 21), flat[:, :, :1, :1].expand(3, 2, 21, 21))
    assert torch.allclose(resizing.resized(flat, 8), flat)


def test_pictures_are_resized_as_they_are_asked_for():
    values = torch.randint(0, 256, (5, 3, 8, 8)).byte()
    pairs = data.images(values, torch.arange(5), (0.5,) * 3, (0.25,) * 3, resize=12)
    x, y = pairs[[0, 3]]
    assert x.shape == (2, 3, 12, 12) and y.tolist() == [0, 3]
    whole = resizing.resized(values[3].float() / 255, 12)
    assert torch.allclose(pairs[3][0], (whole - 0.5) / 0.25, atol=1e-5)
    for resize in (0, 2.5):
        with pytest.raises(ValueError, match="resize = .*whole number of pixels from 1"):
            data.images(values, torch.arange(5), (0.5,) * 3, (0.25,) * 3, resize=resize)


@pytest.mark.parametrize(
    "model, dataset, shape, words",
    [
        ("alexnet_imagenet", "mnist", MNIST, "63 x 63 pixels: set dataset.resize = 224"),
        ("alexnet_imagenet", "cifar10", CIFAR, "63 x 63 pixels: set dataset.resize = 224"),
        ("vgg11_imagenet", "mnist", MNIST, "32 x 32 pixels: set dataset.resize = 224"),
        ("lenet5_caffe", "cifar10", CIFAR, "28 x 28 pixels: set dataset.resize = 28"),
        ("mlp5", "cifar10", CIFAR, "set model.side = 32"),
        ("vgg16", "imagenet", (3, 224, 224), "choose another model or data set"),
    ],
)
def test_a_network_that_cannot_take_the_pictures_says_which_it_can(model, dataset, shape, words):
    network = built(model, shape[0]).train()
    with pytest.raises(ValueError) as caught:
        fit.check(network, torch.zeros((1,) + shape), model, dataset)
    said = str(caught.value)
    assert words in said and "\n" not in said and "Output size" not in said
    assert "{!r} does not take the pictures {} of {!r}".format(model, list(shape), dataset) in said
    assert "it is made for {}".format(list(plugins.load("models", model).INPUT_SHAPE)) in said
    assert network.training


def test_what_fits_is_let_pass_and_other_trouble_is_told_as_it_is():
    fit.check(built("alexnet_imagenet", 1), torch.zeros(1, 1, 63, 63), "alexnet_imagenet", "mnist")
    with pytest.raises(ValueError, match="does not take .*: .*expected input.*to have 3 channels"):
        fit.check(nn.Conv2d(3, 4, 3), torch.zeros(1, 1, 28, 28), "resnet20", "mnist")


def case(tmp_path, more):
    path = tmp_path / "a.toml"
    path.write_text(
        'question = "?"\n[model]\nname = "lenet5_caffe"\n[dataset]\nname = "digits"\n{}'
        '[train]\nepochs = 1\ndevice = "cpu"\n[[prune]]\nrecipe = "at_init"\nratio = 0.5\n'
        '[measure]\npower = "none"\n'.format(more)
    )
    return suite.read(str(path), [], [], False).cases[0]


def test_a_plan_is_made_for_the_pictures_as_they_are_resized(tmp_path):
    with pytest.raises(ValueError, match="28 x 28 pixels: set dataset.resize = 28"):
        plan.estimate(case(tmp_path, ""))
    flops = plan.estimate(case(tmp_path, "resize = 28\n"))
    assert flops["retrain"] > 0


def test_a_run_is_refused_before_it_trains_and_done_at_the_size_that_it_names(tmp_path, capsys):
    for place, more in (("small", ""), ("large", "resize = 28\n")):
        asked, folder = case(tmp_path, more), tmp_path / place
        folder.mkdir()
        job = {"suite": "a", "case_id": suite.case_id(asked), "attempts": 1}
        job["case"] = asked._asdict()
        (folder / "case.json").write_text(json.dumps(job))
        code = worker.main(folder)
        assert code == (0 if more else 4)
        if not more:
            assert "set dataset.resize = 28" in capsys.readouterr().err
            assert "epoch" not in (folder / "log").read_text()
    record = json.loads((tmp_path / "large" / "run.json").read_text())
    assert record["case"]["dataset"]["resize"] == 28
    assert record["dense"]["forward_macs"] == 2293000


@pytest.mark.parametrize("resize", ["0", "12.5", '"big"', "true", "100000"])
def test_a_size_that_is_none_is_refused_where_it_is_written(tmp_path, resize):
    with pytest.raises(ValueError, match=r"dataset.resize = .*a whole number of pixels a side"):
        case(tmp_path, "resize = {}\n".format(resize))
