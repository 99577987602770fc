"""Runs one case in this process and leaves its bundle: `launch.py bench.worker FOLDER`.

FOLDER holds `case.json`. One process per case, so that no cache, allocator or CUDA context of
one run weighs on the next.
"""

import json
import sys
import traceback
from datetime import datetime, timezone
from pathlib import Path

import torch

from edgejoule import needs
from edgejoule.bench import bundle, checks, environment, plugins, records, suite
from edgejoule.bench.measure import Ledger
from edgejoule.bench.progress import Progress
from edgejoule.bench.training import journal
from edgejoule.bench.training.loop import channels
from edgejoule.bench.training.resume import ResumingTrainer
from edgejoule.devices import choose, conditions, health
from edgejoule.devices.meter import Meter
from edgejoule.prune import cost, export
from edgejoule.prune.mask import Mask


def main(folder: Path) -> int:
    """Exit code: 0 done, 1 the run failed, 4 what was asked cannot be done."""
    with open(str(folder / "log"), "a", buffering=1) as log:
        try:
            run(folder, log)
            return 0
        except (ValueError, OSError) as error:
            return _told(log, error, 4)
        except ImportError as error:  # of what one data set or method needs, as scikit-learn
            return _told(log, needs.sentence("this case", error) or error, 4)
        except Exception as error:  # noqa: B902 the log keeps the traceback, the user a line
            return _told(log, error, 1)


def run(folder: Path, log) -> None:
    """Trains, prunes and measures the case, and writes everything but the rename."""
    job = json.loads((folder / "case.json").read_text(encoding="utf8"))
    case = suite.Case(**job["case"])
    device = choose.open(case.measure["power"], fake_power=case.measure["fake_power"] or None)
    started, before = _now(), state(device)
    data, model = _seeded(case)
    progress = Progress(job["case_id"], log)
    with Meter(device, period_s=case.measure["period_s"]) as meter:
        ledger = Ledger(meter, synchroniser(model))
        kept = journal.Journal(folder, journal.key(case, meter.info._asdict()))
        trainer = ResumingTrainer(kept, model, data, case.train, ledger, progress, hottest)
        dense = _model_record(model, trainer.example)
        outcome = _recipe(case, trainer)
        accuracy = trainer.accuracy()
        trace, warnings = meter.trace(), list(meter.warnings())
        info, own = meter.info._asdict(), meter.cost()
    progress.close()
    after = state(device)
    device.close()
    _export(folder, outcome, trainer.example)
    _write(
        folder,
        records.RunRecord(
            schema=records.SCHEMA,
            suite=job["suite"],
            case_id=job["case_id"],
            label=suite.label(case),
            case=case._asdict(),
            attempts=job["attempts"],
            started_utc=started,
            finished_utc=_now(),
            device=info,
            environment=dict(
                environment.describe(),
                before=before,
                after=after,
                meter=own,
                resumed=trainer.resumed,
            ),
            dense=dense,
            final=_model_record(outcome.model, trainer.example),
            phases=[phase._asdict() for phase in ledger.phases],
            epochs=[epoch._asdict() for epoch in ledger.epochs],
            accuracy=accuracy,
            ticket=_ticket(outcome),
            layers=_layers(outcome),
            warnings=trainer.warnings + list(outcome.notes) + warnings,
            facts=outcome.facts,
        ),
        trace,
    )
    kept.remove()


def synchroniser(model):
    """Waits for the device to finish what it was given; nothing to do on a CPU."""
    if next(model.parameters()).is_cuda:
        return torch.cuda.synchronize
    return lambda: None


def state(device):
    """The machine's conditions now, and what the doctor's quick checks say of them."""
    now = conditions.snapshot()
    checks = health.quick(device.info(), now, device.notes())
    return dict(now, checks=[check._asdict() for check in checks])


def hottest():
    """Degrees of the hottest zone now, or None."""
    zones = (conditions.snapshot().get("celsius") or {}).values()
    return max(zones) if zones else None


def _seeded(case):
    """(data, dense model on its device), the same for the same seed."""
    if case.train["threads"]:
        torch.set_num_threads(case.train["threads"])
    torch.manual_seed(case.train["seed"])
    options = {k: v for k, v in case.dataset.items() if k not in ("name", "root")}
    source = plugins.load("bench/datasets", case.dataset["name"])
    data = source.load(case.dataset["root"], **options)
    options = {k: v for k, v in case.model.items() if k != "name"}
    model = plugins.load("bench/models", case.model["name"]).build(
        source.CLASSES, source.INPUT_SHAPE[0], **options
    )
    _fits(model, data.train[0][0].unsqueeze(0), case)
    return data, model.to(_device(case.train["device"]))


def _fits(model, example, case):
    """Raises a ValueError if the model cannot take the data set's pictures."""
    try:
        with torch.no_grad():
            model.eval()(example)
    except RuntimeError as error:
        raise ValueError(
            "model {!r} does not take the pictures {} of {!r}: {}".format(
                case.model["name"],
                list(example.shape[1:]),
                case.dataset["name"],
                str(error).splitlines()[0],
            )
        )


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(
            'train.device = {!r}, but torch sees no CUDA device; use "cpu" or "auto"'.format(name)
        )
    return name


def _recipe(case, trainer):
    options = {k: v for k, v in case.prune.items() if k not in ("recipe", "label")}
    return plugins.load("prune/recipes", case.prune["recipe"]).run(trainer, **options)


def _model_record(model, example):
    counted = cost.count(model, example)
    return records.ModelRecord(
        counted.params,
        counted.forward_macs,
        counted.train_macs,
        channels(model),
        list(counted.uncounted),
    )._asdict()


def _export(folder, outcome, example):
    """The final model as a plan and its weights; a mask over single weights cuts nothing."""
    plan = export.plan(outcome.groups or (), _channel_mask(outcome), example)
    export.save(str(folder), outcome.model, plan)


def _channel_mask(outcome) -> Mask:
    return outcome.mask if outcome.groups else Mask({})


def _ticket(outcome):
    if outcome.ticket is None:
        return None
    ticket = outcome.ticket._asdict()
    ticket.pop("mask", None)
    return ticket


def _layers(outcome):
    mask = _channel_mask(outcome)
    return [
        {"group": group.name, "channels": group.channels, "kept": int(mask[group.name].sum())}
        for group in outcome.groups or ()
        if group.name in mask
    ]


def _write(folder, record, trace):
    bundle.write_text(folder / "trace.json", trace.to_json())
    judged = record._replace(warnings=record.warnings + checks.sentences(record))
    bundle.write_text(folder / bundle.RECORD, records.to_json(judged))


def _told(log, error, code):
    print("edgejoule: " + " ".join(str(error).split()), file=sys.stderr)
    try:
        traceback.print_exc(file=log)
        log.flush()
    except OSError:  # a full disk has no room for the story either
        return code
    return code


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
