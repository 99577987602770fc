"""Sparse structure selection (Huang & Wang, 2018, arXiv:1707.01213): scales that reach 0.

A scale per channel, 1 at first, multiplies what the channel's batch norm emits. The network is
trained once, weights by the trainer's optimiser and scales by accelerated proximal gradient
(`prune.channelgates.proximal`), on

    loss + weight decay + strength * sum of scales        (equation 3, structures are channels)

and without weight decay on the scales. Then scales fold into gamma and beta, and channels whose
scale is 0 (at most 1e-12) leave: `ratio` 0. Another `ratio` removes exactly that share, lowest
scales first. The paper needs no retraining, so `retrain_epochs` is 0. Residual streams are never
scaled. Deviations: channels only, where the authors' code scales whole residual blocks; the scales
have a rate of their own (`scale_rate`), which does not fall. With running means of the weights
(`ema`) it is the scales' means that count, which come near 0 but not to it: then set a `ratio`.
"""

from edgejoule.prune import cutting, steps
from edgejoule.prune.channelgates import hanging
from edgejoule.prune.channelgates.proximal import ProximalSteps, Scale
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Cut, Retraining, default, fixed
from edgejoule.prune.trainer import Trainer

GONE = 1e-12  # a scale up to here is 0


@recipe
def run(
    trainer: Trainer,
    *,
    scale_strength: float = 0.01,
    scale_rate: float = 0.1,
    scale_momentum: float = 0.9,
    cut: Cut = default(ratio=0.0, mode=fixed("inner"), scope=fixed("global"), multiple_of=fixed(1)),
    retraining: Retraining = default(retrain_epochs=0),
) -> Outcome:
    """The network without the channels whose scales reached 0, or without a share of them."""
    _checked(scale_strength, scale_rate, scale_momentum)
    found = cutting.groups(trainer, cut)
    judged = hanging.gated(trainer.model, found, "sss")
    gates = {group.name: Scale(group.channels) for group in judged}
    chosen = {"rate": scale_rate, "momentum": scale_momentum, "strength": scale_strength}
    with hanging.hung(trainer.model, gates, judged):
        trainer.replace(trainer.model)  # its optimiser has not seen the gates
        work = steps.training(trainer.epochs, None, sss=dict(chosen, groups=sorted(gates)))
        with trainer.phase("search", work):
            trainer.train(trainer.epochs, penalty=ProximalSteps(gates, **chosen))
    scales = {name: gate.factors.detach().clone() for name, gate in gates.items()}
    with trainer.phase("score"):
        for name, norm in hanging.norms_of(trainer.model, judged).items():
            hanging.fold(norm, scales[name])
        dead = {name: each <= GONE for name, each in scales.items()}
        mask = hanging.drawn(scales, found, cut, "sss", dead)
        zeros = sum(int(each.sum()) for each in dead.values())
        _tell(trainer, zeros, cut.ratio)
        cutting.apply(trainer, found, mask)
    with trainer.phase("retrain"):
        steps.retrain(trainer, retraining)
    facts = {"scales": {"zero": zeros, "channels": sum(len(each) for each in scales.values())}}
    return Outcome(trainer.model, found, mask, facts=facts)


def _checked(strength: float, rate: float, momentum: float) -> None:
    if strength < 0 or rate <= 0 or not 0 <= momentum < 1:
        raise ValueError(
            "scale_strength={!r}, scale_rate={!r}, scale_momentum={!r}; a strength starts at 0, a "
            "rate lies above 0, a momentum in [0, 1)".format(strength, rate, momentum)
        )


def _tell(trainer: Trainer, zeros: int, ratio: float) -> None:
    if not zeros and not ratio:
        trainer.warn(
            "no scale reached 0, so no channel left; raise scale_strength or train longer, or set "
            "ratio to remove the lowest"
        )
