"""Makes histories of nights whose numbers are known: small bundles, night.json, a step on demand.

A night of method m measures the joules of `bundles.record` times `power(m, night)`; the default
is a noise of 1 % drawn from the names, so the same call makes the same bytes.
"""

import datetime
import json
import random

from rigs import bundles

DEVICE, SUITE = "jetson-tx2-ina3221", "quick"
FIRST = datetime.date(2026, 1, 1)


def day(number):
    """The name of the night of that number, from 0."""
    return (FIRST + datetime.timedelta(days=number)).isoformat()


def commit(number):
    """The commit of a night: 40 hex digits that begin with its number."""
    return "{:07x}".format(0xA000000 + number).ljust(40, "0")


def noise(label, number, size=0.01):
    """A factor round 1, the same for the same names."""
    return 1 + size * random.Random("{} {}".format(label, number)).gauss(0, 1)


def step(at, factor, only=None):
    """A `power` that multiplies by `factor` from a night on, of one method or of all."""
    return lambda label, number: (
        noise(label, number) * (factor if number >= at and only in (None, label) else 1.0)
    )


def make(
    folder,
    nights=20,
    methods=bundles.METHODS,
    seeds=(0,),
    power=noise,
    document=None,
    device=DEVICE,
    suite=SUITE,
    fake=None,
    epochs=2,
    first=0,
    info=None,
):
    """Writes `nights` nights and returns the history's folder.

    `document(number) -> dict` changes a night's night.json; `fake` labels the power as fake.
    """
    info = dict(bundles.device("fake" if fake else "module"), **(info or {}))
    shapes = {
        (label, seed): bundles.record(label, prune, seed, "module", epochs, device=info)
        for label, prune in methods
        for seed in seeds
    }
    for number in range(first, first + nights):
        root = folder / device / day(number) / suite
        root.mkdir(parents=True)
        for (label, _), shape in shapes.items():
            bundle(root, measured(shape, power(label, number), number))
        changes = document(number) if document else {}
        write_night(root, number, device, dict({"fake": fake}, **changes))
        _suite(root, shapes.values())
    return folder


def measured(shape, factor, number):
    """A record with the joules of one night."""
    environment = dict(shape["environment"], git={"commit": commit(number), "dirty": False})
    phases = [
        dict(phase, joules=None if phase["joules"] is None else phase["joules"] * factor)
        for phase in shape["phases"]
    ]
    return dict(
        shape,
        phases=phases,
        environment=environment,
        started_utc=day(number) + "T01:00:00Z",
        finished_utc=day(number) + "T01:30:00Z",
    )


def bundle(root, record):
    """One bundle as the runner writes it."""
    path = root / record["case_id"]
    path.mkdir()
    (path / "run.json").write_text(json.dumps(record, indent=1), encoding="utf8")
    return path


def write_night(root, number, device=DEVICE, changes=None):
    """The night.json of a finished night that passed, with changes."""
    (root / "night.json").write_text(
        json.dumps(dict(document(root.name, number, device), **(changes or {}))), encoding="utf8"
    )


def document(suite, number, device=DEVICE):
    """What the night.json of a night that passed holds."""
    return {
        "schema": 1,
        "suite": suite,
        "device": device,
        "night": day(number),
        "stage": "done",
        "attempts": 1,
        "boot_id": "b",
        "pid": 1,
        "started_utc": day(number) + "T01:00:00Z",
        "finished_utc": day(number) + "T02:00:00Z",
        "commit": commit(number),
        "dirty": False,
        "context": "x",
        "verdict": "PASS",
        "fake": None,
        "doctor": {"before": [], "after": []},
        "findings": [],
        "confirmation": None,
        "notes": [],
        "interruptions": [],
    }


def finding(number, label="slim 0.5", metric="joules", **changes):
    """A confirmed regression of 5 % that began in the night of that number."""
    return dict(
        {
            "label": label,
            "metric": metric,
            "unit": "J",
            "kind": "regression",
            "before": 2000.0,
            "after": 2100.0,
            "ratio": 1.05,
            "low": 1.046,
            "high": 1.056,
            "nights": 3,
            "since": {"night": day(number), "commit": commit(number)},
            "until": {"night": day(number - 1), "commit": commit(number - 1)},
            "confirmed": True,
            "sentence": "joules of slim 0.5 rose by 5 %",
        },
        **changes,
    )


def _suite(root, records):
    cases = [{"case_id": each["case_id"], "label": each["label"]} for each in records]
    (root / "suite.json").write_text(
        json.dumps(
            {
                "schema": 1,
                "name": root.name,
                "question": bundles.QUESTION,
                "note": "",
                "cases": cases,
            }
        ),
        encoding="utf8",
    )
