"""What the pytest plugin remembers of a session, its last word and its exit code."""

from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Set, Tuple

import pytest

if TYPE_CHECKING:
    from edgejoule.bench.joules.joule_session import JouleSession

KEY: pytest.StashKey["Watch"] = pytest.StashKey()
NOT_JUDGED = 3
XDIST = "xdist is active: benchmarks are off and nothing was measured; run with -n 0"
MISSING = (
    "in the baseline, but this run {}; if it was renamed or removed on purpose, --joules-bless"
)
UNKEPT = "nothing was kept, for the storage {} cannot be written: {}"
NOTHING = "no test with joules_benchmark ran, so nothing was measured"


class Watch:
    """How tests ended, and the `JouleSession`, made when it is first asked for."""

    def __init__(self, config: pytest.Config):
        self._config = config
        self._joules: Optional["JouleSession"] = None
        self._ended: Dict[str, str] = {}
        self._deselected: Set[str] = set()
        self._elsewhere: Set[str] = set()  # tests that a worker of xdist ran
        self._not_judged: List[pytest.TestReport] = []  # errors that are no failure of a test
        self._failed = 0
        self._unkept: Optional[str] = None  # why nothing could be stored

    def joules(self) -> "JouleSession":
        """The session's `JouleSession`; no property, for pytest looks at all of a plugin's."""
        if self._joules is None:
            from edgejoule.bench.joules import joule_session

            self._joules = joule_session.JouleSession(self._config)
        return self._joules

    def device(self) -> Optional[Dict[str, Optional[str]]]:
        """The sensor and its source for pytest-benchmark's machine_info; None if unused."""
        return self._joules.context if self._joules and self._joules.results else None

    def properties(self, name: str) -> List[Tuple[str, Any]]:
        """(key, value) pairs of a test for JUnit's XML."""
        taken, judged = self.joules().results[name]
        found = taken.account() if taken else {}
        if judged:
            found.update(joules_verdict=judged.verdict, joules_told="; ".join(judged.sentences))
        return [  # no lists: the rounds are in pytest-benchmark's own file
            (key, value)
            for key, value in found.items()
            if value is not None and not isinstance(value, list)
        ]

    def fail(self, report: pytest.TestReport, kind: str) -> None:
        """Turns the report of a test that passed into a failure if that is the verdict on it.

        `kind` is "failed" at its call, "error" (not judged) at its teardown.
        """
        if self._joules is None or report.nodeid not in self._joules.results:
            return
        judged = self._joules.results[report.nodeid][1]
        if judged and self._joules.outcome(report.nodeid) == kind:
            report.outcome = "failed"
            report.longrepr = "joules {}: {}".format(judged.verdict, "; ".join(judged.sentences))
            if kind == "error":
                self._not_judged.append(report)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Remembers tests that somebody chose to leave out: they are not missing."""
        self._deselected.update(item.nodeid for item in items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remembers failures of the tests' own and which tests were skipped."""
        if hasattr(report, "joules_elsewhere"):
            self._elsewhere.add(report.nodeid)
        if report.outcome != "passed" or report.nodeid not in self._ended:
            self._ended[report.nodeid] = report.outcome
        if report.failed and report not in self._not_judged:
            self._failed += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Counts a file that cannot be collected: it is a failure too."""
        self._failed += report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Reports what is missing, keeps or blesses what was measured, and sets the exit code.

        First of all plugins: the reports that it makes must be there when JUnit's XML is written.
        """
        joules = self._joules
        if (
            joules is None
            or hasattr(self._config, "workerinput")
            or self._config.getoption("collectonly", False)
        ):
            return
        asked = joules.gating or joules.blessing
        if not self._parallel():
            self._save(self._missing(session) if asked else set())
        for name in sorted(self._elsewhere) if asked else ():
            self._announce(name, XDIST)
        troubled = any(joules.outcome(name) == "error" for name in joules.results)
        silent = not joules.results or self._parallel()
        # 5: no tests were collected; an interrupt, an internal error or a failure keeps its code
        if asked and (troubled or silent) and exitstatus in (0, 1, 5) and not self._failed:
            session.exitstatus = NOT_JUDGED
        if self._unkept and exitstatus in (0, 1, 5) and not self._failed:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: Any, exitstatus: int) -> None:
        """Writes the figures and verdicts of this session, unless it never began."""
        began = exitstatus != pytest.ExitCode.USAGE_ERROR or self._unkept
        joules = self._joules if began else None
        if self._elsewhere or joules and self._parallel():
            terminalreporter.write_line("joules: " + XDIST)
        elif joules and (joules.results or joules.gating or joules.blessing):
            from edgejoule.bench.joules import joule_lines

            terminalreporter.section("joules")
            for line in joule_lines.lines(joules) or [NOTHING]:
                terminalreporter.write_line(line)
        if self._unkept:
            terminalreporter.write_line("joules: " + self._unkept)

    def pytest_unconfigure(self) -> None:
        """Stops sampling."""
        if self._joules:
            self._joules.close()

    def _save(self, gone: Set[str]) -> None:
        """Stores this run; a full disk costs the figures on it, not those on the terminal."""
        joules = self.joules()
        try:
            joules.save(self._commit(), gone)
        except OSError as error:
            self._unkept = UNKEPT.format(joules.storage, error.strerror or error)

    def _parallel(self) -> bool:
        return self._config.getoption("dist", "no") != "no"

    def _missing(self, session: pytest.Session) -> Set[str]:
        """Names that the baseline has and this run did not find; reported, as skipped ones are."""
        entries = self.joules().entries()
        found = {item.nodeid for item in session.items} | self._deselected
        gone = {name for name in entries if name not in found and self._asked_for(name)}
        skipped = {name for name, outcome in self._ended.items() if outcome == "skipped"}
        if not self.joules().blessing and not (session.shouldfail or session.shouldstop):
            for name in sorted(gone | skipped & set(entries)):
                self._announce(
                    name, MISSING.format("skipped it" if name in skipped else "did not find it")
                )
        return gone

    def _asked_for(self, name: str) -> bool:
        """True if the test lies in what the command line names."""
        start = self._config.invocation_params.dir
        path = str((self._config.rootpath / name.partition("::")[0]).resolve())
        for argument in self._config.args:
            file, _, inside = str(argument).partition("::")
            place = str((start / file).resolve())
            if (path == place or path.startswith(place.rstrip("/") + "/")) and (
                not inside or name.partition("::")[2].startswith(inside)
            ):
                return True
        return False

    def _announce(self, name: str, why: str) -> None:
        """Gives a test that measured nothing a report of its own, so that JUnit's XML has it."""
        self.joules().lacking(name, why)
        file, _, domain = name.partition("::")
        for when in ("setup", "teardown"):
            report = pytest.TestReport(
                name, (file, None, domain.replace("::", ".")), {}, "passed", None, when
            )
            if when == "setup":
                self.fail(report, "error")
            self._config.hook.pytest_runtest_logreport(report=report)

    def _commit(self) -> Optional[str]:
        # pytest-benchmark's, which is not there if that was switched off
        hook = getattr(self._config.hook, "pytest_benchmark_generate_commit_info", None)
        info = hook(config=self._config) if hook else None
        return info.get("id") if info else None
