"""Our runs as answers to published rows: every readable bundle, and those that a rule selects."""

import json
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from edgejoule.bench import rounds
from edgejoule.bench.history import store
from edgejoule.bench.records import RunRecord
from edgejoule.reports import load, sources
from edgejoule.reports.words import plain, plural

RUNS, HISTORY = "runs", "history"
NOT_RECORDED = "not recorded"
# what older records had before these became settings
BEFORE = {
    "model.slope": 0.0,
    "train.optimiser": "sgd",
    "train.schedule": "steps",
    "train.initialisation": "model",
    "train.gradient_clip": 0.0,
    "train.label_smoothing": 0.0,
    "train.ema": 0.0,
    "train.validation": 0.0,
    "train.patience": 0,
    "train.warmup_epochs": 0.0,
    "train.warmup_steps": 0,
}
ROUND = "run.round"  # what a rule calls the round of an iterative run that a row speaks of

Gap = Tuple[str, str, str]  # (setting, ours, published) of a setting that differs
Differences = Callable[[Dict, int], List[Gap]]  # of (a case, how many seeds ran it)


class Own(NamedTuple):
    """One run: its settings, what makes it a replicate of others, and its quantities."""

    case: Dict
    group: Tuple[str, str]  # (block, method): equal for replicates
    seed: int
    finished: str
    power: str  # where its joules come from, in words
    fake: bool  # the power is fake or estimated
    values: Dict[str, Optional[float]]  # by quantity, None if it is not known
    reasons: Tuple[str, ...]  # why joules are missing
    rounds: Dict[int, Dict[str, Optional[float]]] = {}  # values after each round that was kept

    def at(self, number: Optional[int]) -> Optional["Own"]:
        """The run as it stood after a round (None: at its end); None if that is not known."""
        if number is None or setting(self.case, "prune.rounds") == number:
            return self
        if number not in self.rounds:
            return None
        return self._replace(values=dict(dict.fromkeys(self.values), **self.rounds[number]))


class Answer(NamedTuple):
    """The runs that answer to a row: replicates of one method, one per seed.

    `others` is how many more methods would do.
    """

    runs: Tuple[Own, ...]
    differences: Tuple[Gap, ...]
    others: int


class Pool:
    """All runs, found by model, data set and recipe; `aside` bundles could not be read."""

    def __init__(self, runs: Iterable[Own], aside: int = 0):
        self.aside, self.count = aside, 0
        self._places: Dict[Tuple, List[Own]] = {}
        for run in runs:
            self.count += 1
            self._places.setdefault(_place(run.case), []).append(run)

    def answer(self, wanted: Optional[Dict], differences: Differences) -> Optional[Answer]:
        """The runs with all wanted settings that differ least from the published ones, or None.

        `wanted` may name a round: then the values are those after it.
        """
        if wanted is None:
            return None
        place = tuple(wanted[key] for key in ("model.name", "dataset.name", "prune.recipe"))
        groups: Dict[Tuple[str, str], List[Own]] = {}
        for run in self._places.get(place, ()):
            then = run.at(wanted.get(ROUND))
            if then and all(
                equal(setting(run.case, key), value)
                for key, value in wanted.items()
                if key != ROUND
            ):
                groups.setdefault(run.group, []).append(then)
        if not groups:
            return None
        # closest settings first, then most seeds, then the newest
        each_seed = [_per_seed(runs) for runs in groups.values()]
        found = [(differences(runs[0].case, len(runs)), runs) for runs in each_seed]
        gaps, runs = min(
            found,
            key=lambda each: (
                len([gap for gap in each[0] if gap[0] != "seeds"]),
                -len(each[1]),
                _descending(max(run.finished for run in each[1])),
            ),
        )
        return Answer(tuple(runs), tuple(gaps), len(found) - 1)


def gather(
    runs: Optional[Sequence[Union[str, Path]]] = None, history: Union[str, Path, None] = None
) -> Pool:
    """Every readable run of the runs folders and of the latest night of each suite and device.

    Without a folder: `runs` and `history` here, if they are there.

    Raises:
        ValueError: a folder that was asked for is not there or holds no runs.
    """
    found: List[Own] = []
    aside = 0
    for folder in _folders(runs, history):
        bundles = load.read(folder, everything=True)
        found += [own(run, bundles.folder / run.record.case_id) for run in bundles.runs]
        aside += len(bundles.aside)
    return Pool(found, aside)


