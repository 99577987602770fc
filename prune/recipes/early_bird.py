"""Early-bird tickets: prune as soon as training has settled, not when it has ended.

The search trains densely until a detector fires (`prune.tickets`): "spline" compares sign codes of
probe images between epochs and needs neither criterion nor ratio (max-affine spline insights, 2021,
algorithm 1), "spline_code" is the rule in the authors' code, "mask" compares the criterion's own
masks (You et al., 2020). Codes are taken of all that enters a ReLU; `code_layers` "norms" is the
authors' choice, the outputs of batch norms alone. With probes "test" the codes come from the
epoch's own evaluation, where the trainer lets others look on: the search then pays for no forward
pass of its own. `compose` "continue" trains the cut network for
the remaining epochs of the same schedule (the authors' ImageNet runs), "full" repeats the whole
schedule. The regularizer acts before and after the cut, as in the authors' scripts. A search that
never settles ends at its `latest` epoch; it is cut there all the same, but the outcome holds no
ticket epoch.
The facts hold the distances of all epochs of the search to each other, as
`prune.signcodes.epoch_sampler` has them.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional, Tuple, cast

from torch import Tensor

from edgejoule.prune import cutting, steps, tickets
from edgejoule.prune.cost import count
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Criterion, Cut, Regularizer, Settings, default
from edgejoule.prune.signcodes import coded_layers, codes, looks
from edgejoule.prune.signcodes.epoch_sampler import Trail
from edgejoule.prune.signcodes.evaluation_codes import EvaluationCodes
from edgejoule.prune.trainer import EvaluatingTrainer, Trainer

RULES = {
    "spline": tickets.queue_consecutive,
    "spline_code": tickets.lookback_max,
    "mask": tickets.mask_distance,
}
PROBING = {
    "probes": "train",
    "probe_images": 1000,
    "weights": "layer_mean",
    "code_layers": "hidden",
}


@dataclass(frozen=True)
class Patience(Settings):
    """How near states must be to have settled, and how many in a row; None: the rule's own."""

    epsilon: Optional[float] = None
    queue: Optional[int] = None


@dataclass(frozen=True)
class Probing(Settings):
    """What sign codes are taken of, where, and how layers are weighed; None: as PROBING says."""

    probes: Optional[str] = None
    probe_images: Optional[int] = None
    weights: Optional[str] = None
    code_layers: Optional[str] = None


@recipe
def run(
    trainer: Trainer,
    *,
    criterion: Criterion = default("spline"),
    regularizer: Optional[Regularizer] = None,
    detector: str = "spline",
    compose: str = "continue",
    patience: Patience,
    probing: Probing,
    latest: Optional[int] = None,
    cut: Cut,
) -> Outcome:
    """The network cut at its early-bird epoch and trained on."""
    watch = tickets.Watch(_rule(detector, patience))
    asked = _probing(detector, probing)
    _checked(compose, latest, trainer.epochs)
    found = cutting.groups(trainer, cut)
    trail = _trail(detector, asked)
    penalty = steps.penalty(regularizer, found)
    # codes know no criterion and no ratio, so searches of several ratios are the same work
    seen = _drawing(criterion, cut) if detector == "mask" else asked
    watched = dict(vars(patience), name=detector, latest=latest)
    work = steps.training(trainer.epochs, penalty, detector=watched, looks=seen)
    with trainer.phase("search", work), ExitStack() as searching:
        see = (
            _masks(trainer, watch, criterion, found, cut, trail)
            if detector == "mask"
            else _codes(trainer, watch, asked, trail, searching)
        )
        search = Search(see, watch, trail)
        epochs = trainer.train(
            latest or trainer.epochs,
            first=0,
            total=trainer.epochs,
            penalty=penalty,
            after_epoch=search,
            memory=search,
        )
    with trainer.phase("score"):
        mask = cutting.draw(trainer, criterion, found, cut)
        cutting.apply(trainer, found, mask)
    if not search.settled:
        _warn_unsettled(trainer, watch.rule, epochs, compose)
    with trainer.phase("retrain"):
        first = epochs if compose == "continue" else 0
        trainer.train(
            trainer.epochs - first,
            first=first,
            total=trainer.epochs,
            penalty=steps.penalty(regularizer, cutting.groups(trainer, cut)),
        )
    matrix = search.matrix()
    return Outcome(
        trainer.model,
        found,
        mask,
        watch.ticket(mask, epochs if search.settled else None),
        facts=None if matrix is None else {"epoch_matrix": matrix},
    )


