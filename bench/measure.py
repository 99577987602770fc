"""A window round every phase and every evaluation: seconds, joules and FLOPs, joined per epoch.

A phase's numbers are those of its whole window less the evaluations inside it. So whatever a
method does (scoring, comparing sign codes, cutting) counts in its phase, and looking at the test
set counts in none: that is our curiosity, not the method's need.
"""

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional

from edgejoule.bench.records import CONVENTIONS, EpochRecord, PhaseRecord, total

if TYPE_CHECKING:
    from edgejoule.devices.meter import Meter, Reading, Window


class Ledger:
    """Collects the readings of one run. `per_sample` holds the training FLOPs of one sample.

    Args:
        meter: what measures a window.
        synchronise: returns when the device has finished all work that it was given.
    """

    def __init__(self, meter: "Meter", synchronise: Callable[[], None]) -> None:
        self.meter = meter
        self.synchronise = synchronise
        self.per_sample: Dict[str, Optional[float]] = dict.fromkeys(CONVENTIONS)
        self.side_by_side: Optional[int] = None  # cases on this machine meanwhile; None: this alone
        self.epochs: List[EpochRecord] = []
        self.phases: List[PhaseRecord] = []
        self.charges: List[Dict] = []
        self._phase: Optional[str] = None  # the name of the one that runs
        self._evaluations: List["Reading"] = []  # of that phase

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """A named stretch of the run; phases do not nest.

        Raises:
            ValueError: another phase runs.
        """
        if self._phase is not None:
            raise ValueError(
                "phase {!r} inside phase {!r}; phases do not nest".format(name, self._phase)
            )
        self._phase, self._evaluations = name, []
        first, charged = len(self.epochs), len(self.charges)
        with self.window("phase " + name) as window:
            yield
        self._phase = None
        self.phases.append(self._closed(name, window, self.epochs[first:], self.charges[charged:]))

    @contextmanager
    def window(self, name: str) -> Iterator["Window"]:
        """A reading of the body; the device is idle at both edges."""
        self.synchronise()  # work that was given before is not paid for here
        with self.meter.window(name) as window:
            yield window
            self.synchronise()  # a GPU may still work on what the body gave it

    @contextmanager
    def evaluation(self) -> Iterator["Window"]:
        """A window that the phase does not pay for."""
        with self.window("evaluation") as window:
            yield window
        self._evaluations.append(_reading(window))

    def charge(self, flops: float, what: str) -> None:
        """Adds FLOPs (2 per MAC) of scoring to the running phase, exact convention only.

        The other two conventions are defined on training steps and leave scoring out.
        """
        self.charges.append({"phase": self._phase, "what": what, "flops": float(flops)})

    def epoch(
        self, trained: "Window", evaluated: "Window", samples: int, **facts: Any
    ) -> EpochRecord:
        """Records one epoch from its two windows; `facts` are the fields learned by training.

        Raises:
            ValueError: no phase runs.
        """
        if self._phase is None:
            raise ValueError(
                "an epoch was trained outside a phase, where nothing pays for it; "
                "call train inside `with trainer.phase(name):`"
            )
        training, evaluation = _reading(trained), _reading(evaluated)
        record = EpochRecord(
            phase=self._phase,
            epoch=len(self.epochs),
            seconds=training.seconds,
            joules=training.joules,
            joules_reason=training.reason,
            uncertainty_joules=training.uncertainty_joules,
            status=training.status,
            flops={
                name: None if each is None else each * samples
                for name, each in self.per_sample.items()
            },
            evaluation_seconds=evaluation.seconds,
            evaluation_joules=evaluation.joules,
            start_s=trained.start_s,
            samples=samples,
            **facts,
        )
        self.epochs.append(record)
        return record

    def _closed(
        self, name: str, window: "Window", epochs: List[EpochRecord], charges: List[Dict]
    ) -> PhaseRecord:
        """The record of a phase whose window has ended."""
        whole, evaluations = _reading(window), self._evaluations
        evaluation_seconds = sum(each.seconds for each in evaluations)
        # No evaluation took nothing; one without a reading took nobody knows what.
        evaluation_joules = total(each.joules for each in evaluations) if evaluations else 0.0
        joules = None
        if whole.joules is not None and evaluation_joules is not None:
            joules = whole.joules - evaluation_joules
        return PhaseRecord(
            name=name,
            seconds=whole.seconds - evaluation_seconds,
            joules=joules,
            joules_reason=whole.reason,
            uncertainty_joules=whole.uncertainty_joules,
            status=whole.status,
            flops=_flops(epochs, charges),
            epochs=len(epochs),
            evaluation_seconds=evaluation_seconds,
            evaluation_joules=evaluation_joules if evaluations else None,
            start_s=window.start_s,
            end_s=window.start_s + whole.seconds,
            side_by_side=self.side_by_side,
        )


def _reading(window: "Window") -> "Reading":
    """What a window cost; there is a reading once it has ended."""
    assert window.reading is not None, "the window {!r} has not ended".format(window.name)
    return window.reading


def _flops(epochs: List[EpochRecord], charges: List[Dict]) -> Dict[str, Optional[float]]:
    spent = {name: total([0.0] + [epoch.flops[name] for epoch in epochs]) for name in CONVENTIONS}
    spent["exact"] = total([spent["exact"]] + [each["flops"] for each in charges])
    return spent
