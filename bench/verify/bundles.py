"""One bundle verified: every check in its order, none of which may end the others."""

from pathlib import Path
from typing import Callable, List, NamedTuple, Optional, Tuple

from edgejoule.bench.verify import (
    borrowed,
    evidence,
    flops,
    identity,
    joules,
    learned,
    moments,
    network,
    tellings,
)
from edgejoule.bench.verify.evidence import Evidence
from edgejoule.bench.verify.outcome import Difference, Outcome, Unknown

Check = Callable[[Evidence, Outcome], None]
RECORDED: Tuple[Check, ...] = (
    identity.check,
    moments.check,
    joules.check,
    tellings.check,
    borrowed.check,
)


class Verified(NamedTuple):
    """A bundle, how many of its numbers agree, which differ, which nothing can derive."""

    case_id: str
    agreed: int
    differences: List[Difference]
    unknown: List[Unknown]


def verify(folder: Path, with_data: bool = False, root: Optional[str] = None) -> Verified:
    """What verifying a bundle's folder finds; `root` holds the data, if not where they were."""
    outcome = Outcome()
    found = evidence.gather(folder, outcome)
    if found is not None:
        for check in RECORDED:
            _guarded(check, found, outcome)
        _guarded(lambda f, o: _computed(f, o, with_data, root), found, outcome)
        outcome.skip(
            "the surroundings", "temperatures, loads, clocks and versions are only told once"
        )
    return Verified(folder.resolve().name, outcome.agreed, outcome.differences, outcome.unknown)


def _computed(found: Evidence, outcome: Outcome, with_data: bool, root: Optional[str]) -> None:
    """The checks that build the networks."""
    flops.sums(found, outcome)
    networks = network.build(found, outcome)
    if networks is None:
        return
    network.check(found, networks, outcome)
    pictures = flops.pictures(found)
    flops.check(found, networks, pictures, outcome)
    learned.shares(found, outcome)
    learned.samples(found, pictures, outcome)
    if with_data:
        learned.check(found, networks, root, outcome)
    else:
        outcome.skip("accuracy from the weights", "--data does it, where the data are there")


def _guarded(check: Check, found: Evidence, outcome: Outcome) -> None:
    """Makes a check; a record that it trips over is a difference, not the end."""
    try:
        check(found, outcome)
    except Exception as error:  # numbers and names of a damaged record may fail in any way
        told = " ".join(str(error).split())[:300]
        outcome.differs(
            "run.json",
            "what is there",
            "a record that can be followed",
            "{}: {}".format(type(error).__name__, told),
        )
