"""Seed 003's eight techniques: mask a fifth of what is left in every layer, again and again.

Techniques: single weights by magnitude ("l1_us") or chance ("random_us"); whole input channels by
norm ("l1_s", "l2_s", "linf_s", the last by the smallest absolute weight, as there) or chance
("random_s"); "hybrid" takes slices of convolutions and weights of linear layers, "fc_only" weights
of linear layers alone. Amounts round to the nearest (halves to even) like torch.nn.utils.prune, so
layers with few channels stall. `weights` after each round as in `lottery`; `rewind_epoch` is late
resetting. Biases are never masked.

Every round's mask and accuracy is kept, so a run of 20 rounds holds those of 1 to 19 rounds too;
`keep_weights` keeps the networks as well.
"""

from typing import Any, Dict, Tuple

from edgejoule.prune import steps
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.settings import Saliency
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import mask_steps, treatments, weight_mask

Scored = Tuple[str, Dict[str, Any]]  # a saliency and its settings
TECHNIQUES: Dict[str, Dict[str, Scored]] = {
    "l1_us": {"conv": ("magnitude", {}), "linear": ("magnitude", {})},
    "random_us": {"conv": ("random", {}), "linear": ("random", {})},
    "l1_s": {"conv": ("slices", {"norm": "l1"}), "linear": ("slices", {"norm": "l1"})},
    "l2_s": {"conv": ("slices", {"norm": "l2"}), "linear": ("slices", {"norm": "l2"})},
    "linf_s": {"conv": ("slices", {"norm": "-linf"}), "linear": ("slices", {"norm": "-linf"})},
    "random_s": {"conv": ("random_slices", {}), "linear": ("random_slices", {})},
    "hybrid": {"conv": ("slices", {"norm": "l1"}), "linear": ("magnitude", {})},
    "fc_only": {"linear": ("magnitude", {})},
}


def run(
    trainer: Trainer,
    *,
    technique: str,
    rate: float = 0.2,
    rounds: int = 20,
    weights: str = "rewind",
    rewind_epoch: int = 0,
    keep_weights: bool = False,
) -> Outcome:
    """The network after `rounds` of training and masking, trained once more at the end."""
    _check(technique, rate, rounds, weights, rewind_epoch, trainer.epochs)
    plan = [
        (Saliency(name, **options), weight_mask.names(trainer.model, kind))
        for kind, (name, options) in TECHNIQUES[technique].items()
    ]
    mask = weight_mask.full(trainer.model, [name for _, names in plan for name in names])
    initial = treatments.snapshot(trainer.model)
    rewound = steps.whole(trainer, "dense", until=rewind_epoch)
    trainer.keep_round(mask, keep_weights)
    stages = []
    for _ in range(rounds):
        with trainer.phase("score"):
            for method, names in plan:
                mask = mask_steps.thin(trainer, method, mask, rate, tensors=names)
            treatments.treat(trainer.model, weights, initial, rewound, trainer.fresh)
            trainer.replace(trainer.model)
        with trainer.phase("retrain"):
            stages.append(
                mask_steps.train(
                    trainer, mask, trainer.epochs - rewind_epoch, rewind_epoch, trainer.epochs
                )
            )
        trainer.keep_round(mask, keep_weights)
    return Outcome(trainer.model, weight_mask=mask, facts={"masked": stages})


def _check(technique, rate, rounds, weights, rewind_epoch, epochs):
    if technique not in TECHNIQUES:
        raise ValueError(
            "no technique called {!r}; there are: {}".format(technique, ", ".join(TECHNIQUES))
        )
    if not 0 < rate < 1 or rounds < 1:
        raise ValueError(
            "rate={!r}, rounds={!r}; a rate lies in (0, 1), rounds start at 1".format(rate, rounds)
        )
    if weights not in treatments.TREATMENTS:
        raise ValueError(
            "no treatment of weights called {!r}; there are: {}".format(
                weights, ", ".join(treatments.TREATMENTS)
            )
        )
    if rewind_epoch and weights != "rewind" or not 0 <= rewind_epoch < epochs:
        raise ValueError(
            "rewind_epoch={!r} with weights={!r}; it lies between 0 and {} and needs "
            "weights='rewind'".format(rewind_epoch, weights, epochs - 1)
        )
