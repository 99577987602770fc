"""Limits, verdicts, the store and the tap timer of the pytest plugin, without a session."""

import random
from types import SimpleNamespace

import pytest
from rigs.hand_clock import HandClock

from edgejoule.bench.joules import joule_gate, joule_lines, joule_store, tap_timer
from edgejoule.bench.joules.tap_timer import Taken, Tap
from edgejoule.devices.reading import DeviceInfo, Reading

CONTEXT = {"device": "a board", "power mode": "MAXN"}


def rounds(scale, seed=0, noise=0.004, count=8):
    """Eight values near `scale`."""
    dice = random.Random(seed)
    return [scale * (1 + noise * dice.uniform(-1, 1)) for _ in range(count)]


def entry(joules=45.0, **changes):
    """A blessed test at 100 W."""
    return dict(
        {
            "joules": rounds(joules),
            "seconds": rounds(0.45, 1),
            "watts": rounds(100.0, 2),
            "flops": 1e9,
            "context": CONTEXT,
        },
        **changes,
    )


def taken(joules=45.0, **changes):
    """A test measured now."""
    return Taken(
        "ok", None, "counter", rounds(0.45, 3), rounds(joules, 4), rounds(100.0, 5), 0.5, 1e9
    )._replace(**changes)


def judge(now, before, **limits):
    return joule_gate.judge(now, before, CONTEXT, limits or {"joules": 0.05})


@pytest.mark.parametrize(
    "texts,found",
    [
        (["5%"], {"joules": 0.05}),
        (["2.5%", "seconds:8%"], {"joules": 0.025, "seconds": 0.08}),
        (["joules:.5%,watts:3.%"], {"joules": 0.005, "watts": 0.03}),
    ],
)
def test_limits(texts, found):
    assert joule_gate.limits(texts) == pytest.approx(found)


def test_a_metric_alone_takes_its_floor_from_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "edgejoule.toml").write_text("[gate.floors]\nseconds = 0.11\n")
    assert joule_gate.limits(["seconds,joules:4%"]) == pytest.approx(
        {"seconds": 0.11, "joules": 0.04}
    )


@pytest.mark.parametrize("text", ["5", "0.05", "-5%", "0%", "kelvin:5%", "joules:5%,", "5 %", ""])
def test_what_is_no_limit_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="seconds:8%"):
        joule_gate.limits([text])


def test_a_marker_changes_the_limits_of_its_test():
    found = joule_gate.marked({"joules": 0.05}, {"floor": "3%", "seconds": "8%", "flops": 7})
    assert found == pytest.approx({"joules": 0.03, "seconds": 0.08})


@pytest.mark.parametrize(
    "words,settings", [(("3%",), {}), ((), {"flor": "3%"}), ((), {"floor": 3})]
)
def test_a_wrong_marker_is_refused(words, settings):
    with pytest.raises(ValueError):
        joule_gate.check_marker(words, settings)


@pytest.mark.parametrize(
    "joules,verdict,improved",
    [(45.1, "PASS", False), (46.0, "PASS", False), (50.4, "FAIL", False), (40.0, "PASS", True)],
)
def test_the_verdict_follows_the_ratio(joules, verdict, improved):
    found = judge(taken(joules), entry())
    assert (found.verdict, found.improved) == (verdict, improved)
    assert "5 % allowed" in found.sentences[0] and found.sentences[0].endswith("J a call")


def test_every_limit_counts():
    now = taken(seconds=rounds(0.6, 6))
    assert judge(now, entry(), joules=0.05).verdict == "PASS"
    found = judge(now, entry(), joules=0.05, seconds=0.08)
    assert found.verdict == "FAIL" and len(found.sentences) == 2


def test_changed_work_explains_a_regression():
    found = judge(taken(50.4, flops=1.12e9), entry())
    assert found.verdict == "FAIL" and "work changed: 1e+09 -> 1.12e+09 FLOP" in found.sentences[1]


def test_what_cannot_be_judged_is_no_pass():
    none = taken()._replace(status="none", reason="dead", joules=None, watts=None)
    assert judge(none, entry()).verdict == "INVALID"
    few = taken()._replace(joules=[45.0] * 5)
    assert "at least 6" in judge(few, entry()).sentences[0]
    assert judge(few, entry()).verdict == "INVALID"
    wild = taken()._replace(joules=rounds(46.0, 8, noise=0.3))
    assert judge(wild, entry()).verdict == "INCONCLUSIVE"


def test_a_baseline_without_joules_is_no_pass():
    assert "its baseline has no joules" in judge(taken(), dict(entry(), joules=None)).sentences[0]


def test_another_context_is_named():
    found = joule_gate.judge(
        taken(), entry(), dict(CONTEXT, **{"power mode": "15W"}), {"joules": 0.05}
    )
    assert found.verdict == "INVALID"
    assert "power mode 'MAXN' -> '15W'" in found.sentences[0]


