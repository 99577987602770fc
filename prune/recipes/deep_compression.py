"""Deep Compression: prune, share weights, Huffman codes (Han et al., 2016, arXiv:1510.00149).

Trains; masks in every layer the weights of at most `deviations` of its standard deviations (Han et
al., 2015, arXiv:1506.02626) and retrains the rest; lets those of a layer share at most
2^bits - 1 values (k-means, `conv_bits` 8 and `linear_bits` 5); trains the shared values for
`tune_epochs` at the last rate, each with the sum of its weights' gradients. The record's facts hold
the bytes of each stage: dense, pruned, shared, Huffman-coded, and of the file that
`prune.compression.archive` makes of the network, which decodes to the same bits. Runs of zeros take
`conv_run_bits` (8) and `linear_run_bits` (5).

Deviations: one code is for zero and for fillers, so that a layer has one value fewer; streams
are flat, without row pointers; `centroid_gradient` "mean" is not the paper's: with it the shared
values move about as fast as single weights do, where sums over thousands of them want a smaller
rate than fine-tuning has. Inference runs at the dense network's speed: weights are stored in few
bits, not computed with.
"""

from typing import Dict, Optional

import torch

from edgejoule.prune import steps
from edgejoule.prune.compression import archive, sharing
from edgejoule.prune.compression.layers import Bits
from edgejoule.prune.compression.sharing import Shared
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Retraining, Thinning, default, fixed
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import mask_steps, thresholds, weight_mask
from edgejoule.prune.weightmasks.weight_mask import WeightMask


@recipe
def run(
    trainer: Trainer,
    *,
    deviations: float = 1.0,
    conv_bits: int = 8,
    linear_bits: int = 5,
    conv_run_bits: int = 8,
    linear_run_bits: int = 5,
    tune_epochs: Optional[int] = None,
    centroid_gradient: str = "sum",
    how: Thinning = default(scope=fixed("layer"), invert=fixed(False)),
    retraining: Retraining,
) -> Outcome:
    """The network with few weights of few values, and the bytes that each stage needs."""
    bits = Bits((conv_bits, conv_run_bits), (linear_bits, linear_run_bits))
    _check(deviations, tune_epochs, centroid_gradient)
    mask = weight_mask.full(trainer.model, weight_mask.names(trainer.model, how.layers))
    steps.whole(trainer, "dense")
    with trainer.phase("score"):
        mask = thresholds.above(trainer.model, mask, deviations=deviations, least=how.least)
        mask_steps.tell_empty(trainer, mask)
        trainer.replace(trainer.model)
    with trainer.phase("retrain"):
        stages = [mask_steps.retrain(trainer, mask, retraining)]
    with trainer.phase("score"):
        layers = _share(trainer, mask, bits)
    with trainer.phase("retrain"):
        epochs = trainer.epochs if tune_epochs is None else tune_epochs
        with sharing.tied(trainer.model, layers, centroid_gradient):
            stages.append(mask_steps.train(trainer, mask, epochs, *steps.span(epochs, "last")))
    facts = {"masked": stages, "bytes": archive.stages(trainer.model, bits)}
    return Outcome(trainer.model, weight_mask=mask, facts=facts)


def _check(deviations: float, tune_epochs: Optional[int], gradient: str) -> None:
    thresholds.check(None, deviations)
    if tune_epochs is not None and tune_epochs < 0:
        raise ValueError("tune_epochs={!r}; epochs start at 0".format(tune_epochs))
    if gradient not in sharing.GRADIENTS:
        raise ValueError(
            "no centroid_gradient called {!r}; there are: {}".format(
                gradient, ", ".join(sharing.GRADIENTS)
            )
        )


def _share(trainer: Trainer, mask: WeightMask, bits: Bits) -> Dict[str, Shared]:
    """The shared weights of every layer, which the network has from here on."""
    found: Dict[str, Shared] = {}
    with torch.no_grad():
        for name, (value_bits, _) in bits.of(trainer.model).items():
            weight = trainer.model.get_parameter(name)
            flags = mask.get(name, torch.ones_like(weight, dtype=torch.bool))
            found[name] = sharing.share(weight, flags, value_bits)
            weight.copy_(found[name].weights())
    trainer.charge(sum(sharing.work(each) for each in found.values()), "k-means")
    # a momentum of before would move weights of one value apart
    trainer.replace(trainer.model)
    return found
