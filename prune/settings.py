"""What recipes may be asked for, in the groups that they share.

A recipe takes a group, or the choice of another plug-in, as one keyword-only argument:

    @recipe
    def run(trainer, *, cut: Cut = default(mode="inner", scope=fixed("layer")),
            criterion: Criterion = default("slim")):

A suite still writes the fields one by one (ratio = 0.5, mode = "coupled", criterion = "l2"), and
so may a caller: `recipe` gathers them. `edgejoule.signatures` reads the same without importing it.
"""

from dataclasses import dataclass
from typing import Any, Dict, NamedTuple, Optional, Sequence

from edgejoule import plugins

RETRAIN = ("full", "last")
SCOPES = (None, "global", "layer")


class Fixed(NamedTuple):
    """A field that the recipe itself sets."""

    value: Any


class Default:
    """What a recipe's signature says of a group's fields, or of a choice."""

    def __init__(self, names: Sequence[str], fields: Dict[str, Any]):
        self.name = names[0] if names else None
        self.fixed = {key for key, value in fields.items() if isinstance(value, Fixed)}
        self.fields = {
            key: value.value if key in self.fixed else value for key, value in fields.items()
        }


def default(*name: str, **fields: Any) -> Any:
    """What a recipe's parameter is by default: a plug-in's name, or fields unlike their class's."""
    return Default(name, fields)


def fixed(value: Any) -> Fixed:
    """The value, in a default: the recipe itself sets it, so nobody else can."""
    return Fixed(value)


class Settings:
    """The base of groups: frozen dataclasses that refuse values they cannot mean."""


class Choice:
    """Another plug-in by name, with those of its settings that were given.

    Raises:
        ValueError: there is no such plug-in, it has no such setting, or refuses its value.
    """

    KIND = FUNCTION = ""

    def __init__(self, name: str, **options: Any):
        known = plugins.options(self.KIND, name, self.FUNCTION)
        for option in options:
            if option not in known:
                raise ValueError(
                    "{} has no setting {!r}; it has: {}".format(
                        name, option, ", ".join(sorted(known)) or "none"
                    )
                )
        self.name, self.options = name, options
        self.module = plugins.load(self.KIND, name)
        if hasattr(self.module, "check"):
            self.module.check(**options)


class Criterion(Choice):
    """What scores channels: Criterion("l2"), Criterion("spline", rho=0.1)."""

    KIND, FUNCTION = "criteria", "scores"

    def scores(self, model: Any, groups: Sequence[Any], batches: Sequence[Any] = ()) -> Dict:
        """{group name: scores [channels]}, higher means keep; `batches` are (x, y) pairs."""
        return self.module.scores(model, groups, batches, **self.options)


class Saliency(Choice):
    """What scores single weights: Saliency("magnitude")."""

    KIND, FUNCTION = "saliency", "scores"

    def scores(
        self, model: Any, mask: Dict, batches: Sequence[Any] = (), initial: Optional[Dict] = None
    ) -> Dict:
        """{tensor name: scores} of the tensors that a mask names, higher means keep.

        `initial` are the weights before training, for a saliency that compares with them.
        """
        more = () if initial is None else (initial,)
        return self.module.scores(model, mask, batches, *more, **self.options)


class Regularizer(Choice):
    """What pulls towards sparsity in training; by default what the criterion comes with."""

    KIND, FUNCTION = "regularizers", "penalty"

    def penalty(self, model: Any, groups: Sequence[Any]) -> None:
        """Adds its subgradient to the gradients in place, between backward and step."""
        self.module.penalty(model, groups, **self.options)


@dataclass(frozen=True)
class Cut(Settings):
    """Which channels may leave and how many: what `grouping.find` and `select` are asked."""

    ratio: float  # of all channels; where nothing is trained also {group: share of its channels}
    mode: str = "coupled"
    scope: Optional[str] = None  # None: as the criterion's paper compares scores
    ignore: Sequence[str] = ()
    min_channels: int = 1
    multiple_of: int = 1

    def __post_init__(self) -> None:
        shares = self.ratio.values() if isinstance(self.ratio, dict) else [self.ratio]
        if not all(0 <= share < 1 for share in shares):
            raise ValueError("ratio is {!r}; it must lie in [0, 1)".format(self.ratio))
        if self.scope not in SCOPES:
            raise ValueError("no scope called {!r}; choose 'global' or 'layer'".format(self.scope))
        if self.min_channels < 1 or self.multiple_of < 1:
            raise ValueError(
                "min_channels={!r}, multiple_of={!r}; both start at 1".format(
                    self.min_channels, self.multiple_of
                )
            )


@dataclass(frozen=True)
class Thinning(Settings):
    """Which single weights compete with which, in every draw of a recipe."""

    scope: Optional[str] = None
    layers: str = "all"
    least: int = 0
    invert: bool = False


@dataclass(frozen=True)
class Events(Settings):
    """When a network is pruned in steps, before training or during it (SNIP-it)."""

    when: str = "before"
    steps: int = 5
    timing: Optional[str] = None  # during training "code" or "algorithm"; None: "code"
    interval: Optional[int] = None
    first_event: Optional[int] = None
    score_batches: int = 5


@dataclass(frozen=True)
class Retraining(Settings):
    """How a cut network is trained: "full" repeats the schedule, "last" keeps its last rate."""

    retrain: str = "full"
    retrain_epochs: Optional[int] = None

    def __post_init__(self) -> None:
        if self.retrain not in RETRAIN:
            raise ValueError(
                "no retraining called {!r}; there are: {}".format(self.retrain, ", ".join(RETRAIN))
            )
        if self.retrain_epochs is not None and self.retrain_epochs < 0:
            raise ValueError("retrain_epochs={!r}; epochs start at 0".format(self.retrain_epochs))


@dataclass(frozen=True)
class Repeats(Settings):
    """How often the training of a network that was pruned before it is repeated.

    So a small network trains as long as one that was trained, pruned and retrained: `retrain`
    "full" repeats the schedule, "last" its last rate, None neither; `repeats` times (None: once).
    """

    retrain: Optional[str] = None
    repeats: Optional[int] = None

    def __post_init__(self) -> None:
        if self.retrain is not None:
            Retraining(self.retrain)  # refuses what it does not know
        if self.retrain is None and self.repeats is not None:
            raise ValueError(
                "repeats={!r} has no effect without retrain; remove it or choose one of: {}".format(
                    self.repeats, ", ".join(RETRAIN)
                )
            )
        if self.repeats is not None and self.repeats < 1:
            raise ValueError("repeats={!r}; repeats start at 1".format(self.repeats))
