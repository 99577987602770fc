"""How long runs will take: from finished runs, from a probe, from what is measured meanwhile."""

import io
import json

import pytest
from rigs import bundles

from edgejoule.bench import plan, progress, records, settings, suite
from edgejoule.bench.commands import compare, run
from edgejoule.bench.estimates import costs, expectations, finished, forecast, plan_table, probe
from edgejoule.bench.estimates.countdown import Countdown
from edgejoule.bench.estimates.forecast import Forecast, Interval
from edgejoule.bench.estimates.remaining import Remaining

TINY = """
question = "How long?"
model = "resnet20"
dataset = "digits"
[train]
epochs = 4
threads = 1
seed = [0, 1]
[[prune]]
recipe = "dense"
[[prune]]
recipe = "one_shot"
criterion = "l2"
ratio = 0.5
"""


@pytest.fixture
def asked(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    return suite.read(str(tmp_path / "tiny.toml"))


def finish(runs, case, seconds=2.0, joules=20.0, here=True):
    """A finished run of a case on this machine (or on another), each epoch of these costs."""
    processor, machine, cores = finished.machine()
    row = dict(seconds=seconds, joules=joules, evaluation_seconds=0.0, evaluation_joules=None)
    epochs = [
        dict(row, phase=phase, epoch=number, status="ok", flops={})
        for number, phase in enumerate(["dense"] * case.train["epochs"])
    ]
    known = joules is not None
    phase = dict(
        row,
        name="dense",
        status="ok",
        epochs=4,
        flops={},
        seconds=seconds * 4,
        joules=joules * 4 if known else None,
    )
    document = dict(
        bundles.record(),
        case_id=suite.case_id(case),
        case=case._asdict(),
        environment={
            "processor": processor if here else "another",
            "machine": machine,
            "cores": cores,
        },
        phases=[phase],
        epochs=epochs,
    )
    (runs / "tiny").mkdir(parents=True, exist_ok=True)
    bundles.bundle(runs / "tiny", document)


def of(cases, recipe, seed=0):
    return next(c for c in cases if c.prune["recipe"] == recipe and c.train["seed"] == seed)


def test_finished_runs_of_the_same_case_say_seconds_and_joules(asked, tmp_path):
    for seed, seconds in ((0, 2.0), (1, 3.0)):
        finish(tmp_path / "runs", of(asked.cases, "dense", seed), seconds)
    found = finished.forecast(asked.cases[0], finished.read([tmp_path / "runs"]))
    assert found.seconds == (8.0, 10.0, 12.0) and found.joules == (80.0, 80.0, 80.0)
    assert found.rests_on == "2 finished runs of the same case here"


def test_runs_of_another_machine_say_nothing(asked, tmp_path):
    finish(tmp_path / "runs", asked.cases[0], here=False)
    assert finished.read([tmp_path / "runs"]) == finished.Finished({}, {})


def test_one_run_has_an_interval_all_the_same_and_unmeasured_joules_are_not_known(asked, tmp_path):
    finish(tmp_path / "runs", asked.cases[0], joules=None)
    found = finished.forecast(asked.cases[0], finished.read([tmp_path / "runs"]))
    assert found.seconds.low < found.seconds.middle < found.seconds.high and found.joules is None


def test_epochs_of_the_dense_network_tell_what_a_cut_one_takes_at_least_and_at_most(
    asked, tmp_path
):
    finish(tmp_path / "runs", of(asked.cases, "dense"))
    cut = of(asked.cases, "one_shot")
    each = list(costs.estimates([cut], tmp_path / "runs"))[0]
    assert each.forecast.rests_on == finished.PACES
    assert 8.0 < each.forecast.seconds.low < each.forecast.seconds.middle
    assert each.forecast.seconds.high == pytest.approx(16.0)  # 4 dense epochs and 4 at most so
    assert each.forecast.joules.high == pytest.approx(160.0)


def test_a_probe_says_what_no_run_has_said_and_is_kept(asked, tmp_path):
    found = list(costs.estimates(asked.cases, tmp_path / "runs"))
    assert all(each.forecast.rests_on == costs.PROBE for each in found)
    assert all(0 < e.forecast.seconds.low < e.forecast.seconds.high for e in found)
    assert all(each.forecast.joules is None for each in found)
    kept = (tmp_path / "runs" / probe.FILE).read_text()
    again = list(costs.estimates(asked.cases, tmp_path / "runs"))
    assert (tmp_path / "runs" / probe.FILE).read_text() == kept
    assert [e.forecast.seconds for e in again] == [e.forecast.seconds for e in found]


def test_constant_watts_give_joules(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    asked = suite.read(str(tmp_path / "tiny.toml"), ['measure.fake_power="9.5"'])
    one = list(costs.estimates(asked.cases[:1], tmp_path))[0].forecast
    assert one.joules.middle == pytest.approx(9.5 * one.seconds.middle)


def test_a_device_that_is_not_here_is_not_known(asked, tmp_path):
    case = asked.cases[0]._replace(train=dict(asked.cases[0].train, device="cuda:99"))
    assert list(costs.estimates([case], tmp_path))[0].forecast == forecast.UNKNOWN


def test_what_there_was_no_time_for_is_counted_on_a_stand_in(asked):
    cases = [of(asked.cases, recipe) for recipe in ("dense", "one_shot")]
    true, quick = plan.Planner(), plan.Planner(seconds=-1.0)
    for case in cases:
        a, b = true.plan(case), quick.plan(case)
        assert a.exact and not b.exact
        assert [(p.phase, p.epochs) for p in a.parts] == [(p.phase, p.epochs) for p in b.parts]
        assert b.flops["dense"] == pytest.approx(a.flops["dense"])
    assert quick.plan(cases[1]).flops["retrain"] < 0.6 * quick.plan(cases[1]).flops["dense"]


def test_a_recipe_that_works_layer_by_layer_is_counted_by_the_layers_of_its_own_network(tmp_path):
    (tmp_path / "thinet.toml").write_text(
        TINY.replace('"one_shot"\ncriterion = "l2"', '"thinet"').replace('"resnet20"', '"resnet20"')
    )
    case = of(suite.read(str(tmp_path / "thinet.toml")).cases, "thinet")
    spent = [
        sum(part.epochs for part in plan.Planner(seconds).plan(case).parts)
        for seconds in (None, -1.0)
    ]
    assert spent[0] == spent[1] > 8


def test_a_rehearsal_ends_when_its_time_is_over(asked):
    looks = []

    def now():
        looks.append(0)
        return float(len(looks))

    found = plan.Planner(seconds=3.0, now=now).plan(of(asked.cases, "one_shot"))
    assert not found.exact and len(looks) < 20


def test_a_dry_run_prints_every_case_and_the_suite(asked, tmp_path, capsys):
    lines = list(plan_table.lines(asked, tmp_path / "runs"))
    rows = [line for line in lines if line.startswith("  resnet20-digits")]
    assert len(rows) == 4 and all(" h (" in row and "joules not known" in row for row in rows)
    assert any("suite: 4 cases, about " in each and "probe" in each for each in lines)
    told = plan_table.document(asked, tmp_path / "runs")
    assert told["seconds"]["low"] < told["seconds"]["high"] and told["joules"] is None


def test_a_run_says_what_the_last_plan_said_and_counts_what_is_left(asked, tmp_path):
    runs = tmp_path / "runs"
    assert "not known" in expectations.sentence(asked, expectations.read(asked, runs))
    expectations.keep(runs, [(c, Forecast(Interval(1, 2, 3), None, "")) for c in asked.cases])
    finish(runs, of(asked.cases, "dense", 0))
    expected = expectations.read(asked, runs)
    assert expected.left.count(True) == 3 and expected.seconds().count(2) == 2
    text = expectations.sentence(asked, expected)
    assert text.startswith("suite tiny: 3 of 4 cases to run, about 12 s (9.2 s to 15 s); by ")


def test_a_suite_of_which_a_part_is_not_known_says_so():
    known = Forecast(Interval(3600, 7200, 10800), Interval(1e3, 2e3, 3e3), "a probe")
    assert forecast.sentence([known, known]) == (
        "about 4 h (2 h to 6 h), 4 kJ (2 kJ to 6 kJ); by a probe"
    )
    assert "1 of 2 cases, the others are not known" in forecast.sentence([known, forecast.UNKNOWN])


def test_what_is_left_of_a_suite_is_learned_from_what_its_cases_took():
    walk = Remaining(["a", "b", "a", "b"], [10.0, 20.0, 10.0, 20.0])
    assert walk.eta(0) == {"case_s": 10.0, "rest_s": 50.0, "cases_after": 3}
    walk.took(0, 15.0)  # half as long again as was forecast
    assert walk.eta(1) == {"case_s": 30.0, "rest_s": 45.0, "cases_after": 2}
    blind = Remaining(["a", "b", "a"])
    assert blind.eta(0) == {"case_s": None, "rest_s": None, "cases_after": 2}
    blind.took(0, 4.0)
    assert blind.eta(1) == {"case_s": 4.0, "rest_s": 4.0, "cases_after": 1}


def test_a_countdown_follows_the_epochs_and_the_phases():
    clock = Countdown({"rest_s": 100.0, "cases_after": 1})
    clock.expect([("search", 10, 1.0), ("retrain", 10, 0.5)])
    assert clock.text() == ""
    clock.epoch("search", 2.0)
    assert clock.case_s() == pytest.approx(9 * 2 + 10 * 1) and clock.suite_s() == 128.0
    clock.epoch("retrain", 1.0)  # the search found its ticket
    assert clock.case_s() == pytest.approx(9 * 1)
    assert clock.text() == "case done in 9 s, suite in 1.8 min"


def test_without_a_plan_the_forecast_counts_down():
    clock = Countdown({"case_s": 10.0, "cases_after": 2})
    clock.epoch("dense", 4.0)
    assert clock.case_s() == 6.0 and clock.suite_s() == 26.0


class Terminal(io.StringIO):
    def isatty(self):
        return True


def epoch():
    blank = dict.fromkeys(records.EpochRecord._fields)
    known = dict(phase="dense", epoch=0, seconds=2.0, evaluation_seconds=0.0, accuracy=0.5)
    return records.EpochRecord(**dict(blank, **known))


def test_a_terminal_shows_when_case_and_suite_are_done_and_a_log_does_not(monkeypatch):
    log, screen = io.StringIO(), Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    shown = progress.Progress("dense", log, {"rest_s": 60.0, "cases_after": 1})
    shown.expect([("dense", 31, 1.0)])
    shown.bar.ncols, shown.bar.mininterval = 200, 0
    shown.epoch(epoch())
    shown.bar.refresh()
    assert "case done in 60 s, suite in 2 min" in screen.getvalue()
    shown.close()
    assert "done in" not in log.getvalue() and "dense epoch 1" in log.getvalue()


def test_a_large_grid_asks_before_it_is_built(tmp_path, monkeypatch):
    many = ", ".join(str(seed) for seed in range(2000))
    rates = ", ".join("1e-{}".format(number) for number in range(1, 2001))
    path = tmp_path / "large.toml"
    path.write_text(
        TINY.replace("seed = [0, 1]", "seed = [{}]\nlearning_rate = [{}]".format(many, rates))
    )
    monkeypatch.setattr(settings, "resolve", lambda *_: pytest.fail("a case was built"))
    with pytest.raises(ValueError, match="8000000 cases; narrow it or say --yes"):
        suite.read(str(path))


def test_yes_builds_a_large_grid(tmp_path, monkeypatch):
    monkeypatch.setattr(suite, "MOST_CASES", 3)
    (tmp_path / "tiny.toml").write_text(TINY)
    assert len(suite.read(str(tmp_path / "tiny.toml"), most=None).cases) == 4
    with pytest.raises(ValueError, match="4 cases"):
        suite.read(str(tmp_path / "tiny.toml"), most=3)


def call(command, *words):
    import argparse

    parser = argparse.ArgumentParser()
    command.arguments(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


def test_the_command_prints_estimates_as_json(asked, tmp_path, capsys):
    words = [tmp_path / "tiny.toml", "--dry-run", "--json", "--runs", tmp_path / "runs"]
    assert call(run, *words) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["cases"]) == 4 and all(row["rests_on"] for row in told["cases"])


def test_a_comparison_says_how_many_runs_and_how_long(asked, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finish(tmp_path / "runs", of(asked.cases, "dense", 0))
    words = ["--suite", tmp_path / "tiny.toml", "--case", "dense", "--pairs", "2", "--dry-run"]
    same = ["--a", "train.epochs=4", "--b", "train.epochs=4"]
    assert call(compare, *(words + same)) == 0
    assert "2 pairs of 1 method, 4 runs: about 32 s" in capsys.readouterr().out
