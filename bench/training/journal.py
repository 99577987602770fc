"""Finished phases of an interrupted case, on disk, so that the next attempt need not repeat them.

An attempt is one process that works on a case. It writes each phase here when the phase ends. If
it is killed, the next attempt finds these files and takes the phases over; see
`bench.training.resume` for how. A case that is finished needs its journal no more.

    .<case_id>.open/journal/key.json        what makes two attempts the same work, see `key`
    .<case_id>.open/journal/phase-00.pt     tensors: weights, momentum, random generators' states
    .<case_id>.open/journal/phase-00.json   the phase's record and the epochs' records

Phases are numbered in the order in which the recipe asks for them. The JSON is written last, so
a phase whose JSON is there is complete.

Whole phases are kept, not epochs, because a phase is measured as one window: one that was cut in
two has no joules. A phase of an earlier attempt is as good a measurement as one of this attempt,
and the run's record says which phases were taken over.
"""

import hashlib
import json
import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional

import torch
from torch import Tensor, nn

from edgejoule import plugins
from edgejoule.bench import bundle
from edgejoule.bench.records import EpochRecord, PhaseRecord
from edgejoule.prune import tensor_file

if TYPE_CHECKING:
    from edgejoule.bench.suite import Case

ROOT = Path(__file__).resolve().parent.parent.parent
CODE = ("bench", "prune")  # whatever changes in them may change the result


class Call(NamedTuple):
    """What one call of `Trainer.train` left behind; a phase has as many as its recipe made."""

    entry: str  # fingerprint of the network before the call
    tensors: Dict[str, Tensor]  # of network, optimiser, random generators and memory afterwards
    done: int  # epochs trained
    epochs: List[EpochRecord]  # one for each of them
    warnings: List[str]  # given meanwhile
    memory: Optional[Any]  # what the recipe learned meanwhile, as JSON


class Phase(NamedTuple):
    """A finished phase: its measured record, and what to put back for each of its calls."""

    entry: str  # fingerprint of the network when the phase began
    record: PhaseRecord
    calls: List[Call]


class Journal:
    """The finished phases of a case, in `folder`/journal.

    Phases that were written under another key are removed at once: they are other work.
    """

    def __init__(self, folder: Path, key: Dict[str, Any]) -> None:
        self.folder = Path(folder) / bundle.JOURNAL
        if _read(self.folder / "key.json") != key:
            shutil.rmtree(str(self.folder), ignore_errors=True)
            self.folder.mkdir(parents=True)
            bundle.write_text(self.folder / "key.json", json.dumps(key))

    def phase(self, number: int) -> Optional[Phase]:
        """The phase of that number; None if it was not finished or cannot be read."""
        found = _read(self._path(number, ".json"))
        if not found:
            return None
        try:
            return _phase(found, tensor_file.state(str(self._path(number, ".pt"))))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # a broken file costs the time of its phase, not the run

    def keep(self, number: int, phase: Phase) -> None:
        """Puts a finished phase onto the disk, whole or not at all."""
        tensors = {
            "{}/{}".format(place, name): value
            for place, call in enumerate(phase.calls)
            for name, value in call.tensors.items()
        }
        tensor_file.write(str(self._path(number, ".pt")), tensors)
        calls = [
            dict(call._asdict(), tensors=None, epochs=[e._asdict() for e in call.epochs])
            for call in phase.calls
        ]
        # Last: its presence says that the tensors are there too.
        bundle.write_text(
            self._path(number, ".json"),
            json.dumps({"entry": phase.entry, "record": phase.record._asdict(), "calls": calls}),
        )

    def remove(self) -> None:
        """Deletes the journal: the case is done, or nothing in it can be used."""
        shutil.rmtree(str(self.folder), ignore_errors=True)

    def _path(self, number: int, suffix: str) -> Path:
        return self.folder / "phase-{:02d}{}".format(number, suffix)


def key(case: "Case", device: Dict[str, Any]) -> Dict[str, Any]:
    """What two attempts must have in common for one to take over phases of the other, as JSON.

    The same settings, code, versions and threads, so that the work is equal to the last bit; and
    the same power sensor, so that the joules of all phases can be added.
    """
    digest = hashlib.sha256()
    for path in sorted(each for name in CODE for each in (ROOT / name).rglob("*.py")):
        digest.update(path.read_bytes())
    return {
        # By way of text, because a key is compared with one that was read: JSON has no tuples.
        "case": json.loads(json.dumps(case._asdict())),
        "code": digest.hexdigest(),
        "plugins": plugins.digests(),
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "sensor": [str(device.get(name)) for name in ("adapter", "name", "rail", "fake")],
        "threads": torch.get_num_threads(),
    }


def fingerprint(model: nn.Module) -> str:
    """32 hex digits, the same for two networks of equal names, shapes and bits, else different."""
    digest = hashlib.blake2b(digest_size=16)
    for name, value in model.state_dict().items():
        digest.update("{} {}".format(name, tuple(value.shape)).encode())
        digest.update(value.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


def _phase(found: Dict[str, Any], tensors: Dict[str, Tensor]) -> Phase:
    calls = []
    for place, call in enumerate(found["calls"]):
        own = within(tensors, "{}/".format(place))
        epochs = [EpochRecord(**_without_clock(each, "start_s")) for each in call["epochs"]]
        calls.append(Call(**dict(call, tensors=own, epochs=epochs)))
    record = PhaseRecord(**_without_clock(found["record"], "start_s", "end_s"))
    return Phase(found["entry"], record, calls)


def _without_clock(record: Dict[str, Any], *moments: str) -> Dict[str, Any]:
    """The record with these moments unknown: they are on the clock of a trace that is lost."""
    return dict(record, **dict.fromkeys(moments))


def within(tensors: Dict[str, Tensor], prefix: str) -> Dict[str, Tensor]:
    """The tensors whose names begin with the prefix, named without it."""
    return {
        name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)
    }


def _read(path: Path) -> Any:
    """What a JSON file holds; None if it is not there or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError):
        return None