def test_the_store_gives_back_what_it_took(tmp_path):
    info = DeviceInfo("nvml", "Big GPU", "energy counter", "gpu")
    path = joule_store.baseline_path(tmp_path, info, "blessed")
    assert joule_store.read(path) is None
    joule_store.write(path, {"a": {"joules": [1.5]}})
    assert joule_store.read(path) == {"a": {"joules": [1.5]}}
    assert path.parent.name == "big-gpu-nvml"
    elsewhere = joule_store.baseline_path(tmp_path, info._replace(name="Small"), "blessed")
    assert joule_store.others(elsewhere) == ["big-gpu-nvml"]


@pytest.mark.parametrize(
    "text",
    ["", '{"schema": 1, "bench', "[]", '{"schema": 99}', '{"schema": 1, "benchmarks": {"a": 7}}'],
)
def test_a_broken_baseline_is_an_error_not_an_empty_one(tmp_path, text):
    path = tmp_path / "blessed.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="cannot be read"):
        joule_store.read(path)


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden"])
def test_a_baseline_name_is_no_path(name):
    with pytest.raises(ValueError):
        joule_store.check_name(name)


def test_two_runs_of_one_second_are_both_kept(tmp_path):
    kept = [joule_store.keep_run(tmp_path / "blessed.json", {}, "0123456789") for _ in range(3)]
    assert len(set(kept)) == 3 and all(path.exists() for path in kept)


class Counter:
    """A meter of 10 W that fails in the rounds named, on a clock of its own."""

    def __init__(self, info, failing=()):
        self.info, self.failing, self.asked, self.edges = info, failing, [], 0
        self.clock = HandClock(100.0)

    def edge(self):
        self.edges += 1

    def between(self, start_s, end_s):
        self.asked.append((start_s, end_s))
        bad = len(self.asked) - 1 in self.failing
        return Reading(
            end_s - start_s,
            10.0 * (end_s - start_s),
            0.1,
            status="invalid" if bad else "too_short",
            source="trace",
            reason="gap",
        )


INFO = DeviceInfo("fake", "fake", "rail", "board", period_s=1e-4)


def benchmarked(meter, count, calls=2):
    """(tap, stats) as calibration and `count` rounds of 12 ms leave them."""
    tap, data = Tap(lambda: meter.clock.now() + 7.0, meter), []
    for _ in range(5):
        tap()
    for _ in range(count):
        start = tap()
        meter.clock.sleep(0.012)
        data.append((tap() - start) / calls)
    return tap, SimpleNamespace(stats=SimpleNamespace(data=data), iterations=calls)


def test_the_last_taps_are_the_rounds():
    meter = Counter(INFO)
    tap, stats = benchmarked(meter, 4)
    found = tap_timer.taken(tap, stats, meter, flops=3.0)
    assert found.status == "ok" and found.seconds == stats.stats.data
    assert found.joules == pytest.approx([0.06] * 4)
    assert found.watts == pytest.approx([10.0] * 4) and found.uncertainty_joules == 0.05
    assert meter.edges == 5  # the first, and one after every pause


def test_taps_that_are_not_the_rounds_are_a_bug():
    meter = Counter(INFO)
    tap, stats = benchmarked(meter, 4)
    tap()
    with pytest.raises(AssertionError):
        tap_timer.taken(tap, stats, meter)


@pytest.mark.parametrize("failing,status,left", [((1,), "ok", 3), ((0, 1), "invalid", 0)])
def test_rounds_that_failed_are_left_out(failing, status, left):
    meter = Counter(INFO, failing)
    tap, stats = benchmarked(meter, 4)
    found = tap_timer.taken(tap, stats, meter)
    assert found.status == status and len(found.joules or ()) == left
    assert "of 4 rounds not measured (invalid: gap)" in found.reason


def test_short_rounds_are_not_measured():
    meter = Counter(INFO._replace(update_s=0.1))
    tap, stats = benchmarked(meter, 2)
    found = tap_timer.taken(tap, stats, meter)
    assert found.status == "invalid" and found.joules is None and "needs 2 s" in found.reason
    assert not meter.asked


def test_regressions_stand_first():
    session = SimpleNamespace(
        results={
            "a": (taken(), judge(taken(), entry())),
            "b": (taken(50.4), judge(taken(50.4), entry())),
            "c": (None, joule_gate.Judged("INVALID", ("gone",))),
        },
        meter=SimpleNamespace(info=INFO),
        blessing=False,
        path="x",
        metrics={"joules"},
        outcome=lambda name: None,
    )
    text = joule_lines.lines(session)
    assert [line.split()[0] for line in text[1:] if not line.startswith(" ")] == [
        "REGRESSED",
        "NOT",
        "same",
        "1",
    ]
    assert text[-1].startswith("1 regressed, 0 better, 1 unchanged, 1 not judged")
