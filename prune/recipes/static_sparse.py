"""Static sparse training: weights drawn by chance before training are absent throughout.

The control of RigL and SET (Evci et al., 2020, arXiv:1911.11134, "Static"): what a sparse network
learns whose connections are never exchanged. `at_init` with saliency "random" draws them over all
layers together or at one density; here layers have their share by `densities` "erk" or "uniform"
(`prune.weightmasks.densities`).
"""

import torch

from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import mask_steps
from edgejoule.prune.weightmasks.densities import Sparsity, drawn
from edgejoule.prune.weightmasks.sparse_training import densities


@recipe
def run(trainer: Trainer, *, sparsity: Sparsity) -> Outcome:
    """The network without a share `ratio` of its weights, drawn by chance, trained once."""
    mask = drawn(trainer, sparsity, torch.Generator().manual_seed(trainer.seed))
    with trainer.phase("retrain"):
        stage = mask_steps.train(trainer, mask, trainer.epochs)
    facts = {"masked": [stage], "densities": densities(mask)}
    return Outcome(trainer.model, weight_mask=mask, facts=facts)
