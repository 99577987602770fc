"""The dense baseline: train, remove nothing."""

from edgejoule.prune import steps
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.trainer import Trainer


def run(trainer: Trainer) -> Outcome:
    """The dense network after all epochs."""
    steps.whole(trainer, "dense")
    return Outcome(trainer.model)
