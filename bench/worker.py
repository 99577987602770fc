"""Runs one case in this process and leaves its bundle: `launch.py bench.worker FOLDER`.

FOLDER holds `case.json`. One process per case, so that no cache, allocator or CUDA context of
one run weighs on the next.
"""

import contextlib
import json
import platform
import sys
import traceback
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, TextIO, Tuple

import torch
from torch import Tensor, nn

from edgejoule import needs, plugins
from edgejoule.bench import bundle, checks, environment, fit, plan, records, rounds, suite
from edgejoule.bench.data import Data
from edgejoule.bench.measure import Ledger
from edgejoule.bench.progress import Progress
from edgejoule.bench.training import initial, journal, shared
from edgejoule.bench.training.loop import channels
from edgejoule.bench.training.resume import ResumingTrainer
from edgejoule.devices import choose, conditions, health
from edgejoule.devices.meter import Meter
from edgejoule.devices.trace import PowerTrace
from edgejoule.prune import cost, export
from edgejoule.prune.mask import Mask
from edgejoule.prune.outcome import Outcome


class Measured(NamedTuple):
    """What is known of a case once it was trained, pruned and measured."""

    trainer: ResumingTrainer
    kept: journal.Journal  # the phases on disk, of no use once the record is written
    dense: Dict  # ModelRecord before the recipe
    outcome: Outcome
    accuracy: float  # of the final model on the test set, fraction
    trace: PowerTrace
    warnings: List[str]  # of the meter
    device: Dict  # DeviceInfo
    overhead: Dict  # what measuring itself cost


def main(folder: Path) -> int:
    """Exit code: 0 done, 1 the run failed, 4 what was asked cannot be done."""
    with open(str(folder / "log"), "a", buffering=1) as log:
        try:
            run(folder, log)
            return 0
        except (ValueError, OSError) as error:
            return _failed(log, error, 4)
        except ImportError as error:  # of what one data set or method needs, as scikit-learn
            return _failed(log, needs.sentence("this case", error) or error, 4)
        except Exception as error:  # the log keeps the traceback, the user gets a line
            return _failed(log, error, 1)


def run(folder: Path, log: TextIO) -> None:
    """Trains, prunes and measures the case, and writes everything but the rename."""
    job = json.loads((folder / "case.json").read_text(encoding="utf8"))
    plugins.use(**job.get("plugins", {}))
    case = suite.Case(**job["case"])
    if _device(case.train["device"]).startswith("cuda"):
        torch.cuda.init()  # a laptop's GPU that sleeps is passed over by a sensor's choice
    device = choose.open(case.measure["power"], fake_power=case.measure["fake_power"] or None)
    started, before = _now(), state(device)
    measured = _measured(folder, case, device, job, log)
    after = state(device)
    device.close()
    _export(folder, measured.outcome, measured.trainer.example)
    surroundings = dict(
        environment.describe(),
        before=before,
        after=after,
        meter=measured.overhead,
        resumed=measured.trainer.resumed,
        shared=measured.trainer.shared,
        samples=measured.trainer.sampled,
    )
    # by phase, since one that was taken over may have been measured beside others
    beside = [each.side_by_side for each in measured.trainer.ledger.phases if each.side_by_side]
    if beside:
        surroundings["side_by_side"] = max(beside)
    if measured.trainer.loading.facts:
        surroundings["loading"] = measured.trainer.loading.facts
    record = _record(job, case, measured, started, surroundings)
    bundle.write_text(folder / "trace.json", measured.trace.to_json())
    bundle.write_text(folder / bundle.RECORD, records.to_json(record))
    measured.kept.remove()


def _measured(
    folder: Path, case: suite.Case, device: Any, job: Dict[str, Any], log: TextIO
) -> Measured:
    """The case trained, pruned and measured."""
    beside = job.get("side_by_side")
    data, model = _seeded(case, job.get("threads"))
    progress = Progress(job.get("title", job["case_id"]), log, job.get("eta"), beside is None)
    if progress.live:  # nobody else looks at the time that is left
        progress.expect(plan.ahead(case))
    with Meter(device, period_s=case.measure["period_s"]) as meter:
        ledger = Ledger(meter, synchroniser(model))
        ledger.side_by_side = beside
        kept = journal.Journal(folder, journal.key(case, meter.info._asdict()))
        trainer = ResumingTrainer(
            kept, model, data, case.train, ledger, progress, hottest, _builder(case)
        )
        if job.get("share"):
            trainer.shelf = _shelf(folder, job, case, data, meter)
        trainer.rounds = rounds.Writer(folder)
        dense = _model_record(model, trainer.example)  # now: the recipe changes the model
        initial.pretrain(trainer, case.train)
        outcome = _recipe(case, trainer)
        trainer.rounds.close()
        measured = Measured(
            trainer,
            kept,
            dense,
            outcome,
            trainer.accuracy(),
            meter.trace(),
            list(meter.warnings()),
            meter.info._asdict(),
            meter.cost(),
        )
    progress.close()
    return measured


