"""Phases that several cases have in common, trained and measured once for all of them.

A recipe says what a phase does where that is all it does (`prune.trainer.Trainer.phase`). Two
phases are the same work if they do the same with the same network, in the same state of every
random generator and under the same settings, data, code, versions, threads and power sensor. The
first case that comes to such a phase trains it and leaves it here; all others put back what it
left behind, and their records hold the measurement of the one that trained, and say whose it is.

    runs/.phases/<address>.lock                one process trains, others wait; free when it dies
    runs/.phases/<address>/source.json         which case trained it, and when
    runs/.phases/<address>/journal/...         as `bench.training.journal` has it

The address is the digest of all that makes the work the same. Only what is whole is found, so a
runner may be killed at any time. The folder can be deleted whenever no run is going on.
"""

import fcntl
import hashlib
import json
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Optional

import torch
from torch import Tensor

from edgejoule.bench import bundle
from edgejoule.bench.data import Data, Split
from edgejoule.bench.training.journal import Journal, Phase

FOLDER = ".phases"  # in the runs folder
SAMPLES = 8  # of either split, that stand for the data: reading all would take longer than it saves


class Loan:
    """A phase on the shelf, held by this process alone."""

    def __init__(self, journal: Journal, source: Path, borrower: Dict[str, Any]) -> None:
        self._journal, self._source, self._borrower = journal, source, borrower

    def phase(self) -> Optional[Phase]:
        """The finished phase, None if nobody has trained it."""
        return self._journal.phase(0) if self._source.exists() else None

    def source(self) -> Dict[str, Any]:
        """Which case trained it: suite, case_id, finished_utc."""
        found: Dict[str, Any] = json.loads(self._source.read_text(encoding="utf8"))
        return found

    @property
    def own(self) -> bool:
        """True if it is this case itself that trained it, in an earlier attempt."""
        return dict(self.source(), **self._borrower) == self.source()

    def keep(self, phase: Phase) -> None:
        """Leaves a phase that was trained now for all others."""
        self._journal.keep(0, phase)
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        source = dict(self._borrower, finished_utc=now)
        bundle.write_text(self._source, json.dumps(source) + "\n")


class Shelf:
    """Where the cases of a runs folder leave the phases that others may need too.

    Args:
        runs: the folder of run bundles.
        key: what two cases must have in common whatever the phase, as JSON (see `key`).
        borrower: the suite and case_id of who asks.
    """

    def __init__(self, runs: Path, key: Dict[str, Any], borrower: Dict[str, Any]) -> None:
        self._folder, self._key, self._borrower = Path(runs) / FOLDER, key, borrower

    @contextmanager
    def held(
        self, work: Dict[str, Any], state: Dict[str, Tensor], wait: Callable[[], None]
    ) -> Iterator[Loan]:
        """This work, for this process alone; `wait` is called if another process is at it.

        `state` is everything that the work starts from.
        """
        # by way of text: a key is compared with one that was read, and JSON has no tuples
        key = json.loads(json.dumps(dict(self._key, work=work, state=digest(state))))
        address = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]
        self._folder.mkdir(parents=True, exist_ok=True)
        with open(str(self._folder / (address + ".lock")), "a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                wait()
                fcntl.flock(file, fcntl.LOCK_EX)
            place = self._folder / address
            yield Loan(Journal(place, key), place / "source.json", self._borrower)


def key(own: Dict[str, Any], data: Data, host: str) -> Dict[str, Any]:
    """What equal phases of two cases have in common, as JSON; `own` is the case's journal's key."""
    case = {name: own["case"][name] for name in ("model", "dataset", "train", "measure")}
    return dict(
        own, case=case, host=host, data=[_sampled(each) for each in (data.train, data.test)]
    )


def digest(state: Dict[str, Tensor]) -> str:
    """32 hex digits, the same for equal names, shapes and bits, else different."""
    found = hashlib.blake2b(digest_size=16)
    for name, value in sorted(state.items()):
        found.update("{} {} {}".format(name, value.dtype, tuple(value.shape)).encode())
        found.update(value.detach().cpu().numpy().tobytes())
    return found.hexdigest()


def _sampled(split: Split) -> str:
    """The size of a split and a digest of a few of its samples: other files, other data."""
    places = sorted({number * (len(split) - 1) // (SAMPLES - 1) for number in range(SAMPLES)})
    state = {str(place): torch.as_tensor(split[place][0]) for place in places}
    labels = [int(split[place][1]) for place in places]
    return "{} {} {}".format(len(split), digest(state), labels)
