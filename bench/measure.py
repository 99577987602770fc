"""A window round every phase and every evaluation: seconds, joules and FLOPs, joined per epoch.

A phase's numbers are those of its whole window less the evaluations inside it, so nothing a
method does (scoring, watching sign codes, cutting) escapes its account, and looking at the
test set is charged to nobody.
"""

from contextlib import contextmanager
from typing import Callable, Dict, List, Optional

from edgejoule.bench.records import CONVENTIONS, EpochRecord, PhaseRecord, total


class Ledger:
    """Collects the readings of one run. `per_sample` holds the training FLOPs of one sample."""

    def __init__(self, meter, synchronise: Callable[[], None]):
        self.meter = meter
        self.synchronise = synchronise
        self.per_sample: Dict[str, Optional[float]] = dict.fromkeys(CONVENTIONS)
        self.epochs: List[EpochRecord] = []
        self.phases: List[PhaseRecord] = []
        self.charges: List[Dict] = []
        self._phase = None
        self._evaluations: List = []

    @contextmanager
    def phase(self, name: str):
        """A named stretch of the run; phases do not nest."""
        if self._phase is not None:
            raise ValueError(
                "phase {!r} inside phase {!r}; phases do not nest".format(name, self._phase)
            )
        self._phase, self._evaluations = name, []
        first, charged = len(self.epochs), len(self.charges)
        with self.window("phase " + name) as window:
            yield
        self._phase = None
        self.phases.append(self._closed(name, window, first, charged))

    @contextmanager
    def window(self, name: str):
        """A reading of the body; the device is idle at both edges."""
        self.synchronise()
        with self.meter.window(name) as window:
            yield window
            self.synchronise()

    @contextmanager
    def evaluation(self):
        """A window that the phase does not pay for."""
        with self.window("evaluation") as window:
            yield window
        self._evaluations.append(window.reading)

    def charge(self, flops: float, what: str) -> None:
        """Adds FLOPs (2 per MAC) of scoring to the running phase, exact convention only.

        The other two conventions are defined on training steps and leave scoring out.
        """
        self.charges.append({"phase": self._phase, "what": what, "flops": float(flops)})

    def epoch(self, trained, evaluated, samples: int, **facts) -> EpochRecord:
        """Records one epoch from its two readings; `facts` are the fields learned by training."""
        record = EpochRecord(
            phase=self._phase,
            epoch=len(self.epochs),
            seconds=trained.seconds,
            joules=trained.joules,
            joules_reason=trained.reason,
            uncertainty_joules=trained.uncertainty_joules,
            status=trained.status,
            flops={
                name: None if each is None else each * samples
                for name, each in self.per_sample.items()
            },
            evaluation_seconds=evaluated.seconds,
            evaluation_joules=evaluated.joules,
            **facts,
        )
        self.epochs.append(record)
        return record

    def _closed(self, name, window, first, charged) -> PhaseRecord:
        epochs, evaluations, reading = self.epochs[first:], self._evaluations, window.reading
        begun = getattr(window, "start_s", None)
        looked = total(e.joules for e in evaluations) if evaluations else 0.0
        known = reading.joules is not None and looked is not None
        return PhaseRecord(
            name=name,
            seconds=reading.seconds - sum(e.seconds for e in evaluations),
            joules=reading.joules - looked if known else None,
            joules_reason=reading.reason,
            uncertainty_joules=reading.uncertainty_joules,
            status=reading.status,
            flops=self._flops(epochs, self.charges[charged:]),
            epochs=len(epochs),
            evaluation_seconds=sum(e.seconds for e in evaluations),
            evaluation_joules=looked if evaluations else None,
            start_s=begun,
            end_s=None if begun is None else begun + reading.seconds,
        )

    def _flops(self, epochs, charges) -> Dict[str, Optional[float]]:
        spent = {
            name: total([0.0] + [epoch.flops[name] for epoch in epochs]) for name in CONVENTIONS
        }
        spent["exact"] = total([spent["exact"]] + [each["flops"] for each in charges])
        return spent
