"""The dense baseline: train, remove nothing."""

from edgejoule.prune.outcome import Outcome


def run(trainer):
    """The dense network after all epochs."""
    with trainer.phase("dense"):
        trainer.train(trainer.epochs)
    return Outcome(trainer.model)
