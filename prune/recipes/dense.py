"""The dense baseline: train, remove nothing."""

from edgejoule.prune.outcome import Outcome
from edgejoule.prune.trainer import Trainer


def run(trainer: Trainer) -> Outcome:
    """The dense network after all epochs."""
    with trainer.phase("dense"):
        trainer.train(trainer.epochs)
    return Outcome(trainer.model)
