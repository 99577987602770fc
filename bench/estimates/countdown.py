"""When a case and its suite should be done, by the epochs that were measured so far."""

from typing import Dict, List, Optional, Sequence, Tuple

from edgejoule.bench.estimates.forecast import duration

RECENT = 5  # epochs that the pace is taken from: a machine that has warmed up is slower for good


class Countdown:
    """Told every epoch as it ends, says how long the rest will take.

    Args:
        eta: seconds that the case should take (`case_s`), that the cases after it should
            (`rest_s`) and how many those are (`cases_after`); what is missing is not known.
    """

    def __init__(self, eta: Dict) -> None:
        self._eta, self._spent = eta, 0.0
        self._ahead: List[Tuple[str, float, float]] = []
        self._paces: List[float] = []  # seconds of an epoch of the dense network

    def expect(self, phases: Sequence[Tuple[str, float, float]]) -> None:
        """Takes what is ahead: (phase, epochs, cost of an epoch against a dense one), in order."""
        self._ahead = [each for each in phases if each[1] > 0 and each[2] > 0]

    def epoch(self, phase: str, seconds: float) -> None:
        """An epoch of a phase has ended, after so many seconds with its evaluation."""
        self._spent += seconds
        while self._ahead and self._ahead[0][0] != phase and self._is_ahead(phase):
            del self._ahead[0]  # it ended early, as a search does that found its ticket
        if not self._ahead or self._ahead[0][0] != phase:
            return
        name, epochs, share = self._ahead[0]
        self._paces.append(seconds / share)
        self._ahead[0] = (name, epochs - 1, share)
        if epochs <= 1:
            del self._ahead[0]

    def case_s(self) -> Optional[float]:
        """Seconds until the case is done; None if not known."""
        if self._paces:
            recent = self._paces[-RECENT:]
            pace = sum(recent) / len(recent)
            return sum(pace * epochs * share for _, epochs, share in self._ahead)
        whole = self._eta.get("case_s")
        return None if whole is None else max(0.0, whole - self._spent)

    def suite_s(self) -> Optional[float]:
        """Seconds until the suite is done; with no forecast others take what this one does."""
        case_s, rest_s = self.case_s(), self._eta.get("rest_s")
        if case_s is None:
            return None
        if rest_s is None:
            rest_s = self._eta.get("cases_after", 0) * (self._spent + case_s)
        return case_s + rest_s

    def text(self) -> str:
        """Both in words, "" if not known."""
        case_s, suite_s = self.case_s(), self.suite_s()
        if case_s is None or suite_s is None:
            return ""
        return "case done in {}, suite in {}".format(duration(case_s), duration(suite_s))

    def _is_ahead(self, phase: str) -> bool:
        return any(name == phase for name, _, _ in self._ahead)
