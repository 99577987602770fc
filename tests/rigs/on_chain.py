"""A case's recipe gone through on a chain of two layers: raises what the run would refuse."""

from types import SimpleNamespace

import pytest

from edgejoule import plugins


def rehearse(case):
    """The rehearsal of a case, with as many pictures as its data set has."""
    plan = pytest.importorskip("edgejoule.bench.plan")
    images = plugins.constant("datasets", case.dataset["name"], "TRAIN_IMAGES")
    source = SimpleNamespace(INPUT_SHAPE=plan.CHAIN_PICTURE, CLASSES=10, TRAIN_IMAGES=images)
    return plan.rehearsed(case, plan.chain(2), source, plan.CHAIN_PICTURE)