def own(run: load.Run, folder: Optional[Path] = None) -> Own:
    """One run as an answer; rounds are those in its bundle's folder."""
    record, values, drawn = run.record, run.parts.row, run.parts.ticket
    kept = _parameters(record, values["final_params"])
    block, method, seed = (values[name] for name in ("block", "method", "seed"))
    return Own(
        record.case,
        (block, method),
        seed,
        plain(record.finished_utc),
        plain(sources.describe(json.loads(block)["device"])),
        bool(record.device.get("fake") or record.device.get("estimate")),
        {
            "accuracy": values["accuracy"],
            "error": 1 - values["accuracy"],
            "joules": values["joules"],
            "seconds": values["seconds"],
            "flops_paper": values["flops_paper"],
            "macs": values["final_macs"],
            "params_left": kept,
            "weights_removed": 1 - kept / max(values["dense_params"], 1),
            "ticket_epoch": drawn.epoch if drawn else None,
        },
        values["reasons"],
        _rounds(folder, values["final_params"], values["dense_params"]) if folder else {},
    )


def setting(case: Mapping, key: str) -> Any:
    """A setting of a case by its dotted name; `NOT_RECORDED` if nobody can know what it was."""
    section, name = key.split(".")
    return (case.get(section) or {}).get(name, BEFORE.get(key, NOT_RECORDED))


def _folders(
    runs: Optional[Sequence[Union[str, Path]]], history: Union[str, Path, None]
) -> List[Path]:
    """The folders of a suite's runs: those asked for, and the latest night of each place."""
    folders: List[Path] = []
    for name in runs or ([RUNS] if Path(RUNS).is_dir() else []):
        suites = load.suites(Path(name))
        if not suites and not any(Path(name).glob("*/" + load.RECORD)):
            raise ValueError(
                "--runs {}: no runs there; give a runs folder or a suite's folder within it".format(
                    name
                )
            )
        folders += [Path(name) / each for each in suites] or [Path(name)]
    if history and not Path(history).is_dir():
        raise ValueError("--history {}: there is no such folder".format(history))
    latest = {
        (night.device, night.suite): night.folder  # nights come oldest first: the last one stays
        for night in store.nights(history or HISTORY)
    }
    return folders + list(latest.values())


def _parameters(record: RunRecord, params: int) -> int:
    """Parameters left: weights that a mask removed stay in the network but count no more."""
    stages: Any = record.facts.get("masked") if isinstance(record.facts, dict) else None
    try:
        last = stages[-1]
        return params - (int(last["weights"]) - int(last["kept"]))
    except (TypeError, IndexError, KeyError, ValueError):  # no mask, or none that says how large
        return params


def _rounds(folder: Path, params: int, dense: int) -> Dict[int, Dict[str, Optional[float]]]:
    """Values after each round that the bundle kept; none where it kept none or they are broken."""
    if not (folder / rounds.LIST).is_file():
        return {}
    try:
        kept = rounds.read(folder).rounds
    except ValueError:  # the run itself is whole: it still answers for its last round
        return {}
    found: Dict[int, Dict[str, Optional[float]]] = {}
    for each in kept:
        left = params - (each.weights - each.kept)
        found[each.number] = {
            "accuracy": each.accuracy,
            "error": 1 - each.accuracy,
            "params_left": left,
            "weights_removed": 1 - left / max(dense, 1),
        }
    return found


def _place(case: Dict) -> Tuple:
    return tuple(setting(case, key) for key in ("model.name", "dataset.name", "prune.recipe"))


def _per_seed(runs: List[Own]) -> List[Own]:
    """The newest run of every seed, in the order of seeds: no seed counts twice."""
    newest = {}
    for run in sorted(runs, key=lambda run: run.finished):
        newest[run.seed] = run
    return [newest[seed] for seed in sorted(newest)]


def equal(mine: Any, value: Any) -> bool:
    """Numbers are equal if nobody would print them apart: 0.3 is 1 - 0.7."""
    numbers = [
        isinstance(each, (int, float)) and not isinstance(each, bool) for each in (mine, value)
    ]
    return abs(mine - value) <= 1e-9 if all(numbers) else mine == value


def _descending(text: str) -> Tuple[int, ...]:
    """A key that puts later times first."""
    return tuple(-ord(c) for c in text)


def aside_words(pool: Pool) -> str:
    """A sentence about bundles that could not be read, "" if all could."""
    if not pool.aside:
        return ""
    return (
        "{} could not be read or repeat a newer one and are left out; 'edgejoule report' "
        "names them".format(plural(pool.aside, "bundle"))
    )
