"""Is this run to be trusted? Sentences that go into its record, where every report shows them.

A check yields what a reader must know before believing the run's numbers, nothing if all is well.
"""

from typing import Iterator, List, Sequence

from edgejoule.bench.records import RunRecord, incomparable

HOTTER = 10.0  # degrees that make epochs incomparable: a warmer chip draws more power


def sentences(record: RunRecord) -> List[str]:
    """What all checks have to say of a run."""
    return [text for check in CHECKS for text in check(record)]


def _fake(record: RunRecord) -> Iterator[str]:
    if record.device.get("fake"):
        yield "the power is not real: {} (--fake-power)".format(record.device["fake"])
    elif record.device.get("estimate"):
        yield "joules are an estimate, not a measurement"


def _side_by_side(record: RunRecord) -> Iterator[str]:
    text = incomparable(record.environment)
    if text:
        yield text + "; its accuracy and its FLOPs are comparable"


def _unmeasured(record: RunRecord) -> Iterator[str]:
    """A sensor that stopped answering; a device without one gives its own reason."""
    silent = [phase for phase in record.phases if phase["joules"] is None]
    if silent and not record.device.get("reason"):
        yield "joules of phase {} were not measured: {}".format(
            silent[0]["name"], silent[0]["joules_reason"]
        )


def _short(record: RunRecord) -> Iterator[str]:
    short = [e for e in record.epochs if e["status"] == "too_short"]
    if short:
        yield (
            "{} of {} epochs are too short for this power sensor; trust the phases, "
            "or train longer epochs"
        ).format(len(short), len(record.epochs))
    bad = [e for e in record.epochs if e["status"] in ("degraded", "invalid")]
    if bad:  # the first one's reason stands for all
        yield "the power reading of {} of {} epochs is {}: {}".format(
            len(bad), len(record.epochs), bad[0]["status"], bad[0]["joules_reason"]
        )


def _warm(record: RunRecord) -> Iterator[str]:
    seen = [e["celsius"] for e in record.epochs if e["celsius"] is not None]
    if seen and max(seen) - seen[0] > HOTTER:
        yield "the device warmed from {:.0f} to {:.0f} C; cool it down between runs".format(
            seen[0], max(seen)
        )


def _throttled(record: RunRecord) -> Iterator[str]:
    for when in ("before", "after"):
        throttled = record.environment.get(when, {}).get("throttling")
        if throttled:
            yield "the clocks were throttled {} the run: {}".format(when, throttled)


def _unfit(record: RunRecord) -> Iterator[str]:
    """What the doctor's quick checks found, less the sensor, which every reading judges itself."""
    for when in ("before", "after"):
        found = [
            check["name"]
            for check in record.environment.get(when, {}).get("checks", ())
            if check["verdict"] != "ok" and check["name"] != "sensor"
        ]
        if found:
            yield (
                "the machine was not at its best {} the run: {}; `edgejoule doctor` says what "
                "to do".format(when, ", ".join(found))
            )


def _repeated(record: RunRecord) -> Iterator[str]:
    if record.attempts > 1:
        resumed = record.environment.get("resumed")
        yield "{} earlier {} of this case {} interrupted; {}".format(
            record.attempts - 1,
            "attempt" if record.attempts == 2 else "attempts",
            "was" if record.attempts == 2 else "were",
            "{} measured then, whole".format(_phases(resumed)) if resumed else "this one ran whole",
        )


def _phases(names: Sequence[str]) -> str:
    return (
        "phase {} was".format(names[0])
        if len(names) == 1
        else "phases {} were".format(", ".join(names))
    )


def _as_large(record: RunRecord) -> Iterator[str]:
    masked = (record.facts or {}).get("masked")
    if masked:
        yield (
            "single weights were masked, the network is as large as before: seconds, joules and "
            "FLOPs are those of the dense network; a machine that skips zeros would need "
            "{:.3g} of {:.3g} FLOPs per training sample".format(
                masked[-1]["effective_flops_per_sample"], masked[-1]["dense_flops_per_sample"]
            )
        )
    elif record.case["prune"].get("ratio") and record.final["params"] >= record.dense["params"]:
        yield "nothing was removed: the final model is as large as the dense one"


def _uncounted(record: RunRecord) -> Iterator[str]:
    if record.final["uncounted"]:
        yield "FLOPs leave out layers without a rule: {}".format(
            ", ".join(record.final["uncounted"])
        )


CHECKS = (
    _fake,
    _side_by_side,
    _unmeasured,
    _short,
    _warm,
    _throttled,
    _unfit,
    _repeated,
    _as_large,
    _uncounted,
)
