"""Every recipe and criterion with the network on a GPU."""

import pytest
import torch
from rigs.fake_trainer import FakeTrainer

from edgejoule import plugins
from edgejoule.prune.recipes import early_bird, lottery, one_shot

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device"),
]
NEEDS = {
    "cut_below": {},
    "deep_compression": {},
    "auto_kappa": {},
    "dense": {},
    "gate_decorators": {"ratio": 0.6, "tick_share": 0.3, "ticks": 2, "tock_epochs": 1},
    "imp": {"ratio": 0.6, "first_event": 1, "interval": 1, "steps": 0, "rewind_epoch": 1},
    "iterative_masks": {"technique": "hybrid", "rounds": 2},
    "rigl": {"ratio": 0.6, "interval": 2},
    "dsr": {"ratio": 0.6, "interval": 2, "threshold": 0.05},
    "mask_below": {},
}
PLAIN = {"momentum": 0.0}  # what a recipe may ask of its trainer
TRAINERS = {"deepr": PLAIN}


@pytest.mark.parametrize("recipe", plugins.names("recipes"))
def test_recipe(recipe):
    trainer = FakeTrainer(device="cuda", **TRAINERS.get(recipe, {}))
    outcome = plugins.load("recipes", recipe).run(trainer, **NEEDS.get(recipe, {"ratio": 0.6}))
    assert next(outcome.model.parameters()).is_cuda
    assert torch.isfinite(outcome.model(trainer.x)).all()


@pytest.mark.parametrize("criterion", plugins.names("criteria"))
def test_criterion_agrees_with_the_cpu(criterion):
    masks = []
    for device in ("cpu", "cuda"):
        trainer = FakeTrainer(epochs=1, rate=0.0, device=device)
        masks.append(one_shot.run(trainer, ratio=0.5, criterion=criterion).mask)
    assert masks[0].distance(masks[1]) <= 0.1


@pytest.mark.parametrize("options", [{"probes": probes} for probes in ("test", "random", "grid2")])
def test_detectors(options):
    outcome = early_bird.run(FakeTrainer(device="cuda"), ratio=0.5, epsilon=0.9, **options)
    assert outcome.ticket.epoch == 3


@pytest.mark.parametrize("weights", ["rewind", "reinit", "sigma_sign", "keep"])
def test_treatments(weights):
    outcome = lottery.run(FakeTrainer(device="cuda"), ratio=0.5, weights=weights)
    assert outcome.weight_mask.ratio == pytest.approx(0.5, abs=1e-3)
