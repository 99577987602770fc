"""Makes folders of run bundles whose numbers are simple enough to check by hand.

A dense epoch takes 4 s and 40 J; after a cut an epoch takes half. Seed s adds s % to every
cost and s tenths of a point to every accuracy, so the spread is known.
"""

import json

METHODS = (
    ("dense", {"recipe": "dense"}),
    ("random 0.5", {"recipe": "one_shot", "criterion": "random", "ratio": 0.5}),
    ("slim 0.5", {"recipe": "one_shot", "criterion": "slim", "ratio": 0.5}),
    ("early-bird spline 0.5", {"recipe": "early_bird", "criterion": "spline", "ratio": 0.5}),
)
ACCURACY = {"dense": 0.98, "random 0.5": 0.93, "slim 0.5": 0.97, "early-bird spline 0.5": 0.965}
NO_SENSOR = "no power sensor answers on this machine"
QUESTION = "Does removing half the channels halve the joules of an epoch?"


def device(power="none", **changes):
    """A DeviceInfo as a record holds it: none, module (a real rail), fake or estimate."""
    info = {
        "adapter": "none",
        "name": "laptop",
        "rail": None,
        "scope": "none",
        "power_mode": None,
        "driver": None,
        "period_s": None,
        "lag_s": 0.0,
        "fake": None,
        "estimate": False,
        "reason": NO_SENSOR,
    }
    if power != "none":
        info.update(
            adapter="ina3221",
            name="Jetson TX2",
            rail="VDD_IN",
            scope="module",
            power_mode="MAXN",
            period_s=0.1,
            reason=None,
        )
    if power == "fake":
        info.update(adapter="replay", rail="replayed", fake="constant 9.5 W")
    if power == "estimate":
        info.update(adapter="estimate", rail="board", estimate=True, reason="10 W was given")
    return dict(info, **changes)


def record(label="dense", prune=None, seed=0, power="none", epochs=4, **changes):
    """One run as a dict, ready for json.dumps; `changes` replaces top-level keys."""
    prune = dict(METHODS)[label] if prune is None else prune
    plan = _plan(prune["recipe"], epochs)
    rows = [
        _epoch(name, number, seed, power, cut)
        for number, (name, cut) in enumerate(
            (name, cut) for name, count, cut in plan for _ in range(count)
        )
    ]
    case = {
        "model": {"name": "resnet20"},
        "dataset": {"name": "digits", "root": "data"},
        "train": {"epochs": epochs, "seed": seed, "batch_size": 64},
        "prune": dict(prune, label=""),
        "measure": {"power": "auto", "fake_power": ""},
    }
    cut = prune["recipe"] != "dense"
    document = dict(
        schema=1,
        suite="quick",
        case_id=case_id(label, seed),
        label=label,
        case=case,
        attempts=1,
        started_utc="2026-01-01T10:00:0{}Z".format(seed),
        finished_utc="2026-01-01T11:00:00Z",
        device=device(power),
        environment=_environment(seed),
        dense=_model(270000, 40000000),
        final=_model(
            *((70000 + 1000 * seed, 11000000 + 100000 * seed) if cut else (270000, 40000000))
        ),
        phases=[_phase(name, rows, seed, power) for name, _, _ in plan],
        epochs=rows,
        accuracy=ACCURACY.get(label, 0.95) + 0.001 * seed,
        ticket=_ticket(seed) if prune["recipe"] == "early_bird" else None,
        facts=_facts(seed) if prune["recipe"] == "early_bird" else None,
        layers=[
            {"group": "stages.{}".format(i), "channels": 16, "kept": 16 - 4 * i + seed}
            for i in range(1, 4)
        ]
        if cut
        else [],
        warnings=["joules were not measured: " + NO_SENSOR] if power == "none" else [],
    )
    return dict(document, **changes)


def case_id(label, seed=0):
    """A folder name in the style of the runner."""
    slug = "".join(c if c.isalnum() or c in "-._" else "_" for c in label.replace(" ", "-"))
    return "resnet20-digits-{}-s{}-0123abcd".format(slug[:60], seed)


def suite(folder, seeds=(0, 1), power="none", methods=METHODS, **changes):
    """Writes a whole suite under `folder`/quick, with traces if there is power; that folder."""
    records = [
        record(label, prune, seed, power, **changes) for label, prune in methods for seed in seeds
    ]
    root = write(folder, records)
    for each in records if power != "none" else ():
        (root / each["case_id"] / "trace.json").write_text(json.dumps(trace()), encoding="utf8")
    return root


