"""Power over time round the runs of a command, kept as a file to look at and to play."""

from typing import Any, Dict, List, Optional

from edgejoule.devices.exports import perfetto
from edgejoule.devices.exports.perfetto import Counter, Slice
from edgejoule.devices.idle import Baseline
from edgejoule.devices.measuring.measured_runs import Run
from edgejoule.devices.meter import Meter
from edgejoule.devices.output_file import OutputFile


class Timeline:
    """What a meter sampled, and what was going on; taken while the meter is entered."""

    def __init__(
        self,
        meter: Meter,
        runs: List[Run],
        rest: Optional[Baseline],
        begun_s: float,
        celsius: Optional[float],
    ):
        self.trace = meter.trace()
        self.counters = _parts(meter) + _temperature(runs, begun_s, celsius)
        self.slices = _slices(runs, rest, begun_s)

    def save(self, output: OutputFile, command: str) -> List[str]:
        """Write it; sentences on what a reader of the file must know, or on why there is none."""
        fault = output.write(
            lambda file: perfetto.write(
                file, "edgejoule measure: " + command, self.trace, self.slices, self.counters
            )
        )
        return [text for text in [fault or perfetto.remark(self.trace)] if text]


def _parts(meter: Meter) -> List[Counter]:
    """The power of every sensor, where their sum is what was measured."""
    if len(meter.samplers) < 2:  # a day of samples is not to be copied for nothing
        return []
    return [perfetto.power(sampler.trace()) for sampler in meter.samplers]


def _slices(runs: List[Run], rest: Optional[Baseline], begun_s: float) -> List[Slice]:
    """The rest and every run, inside a slice of all."""
    found = [Slice(run.name, run.start_s, run.end_s, _facts(run)) for run in runs]
    if rest is not None:
        found.insert(0, Slice("at rest", begun_s, begun_s + rest.seconds, {"W": rest.watts}))
    if not found:
        return []
    return [Slice("measure", found[0].start_s, found[-1].end_s)] + found


def _facts(run: Run) -> Dict[str, Any]:
    reading = run.reading
    return {
        "joules": reading.joules,
        "uncertainty_joules": reading.uncertainty_joules,
        "status": reading.status,
        "exit_code": run.exit_code,
        "counted": run.why_not is None,
    }


def _temperature(runs: List[Run], begun_s: float, celsius: Optional[float]) -> List[Counter]:
    """The hottest zone at the start and after every run; none where no zone is told."""
    points = [(begun_s, celsius)] + [(run.end_s, run.celsius) for run in runs]
    known = [(moment_s, degrees) for moment_s, degrees in points if degrees is not None]
    if not known:
        return []
    return [Counter("hottest zone", "C", [t for t, _ in known], [c for _, c in known])]