def _record(
    job: Dict[str, Any],
    case: suite.Case,
    measured: Measured,
    started_utc: str,
    surroundings: Dict[str, Any],
) -> records.RunRecord:
    """The record of a run, with what it thinks of itself."""
    trainer, outcome = measured.trainer, measured.outcome
    record = records.RunRecord(
        schema=records.SCHEMA,
        suite=job["suite"],
        case_id=job["case_id"],
        label=suite.label(case),
        case=case._asdict(),
        attempts=job["attempts"],
        started_utc=started_utc,
        finished_utc=_now(),
        device=measured.device,
        environment=surroundings,
        dense=measured.dense,
        final=_model_record(outcome.model, trainer.example),
        phases=[phase._asdict() for phase in trainer.ledger.phases],
        epochs=[epoch._asdict() for epoch in trainer.ledger.epochs],
        accuracy=measured.accuracy,
        ticket=_ticket(outcome),
        layers=_layers(outcome),
        warnings=trainer.warnings + list(outcome.notes) + measured.warnings,
        facts=outcome.facts,
        fingerprint=journal.fingerprint(outcome.model),
        hashed=True,  # by the runner, which closes the bundle
        top5_accuracy=trainer.top5_accuracy,  # of the same evaluation as `accuracy`
    )
    return record._replace(warnings=record.warnings + checks.sentences(record))


def _shelf(
    folder: Path, job: Dict[str, Any], case: suite.Case, data: Data, meter: Meter
) -> shared.Shelf:
    """Where this case finds phases that others have trained, and leaves its own."""
    own = journal.key(case, meter.info._asdict())
    own["side_by_side"] = job.get("side_by_side")  # its timings are like those of no other run
    borrower = {name: job[name] for name in ("suite", "case_id")}
    return shared.Shelf(folder.parent.parent, shared.key(own, data, platform.node()), borrower)


def synchroniser(model: nn.Module) -> Callable[[], None]:
    """A function that waits until the device has done what it was given; a CPU has, always."""
    if next(model.parameters()).is_cuda:
        return torch.cuda.synchronize
    return lambda: None


def state(device: Any) -> Dict[str, Any]:
    """The machine's conditions now, and what the doctor's quick checks say of them."""
    now = conditions.snapshot()
    found = health.quick(device.info(), now, device.notes())
    return dict(now, checks=[check._asdict() for check in found])


def hottest() -> Optional[float]:
    """Degrees Celsius of the hottest zone now; None where no zone tells a temperature."""
    zones = (conditions.snapshot().get("celsius") or {}).values()
    return max(zones) if zones else None


def _seeded(case: suite.Case, threads: Optional[int]) -> Tuple[Data, nn.Module]:
    """(data, dense model on its device), the same for the same seed.

    `threads` is how many there may be at most where the case does not set it.
    """
    if case.train["threads"]:
        torch.set_num_threads(case.train["threads"])
    elif threads is not None:  # never more than torch itself would take, as by OMP_NUM_THREADS
        torch.set_num_threads(min(threads, torch.get_num_threads()))
    torch.manual_seed(case.train["seed"])  # before anything draws: weights come from it
    options = {k: v for k, v in case.dataset.items() if k not in ("name", "root")}
    source = plugins.load("datasets", case.dataset["name"])
    data = source.load(case.dataset["root"], **options)
    model = _builder(case)()
    fit.check(model.eval(), data.train[0][0].unsqueeze(0), case.model["name"], case.dataset["name"])
    return data, model.to(_device(case.train["device"]))


def _builder(case: suite.Case) -> Callable[[], nn.Module]:
    """What makes the case's dense network, with weights from torch's present random numbers."""
    source = plugins.load("datasets", case.dataset["name"])
    options = {k: v for k, v in case.model.items() if k != "name"}
    build = partial(
        plugins.load("models", case.model["name"]).build,
        source.CLASSES,
        source.INPUT_SHAPE[0],
        **options,
    )
    return lambda: initial.drawn(build(), case.train)


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(
            'train.device = {!r}, but torch sees no CUDA device; use "cpu" or "auto"'.format(name)
        )
    return name


def _recipe(case: suite.Case, trainer: ResumingTrainer) -> Outcome:
    options = {k: v for k, v in case.prune.items() if k not in ("recipe", "label")}
    return plugins.load("recipes", case.prune["recipe"]).run(trainer, **options)


def _model_record(model: nn.Module, example: Tensor) -> Dict[str, Any]:
    counted = cost.count(model, example)
    return records.ModelRecord(
        counted.params,
        counted.forward_macs,
        counted.train_macs,
        channels(model),
        list(counted.uncounted),
    )._asdict()


def _export(folder: Path, outcome: Outcome, example: Tensor) -> None:
    """Writes the final model as a plan and its weights."""
    plan = export.plan(outcome.groups or (), _channel_mask(outcome), example)
    export.save(str(folder), outcome.model, plan)


def _channel_mask(outcome: Outcome) -> Mask:
    """Which channels stay; an empty mask where none were cut, as with masks over weights."""
    return outcome.mask if outcome.groups and outcome.mask is not None else Mask({})


def _ticket(outcome: Outcome) -> Optional[Dict[str, Any]]:
    if outcome.ticket is None:
        return None
    ticket = outcome.ticket._asdict()
    ticket.pop("mask", None)  # tensors, and `layers` says what they came to
    return ticket


def _layers(outcome: Outcome) -> List[Dict[str, Any]]:
    mask = _channel_mask(outcome)
    return [
        {"group": group.name, "channels": group.channels, "kept": int(mask[group.name].sum())}
        for group in outcome.groups or ()
        if group.name in mask
    ]


def _failed(log: TextIO, error: object, code: int) -> int:
    """The exit code, after one line for the user and the traceback for the log."""
    print("edgejoule: " + " ".join(str(error).split()), file=sys.stderr)
    with contextlib.suppress(OSError):  # a full disk has no room for the traceback either
        traceback.print_exc(file=log)
        log.flush()
    return code


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