def trace(seconds=20):
    """Ten samples a second, 10 W, 14 W in the middle."""
    count = 10 * seconds
    return {
        "schema": 1,
        "rail": "VDD_IN",
        "times_s": [i / 10 for i in range(count)],
        "watts": [14.0 if i == count // 2 else 10.0 for i in range(count)],
    }


def write(folder, records, missing=(), question=QUESTION, name="quick"):
    """Writes bundles and suite.json; `missing` are (case_id, label) without a bundle."""
    root = folder / name
    root.mkdir(parents=True)
    for each in records:
        bundle(root, each)
    cases = [(each["case_id"], each["label"]) for each in records] + list(missing)
    (root / "suite.json").write_text(
        json.dumps(
            {
                "schema": 1,
                "name": name,
                "question": question,
                "note": "",
                "cases": [{"case_id": i, "label": label} for i, label in cases],
            }
        ),
        encoding="utf8",
    )
    return root


def bundle(root, document):
    """One bundle, with an empty log beside its record."""
    path = root / document["case_id"]
    path.mkdir()
    (path / "run.json").write_text(json.dumps(document), encoding="utf8")
    (path / "log").write_text("")
    return path


def _plan(recipe, epochs):
    """(phase, epochs, is the network cut) in order."""
    if recipe == "dense":
        return [("dense", epochs, False)]
    if recipe == "early_bird":
        return [
            ("search", max(epochs // 2, 1), False),
            ("score", 0, False),
            ("retrain", epochs, True),
        ]
    return [("dense", epochs, False), ("score", 0, False), ("retrain", epochs, True)]


def _epoch(phase, number, seed, power, cut):
    seconds = (2.0 if cut else 4.0) * (1 + 0.01 * seed)
    known = power != "none"
    flops = 1e12 if cut else 4e12
    return dict(
        phase=phase,
        epoch=number,
        seconds=seconds,
        joules=10 * seconds if known else None,
        joules_reason=None if known else NO_SENSOR,
        uncertainty_joules=0.3 if known else None,
        status="ok" if known else "none",
        flops={"exact": flops, "paper": flops, "fvcore": None},
        loss=2.0 / (number + 1),
        train_accuracy=0.9,
        accuracy=0.9 + 0.005 * min(number, 12) + 0.001 * seed,
        evaluation_seconds=0.2,
        evaluation_joules=2.0 if known else None,
        celsius=45.0,
        learning_rate=0.1,
        channels=600,
    )


def _phase(name, rows, seed, power):
    rows = [row for row in rows if row["phase"] == name]
    known = power != "none"
    seconds = sum(row["seconds"] for row in rows) if rows else 0.1
    flops = sum(row["flops"]["exact"] for row in rows) if rows else 1e9
    return dict(
        name=name,
        seconds=seconds,
        joules=10 * seconds if known else None,
        joules_reason=None if known else NO_SENSOR,
        uncertainty_joules=0.5 if known else None,
        status="ok" if known else "none",
        flops={"exact": flops, "paper": flops, "fvcore": None},
        epochs=len(rows),
        evaluation_seconds=0.2 * len(rows),
        evaluation_joules=2.0 * len(rows) if known else None,
    )


def _ticket(seed):
    return {
        "epoch": 2,
        "distances": [None, 0.3 - 0.01 * seed, 0.12],
        "detector": "queue_consecutive",
        "threshold": 0.15,
    }


def _facts(seed):
    """What a search of two epochs recorded of them."""
    return {
        "epoch_matrix": {
            "epochs": [1, 2],
            "held": 3,
            "sampled_bits": 8192,
            "below": [[0.12 + 0.01 * seed]],
        }
    }


def _model(params, macs):
    return {
        "params": params,
        "forward_macs": macs,
        "train_macs": 3 * macs,
        "channels": 600,
        "uncounted": [],
    }


def _environment(seed):
    return {
        "edgejoule": "0.1.0",
        "git": {"commit": "c" * 40, "dirty": False},
        "python": "3.11.2",
        "packages": {"torch": "2.13.0", "numpy": "2.4.6"},
        "machine": "x86_64",
        "cores": 2,
        "torch": {"threads": 2, "cuda": None},
        "before": {"celsius": {"cpu": 40.0 + seed}, "power_mode": None},
        "after": {"celsius": {"cpu": 50.0 + seed}, "power_mode": None},
    }
