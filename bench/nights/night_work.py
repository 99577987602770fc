"""Which night is to be done now: one that was interrupted, or tonight's. Free of torch."""

from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from edgejoule.bench import device_lock, suite
from edgejoule.bench.history import store
from edgejoule.bench.nights import night, night_stages, trace_keeping
from edgejoule.devices import choose
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.reading import DeviceInfo

Say = Callable[[str], None]


def tonight(
    history_folder: store.Folder,
    options: Dict[str, Any],
    asked_night: Optional[str],
    again: bool,
    say: Say,
    clock: Clock = MACHINE,
) -> List[Dict]:
    """The documents of the nights that were done: what was left unfinished, then tonight's.

    `options` are those of the command line, as night.json keeps them.

    Raises:
        Busy: another process holds the device.
    """
    asked = suite.read(options["suite"], options["overrides"])
    root = Path(history_folder)
    info = look(asked)
    device = device_of(root, asked.name, info)
    with device_lock.hold(device, "a night of suite {}".format(asked.name)) as held:
        done = [
            _finished(root, each, held, say, clock)
            for each in night.unfinished(root, device, asked.name)
        ]
        name = free_name(root / device, asked.name, asked_night, again)
        if any(each["night"] == name for each in done) and not again:  # tonight's was unfinished
            return done
        work = night.Work(asked, root, device, name, options, say, clock)
        found = store.document(work.folder)
        if found:
            say("night {} of suite {} is done; --again does a second one".format(name, asked.name))
            return done + [found]
        held.tell(_title(work))
        return done + [night_stages.walk(work, night.begin(work, info))]


def finish_all(
    history_folder: store.Folder, name: Optional[str], say: Say, clock: Clock = MACHINE
) -> List[Dict]:
    """Finishes every unfinished night of this machine whose device answers; of all suites.

    Returns the documents of those that it finished.

    Raises:
        Busy: every one of them is held by another process.
    """
    root, busy = Path(history_folder), None
    done: List[Dict] = []
    wanted = suite.read(name).name if name else None
    for each in night.unfinished(root, None, wanted):
        if not _answers(each):
            say(
                "night {} of suite {}: its device {} does not answer; it stays unfinished".format(
                    each.night, each.suite, each.device
                )
            )
            continue
        try:
            with device_lock.hold(each.device, "a night of suite {}".format(each.suite)) as held:
                # somebody else may have finished it before we held the device
                if night.is_unfinished(store.document(each.folder)):
                    done.append(_finished(root, each, held, say, clock))
        except device_lock.Busy as error:
            busy = error
            say(str(error))
    if busy and not done:
        raise busy
    return done


def plan(
    history_folder: store.Folder,
    options: Dict[str, Any],
    asked_night: Optional[str],
    again: bool,
) -> Dict:
    """What `tonight` would do, as plain JSON."""
    asked, root = suite.read(options["suite"], options["overrides"]), Path(history_folder)
    device = device_of(root, asked.name, look(asked))
    name = free_name(root / device, asked.name, asked_night, again)
    earlier = store.nights(root, device, asked.name)
    blessed = trace_keeping.blessed(root / device, asked.name)
    there = [each for each in earlier if each.night == name and each.document]
    return {
        "device": device,
        "suite": asked.name,
        "night": name,
        "then": "is done, nothing is to do" if there else " -> ".join(night.STAGES),
        "unfinished": [e.night for e in night.unfinished(root, device, asked.name)],
        "cases": [] if there else [suite.case_id(case) for case in asked.cases],
        "nights": len(earlier),
        "prunable": [
            each.night for each in trace_keeping.prunable(earlier, blessed, options["keep_traces"])
        ],
    }


def device_of(root: Path, suite_name: str, info: DeviceInfo) -> str:
    """The name of tonight's device. A sensor that is silent tonight is no new device.

    If this machine has done the suite's nights with one sensor only, it is that one, and the
    doctor will refuse.
    """
    known = {
        each.device
        for each in store.nights(root, None, suite_name)
        if (each.document or {}).get("machine") == night.machine()
    }
    return (
        known.pop()
        if info.reason is not None and len(known) == 1
        else store.device_slug(info._asdict())
    )


def look(asked: suite.Suite) -> DeviceInfo:
    """The `DeviceInfo` of the one sensor that a suite measures with; it may say why it is silent.

    Raises:
        ValueError: it measures with several.
    """
    if not asked.cases:
        raise ValueError("suite {}: it has no cases".format(asked.name))
    found = sorted({(case.measure["power"], case.measure["fake_power"]) for case in asked.cases})
    if len(found) > 1:
        raise ValueError(
            "suite {}: a night measures with one sensor, this suite names {}; "
            "choose with --device".format(
                asked.name, ", ".join(fake or power for power, fake in found)
            )
        )
    try:
        device = choose.open(found[0][0], fake_power=found[0][1] or None)
    except RuntimeError as error:  # the doctor refuses it, so that the night is there, INVALID
        device = choose.load("none").open(str(error))
    try:
        return device.info()
    finally:
        device.close()


def free_name(folder: Path, suite_name: str, asked_night: Optional[str], again: bool) -> str:
    """The night to do; a night whose document cannot be read is left alone."""
    name = night.name(folder, suite_name, asked_night, again)
    there = folder / name / suite_name
    if (there / store.DOCUMENT).exists() and store.document(there) is None:
        return night.name(folder, suite_name, asked_night, True)
    return name


def _finished(
    root: Path, each: store.Night, held: device_lock.Held, say: Say, clock: Clock
) -> Dict:
    """The document of an interrupted night, finished as it was begun."""
    document = store.document(each.folder) or {}
    if night.is_alive(document):
        raise device_lock.Busy(
            "night {} of suite {} on {} is worked on by process {}".format(
                each.night, each.suite, each.device, document["pid"]
            )
        )
    options = document["options"]
    work = night.Work(_asked(document), root, each.device, each.night, options, say, clock)
    held.tell(_title(work))
    return night_stages.walk(work, night.resume(work, document))


def _asked(document: Dict) -> suite.Suite:
    """The suite as it was asked for; without cases if it cannot be read any more."""
    try:
        return suite.read(document["options"]["suite"], document["options"]["overrides"])
    except ValueError:
        return suite.Suite(document["suite"], "", "", ())


def _answers(each: store.Night) -> bool:
    """True if the device of a night is there; without a case to measure none is needed."""
    asked = _asked(each.document or {})
    try:
        return not asked.cases or store.device_slug(look(asked)._asdict()) == each.device
    except ValueError:
        return False


def _title(work: night.Work) -> str:
    return "night {} of suite {}".format(work.night, work.asked.name)
