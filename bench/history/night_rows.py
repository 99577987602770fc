"""One bundle of the history as a row: what a night's comparison needs, and nothing else.

Free of torch and quick: the list of epochs, by far the longest part of a `run.json`, is cut out
of the text before it is parsed.
"""

import json
import math
from pathlib import Path
from typing import Any, Dict, Iterable, NamedTuple, Optional

from edgejoule.bench import manifest, records
from edgejoule.devices.reading import STATUSES

EPOCHS, CLOSED = '\n "epochs": [', "\n ],"  # how `records.to_json` writes them
# where data lie and what a run is called; of the same method all the same
UNIDENTIFYING = ("root", "download", "verify", "preload", "label", "seed", "fake_power")
TRUSTED = ("ok", "wide", "degraded", "too_short")  # a reading of another status is no measurement


class Facts(NamedTuple):
    """What the index keeps of a bundle; the names are those of `store.Row`.

    `machine` is the readable part of the context key: sensor, rail, power mode, clock policy,
    torch and CUDA; never a clock reading, a host name or free memory. `case` is the JSON of
    every setting that identifies the method, without the seed.
    """

    label: str
    seed: Optional[int]
    commit: Optional[str]
    dirty: Optional[bool]
    started_utc: Optional[str]
    fake: Optional[str]
    status: str
    reason: Optional[str]
    metrics: Dict[str, Optional[float]]
    machine: str
    case: str


def read(path: Path) -> Facts:
    """The facts of a bundle's folder; one that cannot be read has the status "broken"."""
    try:
        with open(str(path / "run.json"), "rb") as file:
            text = file.read()
        document = parse(text.decode("utf8"))
        manifest.glance(path, text, bool(document.get("hashed")))
        if document["case_id"] != path.name:
            raise ValueError("its record says it is {!r}".format(document["case_id"]))
        return facts(document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return broken(
            "{}: {}".format(path.name, " ".join(str(error).split()) or type(error).__name__)
        )


def broken(reason: str) -> Facts:
    """A bundle of which nothing is known but why."""
    return Facts("", None, None, None, None, None, "broken", reason, {}, "", "{}")


def parse(text: str) -> Dict:
    """The document, `epochs` left out where they stand as we write them."""
    # only in our own layout: elsewhere the same characters may stand inside a string
    start = text.find(EPOCHS)
    end = text.find(CLOSED, start) if start >= 0 else -1
    if end >= 0 and text.startswith('{\n "schema"'):
        text = text[:start] + text[end + len(CLOSED) :]
    document = json.loads(text)
    if not isinstance(document["schema"], int) or document["schema"] > records.SCHEMA:
        raise ValueError(
            "the record has schema {!r}, this version reads up to {}".format(
                document["schema"], records.SCHEMA
            )
        )
    return document


def facts(document: Dict) -> Facts:
    """The facts of a whole run record."""
    device, environment = document["device"], document["environment"]
    git, phases = environment.get("git") or {}, document["phases"]
    if not phases:
        raise ValueError("it has no phases: nothing was measured")
    unsure = [
        phase for phase in phases if phase["joules"] is None or phase["status"] not in TRUSTED
    ]
    measured = metrics(document)
    _check(measured)
    return Facts(
        label=str(document["label"]),
        seed=document["case"]["train"].get("seed"),
        commit=git.get("commit"),
        dirty=git.get("dirty"),
        started_utc=document["started_utc"],
        fake=device.get("fake") or ("estimate" if device.get("estimate") else None),
        status=_worst(phase["status"] for phase in phases),
        reason=records.incomparable(environment) or (_why(unsure[0]) if unsure else None),
        metrics=measured,
        machine=machine(device, environment),
        case=identity(document["case"]),
    )


def metrics(document: Dict) -> Dict[str, Optional[float]]:
    """The metrics of `store.METRICS`; None where any phase of the run is unknown.

    Seconds and joules of a run that was not alone on the machine are as good as unknown.
    """
    phases, final = document["phases"], document["final"]
    joules = seconds = None
    if not records.incomparable(document["environment"]):
        joules = records.total(
            phase["joules"] if phase["status"] in TRUSTED else None for phase in phases
        )
        seconds = records.total(phase["seconds"] for phase in phases)
    return {
        "joules": joules,
        "seconds": seconds,
        "watts": joules / seconds if joules is not None and seconds else None,
        "accuracy": document["accuracy"],
        "flops": records.total(phase["flops"].get("exact") for phase in phases),
        "params": final["params"],
        "macs": final["forward_macs"],
    }


def machine(device: Dict, environment: Dict) -> str:
    """What must be equal for two nights' numbers to be comparable, the case apart."""
    torch, packages = environment.get("torch") or {}, environment.get("packages") or {}
    system = environment.get("system") or ""
    threads = torch.get("threads")
    parts = [
        device.get("name"),
        device.get("adapter"),
        device.get("rail"),
        device.get("scope"),
        device.get("calibration"),
        "not real" if device.get("fake") or device.get("estimate") else None,
        device.get("power_mode"),
        device.get("driver"),
        clock_policy(environment),
        environment.get("processor"),
        torch.get("gpu"),
        system if "tegra" in system else None,  # a Jetson's kernel brings its GPU driver along
        _named("torch", packages.get("torch")),
        _named("CUDA", torch.get("cuda")),
        _named("python", ".".join(str(environment.get("python")).split(".")[:2])),
        "{} threads".format(threads) if threads else None,
    ]
    return "; ".join(str(part) for part in parts if part)


def clock_policy(environment: Dict) -> Optional[str]:
    """What the doctor said of the clocks before the run, such as "governor: performance"."""
    checks = (environment.get("before") or {}).get("checks") or ()
    found = [check.get("found") for check in checks if check.get("name") == "clocks"]
    return found[0] if found else None


def identity(case: Dict) -> str:
    """Every setting that makes another method, as canonical JSON; no seed, no place of data."""
    kept = {
        section: {key: value for key, value in table.items() if key not in UNIDENTIFYING}
        for section, table in case.items()
    }
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))


def _check(measured: Dict) -> None:
    """Raises a ValueError for a metric that is no number."""
    for name, value in measured.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if value is not None and not (number and math.isfinite(value)):
            raise ValueError("{} is {!r}, not a number".format(name, value))


def _why(phase: Dict) -> str:
    return phase["joules_reason"] or "the reading of phase {} is {}".format(
        phase["name"], phase["status"]
    )


def _named(name: str, value: Any) -> Optional[str]:
    return "{} {}".format(name, value) if value else None


def _worst(statuses: Iterable[str]) -> str:
    return max(
        statuses,
        key=lambda each: STATUSES.index(each) if each in STATUSES else len(STATUSES),
        default="none",
    )
