"""Finished phases of an attempt, on disk: what an interrupted case goes on from.

    .<case_id>.open/journal/key.json        what makes two attempts the same work
    .<case_id>.open/journal/phase-00.pt     per call of `train`: weights, momentum, random numbers
    .<case_id>.open/journal/phase-00.json   the phase's record; written last, so present means whole

Phases, not epochs: half a phase has no joules. A phase of an earlier attempt is as good a
measurement as one of this attempt, and the record says which it was.
"""

import hashlib
import json
import platform
import shutil
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

import torch

from edgejoule.bench import bundle
from edgejoule.bench.records import EpochRecord, PhaseRecord
from edgejoule.prune import tensor_file

ROOT = Path(__file__).resolve().parent.parent.parent
CODE = ("bench", "prune")  # whatever changes in them may change the result


class Call(NamedTuple):
    """One call of `Trainer.train`: what it left behind."""

    entry: str  # fingerprint of the network that it was given
    tensors: Dict[str, torch.Tensor]
    done: int  # epochs
    epochs: List[EpochRecord]
    warnings: List[str]
    memory: Optional[Dict]  # of the caller, as JSON


class Phase(NamedTuple):
    """A finished phase: the network it began with, its account and its calls."""

    entry: str  # fingerprint
    record: PhaseRecord
    calls: List[Call]


class Journal:
    """The phases under a folder that belong to this key; others are removed at once."""

    def __init__(self, folder: Path, key: Dict):
        self.folder = Path(folder) / bundle.JOURNAL
        if _read(self.folder / "key.json") != key:
            shutil.rmtree(str(self.folder), ignore_errors=True)
            self.folder.mkdir(parents=True)
            bundle.write_text(self.folder / "key.json", json.dumps(key))

    def phase(self, number: int) -> Optional[Phase]:
        """A phase of an earlier attempt; None if it was not finished or cannot be read."""
        found = _read(self._path(number, ".json"))
        try:
            tensors = tensor_file.state(str(self._path(number, ".pt"))) if found else {}
            return found and _phase(found, tensors)
        except (OSError, ValueError, KeyError, TypeError):
            return None

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
        bundle.write_text(
            self._path(number, ".json"),
            json.dumps({"entry": phase.entry, "record": phase.record._asdict(), "calls": calls}),
        )

    def remove(self) -> None:
        """The case is done: nobody goes on from here."""
        shutil.rmtree(str(self.folder), ignore_errors=True)

    def _path(self, number: int, suffix: str) -> Path:
        return self.folder / "phase-{:02d}{}".format(number, suffix)


def key(case, device: Dict) -> Dict:
    """What two attempts must share for one to go on from the other: bit-equal work, one sensor."""
    digest = hashlib.sha256()
    for path in sorted(each for name in CODE for each in (ROOT / name).rglob("*.py")):
        digest.update(path.read_bytes())
    return {
        "case": json.loads(json.dumps(case._asdict())),
        "code": digest.hexdigest(),
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "sensor": [str(device.get(name)) for name in ("adapter", "name", "rail", "fake")],
        "threads": torch.get_num_threads(),
    }


def fingerprint(model) -> str:
    """Hex digits that tell two networks apart: names, shapes and every bit of their tensors."""
    digest = hashlib.blake2b(digest_size=16)
    for name, value in model.state_dict().items():
        digest.update("{} {}".format(name, tuple(value.shape)).encode())
        digest.update(value.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


def _phase(found: Dict, tensors: Dict) -> Phase:
    calls = []
    for place, call in enumerate(found["calls"]):
        prefix = "{}/".format(place)
        own = {
            name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)
        }
        epochs = [EpochRecord(**dict(each, start_s=None)) for each in call["epochs"]]
        calls.append(Call(**dict(call, tensors=own, epochs=epochs)))
    record = PhaseRecord(**dict(found["record"], start_s=None, end_s=None))
    return Phase(found["entry"], record, calls)


def _read(path: Path):
    try:
        return json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError):
        return None
