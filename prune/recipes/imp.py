"""Iterative magnitude pruning in one training: "IMP-global", as SNIP-it's paper compares with it.

Verdenius et al., 2020, arXiv:2006.00896, appendix F: while the network trains, every `interval`
epochs (4) the smallest weights of all layers together are masked until kappa_i of all are gone
(the shares of `snip_it`: half, then half of what is missing each time), and what is left goes back
to its value after `rewind_epoch` epochs (6). Training then goes on: all epochs together are those
of one training (80 there), where `lottery` trains anew after each round. Deviations: every
parameter and buffer is rewound and the optimiser starts anew, as in `lottery`; the authors' code
rewinds the weights that masks may touch, keeps the optimiser, and masks one epoch later.
"""

from edgejoule.prune import schedules
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Events, Saliency, Thinning, default, fixed
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import mask_steps, treatments


@recipe
def run(
    trainer: Trainer,
    *,
    ratio: float,
    saliency: Saliency = default("magnitude"),
    events: Events = default(when=fixed("during"), score_batches=fixed(0)),
    rewind_epoch: int = 6,
    how: Thinning = default(scope=fixed("global"), invert=fixed(False)),
) -> Outcome:
    """The network with a share `ratio` of its weights masked in steps, rewound after each."""
    shares, epochs, note = schedules.planned(events, ratio, trainer.epochs)
    if not 0 <= rewind_epoch <= epochs[0]:
        raise ValueError(
            "rewind_epoch={!r}; it lies between 0 and the first event, which comes after {} "
            "epochs".format(rewind_epoch, epochs[0])
        )
    mask = mask_steps.start(trainer, saliency, how)
    if note:
        trainer.warn(note)
    with trainer.phase("search"):
        stages = [mask_steps.train(trainer, mask, rewind_epoch, 0, trainer.epochs)]
        rewound, done = treatments.snapshot(trainer.model), rewind_epoch
        for share, epoch in zip(shares, epochs):
            if epoch > done:
                if mask.ratio:  # not before the first event, which has nothing to go back from
                    _rewind(trainer, rewound)
                stages.append(mask_steps.train(trainer, mask, epoch - done, done, trainer.epochs))
                done = epoch
            mask = mask_steps.draw(trainer, saliency, mask, share, how)
    with trainer.phase("retrain"):
        _rewind(trainer, rewound)
        stages.append(mask_steps.train(trainer, mask, trainer.epochs - done, done, trainer.epochs))
    return Outcome(trainer.model, weight_mask=mask, facts={"masked": stages})


def _rewind(trainer: Trainer, rewound: treatments.State) -> None:
    """Goes back, only now that training follows: two events in a row judge the same weights."""
    trainer.model.load_state_dict(rewound)
    trainer.replace(trainer.model)  # the momentum was that of weights that are no more