class Search:
    """Looks at the model after every epoch until the detector fires; can be kept and restored."""

    def __init__(self, see: Callable[[], bool], watch: tickets.Watch, trail: Trail):
        self._see, self._watch, self._trail, self._kept = see, watch, trail, None
        self.settled = False

    def __call__(self, epoch: int) -> bool:
        """True once the detector has fired."""
        self.settled = self._see()
        return self.settled

    def matrix(self) -> Optional[Dict[str, Any]]:
        """Distances of all epochs to each other as plain JSON, None for fewer than two."""
        return self._kept or self._trail.facts(self._watch.rule.length + 1)

    def state(self) -> Tuple[Dict[str, Tensor], Dict[str, Any]]:
        """(no tensors, what was seen) to keep."""
        return {}, {
            "settled": bool(self.settled),
            "matrix": self.matrix(),
            "distances": [None if each is None else float(each) for each in self._watch.distances],
        }

    def restore(self, tensors: Dict[str, Tensor], facts: Dict[str, Any]) -> None:
        """Has seen what was kept."""
        self.settled, self._kept = facts["settled"], facts["matrix"]
        self._watch.distances[:] = facts["distances"]


def _drawing(criterion: Criterion, cut: Cut) -> Dict[str, Any]:
    """What a mask depends on besides the network, as JSON."""
    return {"criterion": (criterion.name, criterion.options), "cut": vars(cut)}


def _rule(detector: str, patience: Patience) -> tickets.Rule:
    if detector not in RULES:
        raise ValueError(
            "no detector called {!r}; there are: {}".format(detector, ", ".join(RULES))
        )
    given: Dict[str, Any] = {"epsilon": patience.epsilon, "length": patience.queue}
    return RULES[detector](**{key: value for key, value in given.items() if value is not None})


def _probing(detector: str, asked: Probing) -> Dict[str, Any]:
    """The probes' settings; a detector that looks at masks has none."""
    given = {key: value for key, value in vars(asked).items() if value is not None}
    if detector == "mask" and given:
        raise ValueError(
            "detector 'mask' compares masks: {} has no effect; remove it or choose "
            "detector 'spline'".format(", ".join(sorted(given)))
        )
    chosen = dict(PROBING, **given)
    codes.check("probes", chosen["probes"], codes.PROBES)
    codes.check("weights", chosen["weights"], codes.WEIGHTS)
    codes.check("code_layers", chosen["code_layers"], coded_layers.RULES)
    if chosen["probe_images"] < 1:
        raise ValueError("probe_images={!r}; it takes at least one".format(chosen["probe_images"]))
    return chosen


def _checked(compose, latest, epochs):
    if compose not in ("continue", "full"):
        raise ValueError("no composition called {!r}; there are: continue, full".format(compose))
    if latest is not None and not 1 <= latest <= epochs:
        raise ValueError(
            "latest={!r}; the search ends between epoch 1 and {}".format(latest, epochs)
        )


def _trail(detector, probing):
    """What remembers all epochs; a mask is drawn before the first one, and kept whole."""
    return Trail(first=0, words=None) if detector == "mask" else Trail(weights=probing["weights"])


def _codes(trainer: Trainer, watch, probing, trail, searching):
    """See the model through the sign codes of fixed probes."""
    if probing["probes"] == "test" and hasattr(trainer, "watching"):
        return _evaluated(cast("EvaluatingTrainer", trainer), watch, probing, trail, searching)
    images = codes.probes(trainer, probing["probes"], probing["probe_images"])
    names = coded_layers.names(trainer.model, images[0][:1], probing["code_layers"])
    work = 2 * count(trainer.model, trainer.example).forward_macs * sum(len(x) for x in images)
    weights = probing["weights"]
    look = (
        looks.older(
            lambda model: codes.codes(model, images, names), weights, watch.rule.length, trail
        )
        if watch.rule.lookback
        else looks.renewed(images, names, weights, trail)
    )

    def see():
        trainer.charge(work, "sign codes")
        return watch.see(look(trainer.model))

    return see


def _evaluated(trainer: EvaluatingTrainer, watch, probing, trail, searching):
    """See the model through codes that its evaluation brings; no forward pass is charged."""
    names = coded_layers.names(trainer.model, trainer.example, probing["code_layers"])
    places = codes.places(trainer, "test", probing["probe_images"])
    evaluated = EvaluationCodes(places, names)
    searching.enter_context(trainer.watching(evaluated))
    # consecutive epochs: all but the newest and the one before would be kept for nothing
    held = watch.rule.length if watch.rule.lookback else 1
    look = looks.older(lambda model: evaluated.take(), probing["weights"], held, trail)
    return lambda: watch.see(look(trainer.model))


def _masks(trainer: Trainer, watch, criterion, found, cut, trail):
    """See the model through the mask it would get now; the first is drawn before training."""
    memory = tickets.Memory(watch.rule.length, lambda a, b: a.distance(b))

    def see():
        mask = cutting.draw(trainer, criterion, found, cut)
        trail.see_mask(mask)
        return watch.see(memory.see(mask))

    see()
    return see


def _warn_unsettled(trainer: Trainer, rule, epochs, compose):
    sentence = (
        "{} never settled below {:g} in {} epochs; the network was cut after the last one "
        "and is no early-bird ticket".format(rule.name, rule.threshold, epochs)
    )
    if compose == "continue" and epochs == trainer.epochs:
        sentence += "; no epoch was left to retrain it"
    trainer.warn(sentence)
