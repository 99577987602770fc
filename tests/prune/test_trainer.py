"""What recipes may ask of a trainer, every trainer offers under the same names."""

import inspect

import pytest
from rigs.fake_meter import FakeMeter, Silent
from rigs.fake_trainer import FakeTrainer, small_net

from edgejoule.bench import settings
from edgejoule.bench.data import Data
from edgejoule.bench.measure import Ledger
from edgejoule.bench.training import loop, resume
from edgejoule.prune import trainer

METHODS = sorted(name for name in vars(trainer.Trainer) if not name.startswith("_"))
WATCHED = sorted(name for name in vars(trainer.EvaluatingTrainer) if not name.startswith("_"))


def parameters(function):
    """(name, default) of every parameter but self."""
    found = list(inspect.signature(function).parameters.values())[1:]
    return [(each.name, each.default) for each in found]


@pytest.mark.parametrize("kind", [loop.Trainer, resume.ResumingTrainer, FakeTrainer])
@pytest.mark.parametrize("method", METHODS)
def test_methods_take_what_recipes_give_them(kind, method):
    assert parameters(getattr(kind, method)) == parameters(getattr(trainer.Trainer, method))


@pytest.mark.parametrize("kind", [loop.Trainer, resume.ResumingTrainer])
@pytest.mark.parametrize("method", WATCHED)
def test_our_trainers_let_others_look_on(kind, method):
    expected = parameters(getattr(trainer.EvaluatingTrainer, method))
    assert parameters(getattr(kind, method)) == expected


@pytest.mark.parametrize("name", sorted(trainer.Trainer.__annotations__))
def test_attributes_are_of_the_kind_that_recipes_read(name):
    fake = FakeTrainer()
    images = list(zip(fake.x, fake.y))
    real = loop.Trainer(
        small_net(),
        Data(images, images, None),
        dict(settings.TRAIN, epochs=1),
        Ledger(FakeMeter(None), lambda: None),
        Silent(),
        lambda: None,
        small_net,
    )
    for each in (fake, real):
        assert isinstance(getattr(each, name), trainer.Trainer.__annotations__[name])
