"""Pruning: finding the groups of a ResNet-20, cutting it in half, scoring a VGG-11."""

import copy

import pytest
import torch

from edgejoule import plugins
from edgejoule.prune import grouping, select
from edgejoule.prune.criteria import l1, spline
from edgejoule.prune.scoring import hyperplanes
from edgejoule.prune.shrink import shrink

resnet20 = plugins.load("models", "resnet20")
vgg11 = plugins.load("models", "vgg11")

EXAMPLE = torch.zeros(2, 3, 32, 32)


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(0)
    return resnet20.build().eval()


@pytest.fixture(scope="module")
def vgg():
    torch.manual_seed(0)
    model = vgg11.build().eval()
    return model, grouping.find(model, EXAMPLE)


def test_finding_groups(against, resnet):
    with torch.no_grad():
        found = against(
            lambda: grouping.find(resnet, EXAMPLE),
            lambda: resnet(EXAMPLE),
            "a forward pass",
            calls=3,
        )
    assert sum(group.channels for group in found) == 448


def test_cutting(against, resnet):
    found = grouping.find(resnet, EXAMPLE)
    mask = select.select(l1.scores(resnet, found, []), found, 0.5)
    small = against(
        lambda: shrink(resnet, EXAMPLE, found, mask),
        lambda: copy.deepcopy(resnet),
        "copying the network",
        calls=4,
    )
    assert small(EXAMPLE).shape == (2, 10)


def test_spline_scores(against, vgg):
    """Against the inner products of all slopes, which no way of doing it can leave out."""
    model, found = vgg
    slopes = [each.slopes for group in found for each in hyperplanes.planes(model, group)]
    scores = against(
        lambda: spline.scores(model, found, []),
        lambda: [each @ each.t() for each in slopes],
        "its inner products",
        calls=1,
    )
    assert sum(len(each) for each in scores.values()) == 2752
