"""Runs `edgejoule nightly` and ends it by kill -9 where a plan says so; the product has no hook.

    python tests/rigs/night_driver.py PLAN.json nightly SUITE ...

plan: {"stage": one of the stages or null, "moment": "before" its work, "after" it, in the middle
of "saving" its result, within the first "case", "between" two cases, or "hang" there until
somebody else kills it; "power_loss": leave what a disk keeps of unsynced writes; "boot_id":
pretend to run in this boot; "journal": a file that collects what was done; "light": cases and
pages that cost no time; "suspect": the gate finds a step}
"""

import json
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from edgejoule import command_line  # noqa: E402
from edgejoule.bench import bundle, environment, records, runner  # noqa: E402
from edgejoule.bench.gates import confirm, judgement  # noqa: E402
from edgejoule.bench.nights import night, night_stages  # noqa: E402
from rigs import bundles, ended_worker  # noqa: E402

DIRT = '{"schema": 1, "stage": "do'


def main(plan, words) -> int:
    """Exit code of the command, if it lives to give one."""
    environment.git = lambda: {"commit": "c" * 40, "dirty": False}  # who tests may also commit
    if plan.get("boot_id"):
        night.boot_id = lambda: plan["boot_id"]
    if plan.get("light"):
        lighten(plan)
    if plan.get("stage"):
        mine(plan)
    return command_line.main(words)


def lighten(plan):
    """Replaces what costs seconds: training, drawing pages, waiting for the disk."""

    def work(path):
        job = json.loads((path / "case.json").read_text())
        note(plan, "case " + job["case_id"])
        prune = {key: value for key, value in job["case"]["prune"].items() if key != "label"}
        found = bundles.record(
            job["case"]["prune"]["recipe"],
            prune,
            0,
            "fake",
            1,
            case=job["case"],
            case_id=job["case_id"],
            suite=job["suite"],
            attempts=job["attempts"],
        )
        bundle.write_text(path / "run.json", json.dumps(found))
        bundle.write_text(path / "trace.json", "{}")
        records.from_json((path / "run.json").read_text())
        return 0

    os.fsync = lambda handle: None  # what a kill leaves behind is in memory anyway
    runner.start_worker = ended_worker.instead(work)
    night_stages.edgejoule = lambda words: note(plan, words[0]) or (0, "")
    judgement.judge = lambda *_: judged(plan)
    confirm.confirm = lambda *_: confirmed(plan)


def judged(plan):
    """What a gate would say: all is well, or one suspect."""
    note(plan, "judged")
    if not plan.get("suspect"):
        return judgement.Judgement("PASS", [], ["compared by hand"], 2, [])
    finding = {
        "label": "dense",
        "metric": "joules",
        "unit": "J",
        "kind": "regression",
        "before": 1.0,
        "after": 1.05,
        "ratio": 1.05,
        "confirmed": None,
        "until": {"night": "2026-11-19", "commit": "a" * 40},
        "since": {"night": "2026-11-20", "commit": "b" * 40},
        "sentence": "it rose",
    }
    return judgement.Judgement("FAIL", [finding], [], 2, [])


def confirmed(plan):
    """What an A/B of two commits would say."""
    note(plan, "confirmed")
    ratio = {"median": 1.05, "low": 1.04, "high": 1.06}
    metrics = {"joules": {"ratio": ratio, "verdict": plan["suspect"]}}
    return {
        "verdict": plan["suspect"],
        "a": "commit a",
        "b": "commit b",
        "notes": [],
        "subjects": [{"label": "dense", "pairs": 8, "metrics": metrics}],
    }


def mine(plan):
    """Lays the kill where the plan wants it."""
    stage, moment = plan["stage"], plan["moment"]
    if moment == "hang":
        night_stages.DO[stage] = lambda *_: note(plan, "hanging") or signal.pause()
    elif moment in ("before", "after"):
        stop_round(plan, night_stages.DO, stage, moment)
    elif moment == "saving":
        stop_round(plan, {}, stage, moment)
    elif moment == "case":
        before = runner.start_worker
        runner.start_worker = lambda path, place: (die_in_case(plan, path), before(path, place))[1]
    else:
        finish = bundle.finish
        bundle.finish = lambda *words: (finish(*words), die(plan))[0]


def stop_round(plan, table, stage, moment):
    """Kills before a stage, after its work, or while its result is written."""
    if moment == "saving":
        real = os.replace

        def replace(old, new):
            if str(new).endswith("night.json") and left(plan, old, stage):
                die(plan)
            return real(old, new)

        os.replace = replace
        return
    work = table[stage]

    def wrapped(*words):
        if moment == "before":
            die(plan)
        work(*words)
        return die(plan)

    table[stage] = wrapped


def left(plan, path, stage) -> bool:
    """True if a night.json about to be written has left that stage."""
    now = json.loads(Path(path).read_text())["stage"]
    return night.STAGES.index(now) > night.STAGES.index(stage)


def die_in_case(plan, path):
    """A case dies half written."""
    (path / "run.json.part").write_text(DIRT)
    die(plan)


def die(plan):
    """Kills the whole process group, as an out-of-memory killer or a power cut would."""
    if plan.get("power_loss"):
        for folder in Path(plan["history"]).glob("*/*/*/"):
            for name in ("night.json.part", "suite.json.part", "run.json.part"):
                (folder / name).write_text(DIRT)
        (Path(plan["history"]) / "index.sqlite").write_bytes(b"SQLite format 3\0" + b"\0" * 84)
    note(plan, "killed")
    os.killpg(0, signal.SIGKILL)


def note(plan, what):
    """One line of the journal."""
    with open(plan["journal"], "a") as journal:
        journal.write(what + "\n")


if __name__ == "__main__":
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2:]))
