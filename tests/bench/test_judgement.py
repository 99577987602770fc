"""The nightly gate: what raises an alarm, what stays red, and what never passes."""

import json
import math
import shutil

import pytest
from rigs import bundles, histories, stub_clone

from edgejoule import command_line
from edgejoule.bench.gates import alarms, blessing, judgement, limits
from edgejoule.bench.history import store
from edgejoule.bench.nights import suspects

METHODS = bundles.METHODS[:2]
DENSE, OTHER = METHODS[0][0], METHODS[1][0]
DEFAULTS = limits.Thresholds()


def make(tmp_path, nights=16, power=histories.noise, **more):
    return histories.make(tmp_path / "history", nights, METHODS, power=power, **more)


def judge(folder, number=None, **changes):
    day = None if number is None else histories.day(number)
    return judgement.judge(
        folder, histories.DEVICE, histories.SUITE, day, DEFAULTS._replace(**changes)
    )


def place(folder, number):
    return folder / histories.DEVICE / histories.day(number) / histories.SUITE


def change(folder, number, edit, label=None):
    """Edits the records of a night."""
    for path in place(folder, number).glob("*/run.json"):
        record = json.loads(path.read_text())
        if label in (None, record["label"]):
            edit(record)
            path.write_text(json.dumps(record, indent=1))


def night(folder, number):
    return [each for each in store.nights(folder) if each.night == histories.day(number)][0]


def bless(folder, number):
    return blessing.bless(
        folder, night(folder, number), histories.commit(number), "a good night", "me"
    )


def remember(folder, number, **changes):
    """Keeps a judgement in night.json, as the nightly does; findings changed as asked."""
    judged = judge(folder, number)
    found = [dict(each._asdict(), **changes) for each in judged.findings]
    histories.write_night(
        place(folder, number), number, changes={"verdict": judged.verdict, "findings": found}
    )


def kinds(judged):
    return sorted({(each.label, each.metric, each.kind) for each in judged.findings})


def test_a_calm_history_passes(tmp_path):
    judged = judge(make(tmp_path))
    assert judged.verdict == "PASS" and judged.findings == [] and judged.missing == []
    assert judged.compared == 2 * 4, "joules, seconds, watts and accuracy of two methods"


def test_a_step_is_red_with_its_commits_and_what_it_is_made_of(tmp_path):
    folder = make(tmp_path, 18, histories.step(14, 1.08, OTHER))
    assert judge(folder, 13).verdict == "PASS"
    judged = judge(folder)
    assert judged.verdict == "FAIL"
    assert kinds(judged) == [(OTHER, "joules", "regression"), (OTHER, "watts", "regression")]
    found = judged.findings[0]
    assert found.since == {"night": histories.day(14), "commit": histories.commit(14)}
    assert found.until == {"night": histories.day(13), "commit": histories.commit(13)}
    assert found.nights == 4 and found.confirmed is None
    assert found.ratio == pytest.approx(1.08, abs=0.02) and found.low < 1.08 < found.high
    assert "seconds x1.000" in found.sentence and "watts x1.07" in found.sentence
    json.dumps(found._asdict())


def test_an_improvement_is_told_and_not_red(tmp_path):
    judged = judge(make(tmp_path, 18, histories.step(14, 0.9, OTHER)))
    assert judged.verdict == "PASS"
    assert (OTHER, "joules", "improvement") in kinds(judged)


def test_a_fall_of_accuracy_is_red(tmp_path):
    folder = make(tmp_path, 18)
    for number in (15, 16, 17):
        change(folder, number, lambda record: record.update(accuracy=record["accuracy"] - 0.03))
    judged = judge(folder)
    assert judged.verdict == "FAIL" and (DENSE, "accuracy", "regression") in kinds(judged)
    found = [each for each in judged.findings if each.metric == "accuracy"][0]
    assert "3 points" in found.sentence and found.after - found.before == pytest.approx(-0.03)
    assert found.low == pytest.approx(-0.03)


def test_changed_work_is_told_and_explains_a_rise(tmp_path):
    folder = make(tmp_path, 18, histories.step(14, 1.1, OTHER))

    def more(record):
        for phase in record["phases"]:
            phase["flops"]["exact"] *= 1.1

    for number in range(14, 18):
        change(folder, number, more, OTHER)
    judged = judge(folder)
    joules = [each for each in judged.findings if each.metric == "joules"][0]
    assert "explained by the work: flops +10.00%" in joules.sentence
    assert (OTHER, "flops", "work changed") in kinds(judge(folder, 14))
    assert judge(folder, 14).verdict == "PASS", "work alone is no regression"
    assert not [each for each in judged.findings if each.kind == "work changed"], "told once"
    bless(folder, 12)
    assert (OTHER, "flops", "work changed") in kinds(judge(folder)), "until it is blessed"


def test_work_that_was_nothing_before_is_told(tmp_path):
    folder = make(tmp_path, 18)

    def nothing(record):
        for phase in record["phases"]:
            phase["flops"]["exact"] = 0

    for number in range(17):
        change(folder, number, nothing, OTHER)
    (found,) = [each for each in judge(folder).findings if each.metric == "flops"]
    assert (found.before, found.ratio) == (0, None) and "rose from nothing" in found.sentence


def test_a_regression_rings_every_night_until_it_is_blessed(tmp_path):
    folder = make(tmp_path, 60, histories.step(20, 1.07, OTHER))
    bless(folder, 12)
    assert all(judge(folder, number).verdict == "FAIL" for number in (22, 23, 30, 45, 59))
    bless(folder, 50)
    assert all(judge(folder, number).verdict == "PASS" for number in (53, 59))
    blessing.undo(folder, histories.DEVICE, histories.SUITE)
    judged = judge(folder)
    assert judged.verdict == "FAIL" and "against the blessed night" in judged.findings[0].sentence


def test_it_rings_no_more_once_it_is_mended(tmp_path):
    def power(label, number):
        return histories.noise(label, number) * (1.08 if 20 <= number < 30 else 1)

    folder = make(tmp_path, 36, power)
    bless(folder, 12)
    assert judge(folder, 29).verdict == "FAIL" and judge(folder, 33).verdict == "PASS"


def test_a_drift_too_slow_for_any_window_rings_against_the_blessed_night(tmp_path):
    folder = make(tmp_path, 60, lambda label, n: histories.noise(label, n, 0.004) * 1.0007**n)
    assert judge(folder).verdict == "PASS"
    bless(folder, 10)
    judged = judge(folder)
    assert judged.verdict == "FAIL" and "against the blessed" in judged.findings[0].sentence


def test_without_a_blessing_earlier_nights_remember(tmp_path):
    folder = make(tmp_path, 60, histories.step(20, 1.07, OTHER))
    assert judge(folder).verdict == "PASS", "the scan alone has forgotten"
    for number in range(22, 59):
        remember(folder, number)
    judged = judge(folder)
    assert judged.verdict == "FAIL" and "not mended" in judged.findings[0].sentence
    assert judged.findings[0].since["night"] == histories.day(20)


def test_a_dismissed_suspect_is_not_red_again_unless_it_grows(tmp_path):
    folder = make(
        tmp_path,
        24,
        lambda label, n: histories.noise(label, n) * (1.2 if n >= 22 else 1.06 if n >= 18 else 1),
    )
    remember(folder, 20, confirmed=False)
    judged = judge(folder, 21)
    assert judged.verdict == "PASS" and {each.confirmed for each in judged.findings} == {False}
    assert judge(folder, 23).verdict == "FAIL"


def test_a_confirmed_regression_stays_confirmed(tmp_path):
    folder = make(tmp_path, 22, histories.step(17, 1.08))
    remember(folder, 20, confirmed=True)
    assert {each.confirmed for each in judge(folder).findings} == {True}


def test_a_method_that_vanished_is_never_green(tmp_path):
    folder = make(tmp_path)
    for path in place(folder, 15).glob("*random*"):
        shutil.rmtree(str(path))
    judged = judge(folder)
    assert judged.verdict == "INCONCLUSIVE" and judged.missing == [OTHER]
    assert "was measured on {}, not today".format(histories.day(14)) in judged.findings[0].sentence


def test_a_renamed_method_is_missing_and_new(tmp_path):
    folder = make(tmp_path)
    for number in (14, 15):
        change(folder, number, lambda record: record.update(label="renamed"), OTHER)
        asked = place(folder, number) / "suite.json"
        asked.write_text(asked.read_text().replace(OTHER, "renamed"))
    for number in (14, 15):
        judged = judge(folder, number)
        assert judged.verdict == "INCONCLUSIVE" and OTHER in judged.missing
    assert "new today: renamed" in judge(folder, 14).findings[0].sentence
    assert any("too few nights to judge renamed" in note for note in judged.notes)


def test_a_dead_sensor_is_never_green(tmp_path):
    folder = make(tmp_path)

    def dead(record):
        for phase in record["phases"]:
            phase.update(joules=None, joules_reason="the sensor is silent", status="none")

    for number in (14, 15):
        change(folder, number, dead)
        judged = judge(folder, number)
        assert judged.verdict == "INCONCLUSIVE"
        assert "the sensor is silent" in judged.findings[0].sentence
    assert (DENSE, "joules", "not measured") in kinds(judged)


def test_a_missing_seed_is_no_number(tmp_path):
    folder = make(tmp_path, seeds=(0, 1))
    shutil.rmtree(str(next(place(folder, 15).glob("*dense-s1*"))))
    judged = judge(folder)
    assert judged.verdict == "INCONCLUSIVE"
    assert "1 of 2 seeds are there" in judged.findings[0].sentence


def test_a_night_that_measured_nothing_is_never_green(tmp_path):
    folder = make(tmp_path)
    for path in place(folder, 15).iterdir():
        if path.is_dir():
            shutil.rmtree(str(path))
    judged = judge(folder)
    assert judged.verdict == "INCONCLUSIVE" and judged.findings[0].kind == "not measured"
    assert command_line.main(["gate", "--history", str(folder)]) == 3


def test_an_invalid_night_is_invalid(tmp_path):
    folder = make(tmp_path, document=lambda n: {"verdict": "INVALID"} if n == 15 else {})
    assert judge(folder).verdict == "INVALID" and judge(folder, 14).verdict == "PASS"


def test_a_board_without_a_sensor_is_judged_by_its_seconds_unless_joules_are_demanded(tmp_path):
    none = dict(adapter="none", rail=None, reason=bundles.NO_SENSOR)
    folder = make(tmp_path, info=none)
    for number in range(16):
        change(
            folder,
            number,
            lambda record: [phase.update(joules=None, status="none") for phase in record["phases"]],
        )
    judged = judge(folder)
    assert judged.verdict == "PASS" and "joules are not measured here: seconds lead" in judged.notes
    assert judge(folder, demand=("joules",)).verdict == "INCONCLUSIVE"


def test_a_young_history_is_inconclusive_until_a_night_is_blessed(tmp_path):
    folder = make(tmp_path, 4, histories.step(3, 1.15, OTHER))
    judged = judge(folder)
    assert judged.verdict == "INCONCLUSIVE" and "too few nights" in judged.notes[0]
    bless(folder, 0)
    assert judge(folder, 2).verdict == "PASS"
    assert judge(folder).verdict == "FAIL", "15 % against three blessed nights"


def test_a_change_of_the_machine_begins_a_new_series(tmp_path):
    folder = make(tmp_path, 20, histories.step(16, 1.5))
    for number in range(16, 20):
        change(folder, number, lambda record: record["device"].update(power_mode="5W"))
    judged = judge(folder, 16)
    assert judged.verdict == "INCONCLUSIVE" and judged.compared == 0
    assert any("'MAXN' became '5W'" in note for note in judged.notes)
    assert judge(folder).verdict == "INCONCLUSIVE"


def test_alarms_of_one_kind_only_are_suspicious(tmp_path):
    folder = make(
        tmp_path,
        18,
        histories.step(15, 1.08, OTHER),
        document=lambda n: {
            "findings": [histories.finding(n, label="m{}".format(n))] if n < 10 else []
        },
    )
    assert any("mark of a broken key" in note for note in judge(folder).notes)


def test_watts_alone_are_no_alarm_and_joules_lead():
    calm = [400.0 + i % 3 for i in range(40)]
    rise = calm[:36] + [value * 1.1 for value in calm[36:]]

    def raised(**series):
        found = {("m", name): (values, None) for name, values in series.items()}
        return set(judgement.standing_alarms(found, DEFAULTS))

    assert raised(joules=calm, watts=rise) == set()
    assert raised(joules=rise, watts=rise) == {("m", "joules"), ("m", "watts")}
    assert raised(seconds=rise) == {("m", "seconds")}


def test_faster_work_that_draws_more_watts_is_no_regression(tmp_path):
    folder = make(tmp_path, 18, histories.step(14, 0.9, OTHER))

    def faster(record):
        for phase in record["phases"]:
            phase["seconds"] *= 0.8

    for number in range(14, 18):
        change(folder, number, faster, OTHER)
    judged = judge(folder)
    assert judged.verdict == "PASS"
    assert kinds(judged) == [(OTHER, "joules", "improvement"), (OTHER, "seconds", "improvement")]
    assert "watts x1.1" in judged.findings[0].sentence


def test_a_night_under_way_says_so(tmp_path):
    folder = make(tmp_path, document=lambda n: {"stage": "run"} if n == 15 else {})
    assert "the night has not ended (stage run)" in judge(folder).notes


def test_many_series_need_more_than_one():
    chances = dict.fromkeys(range(99), 0.5)
    assert alarms.significant(dict(chances, hit=1e-3), 0.01) == set()
    assert alarms.significant(dict(chances, hit=5e-5), 0.01) == {"hit"}
    assert alarms.significant({"only": 0.005}, 0.01) == {"only"}
    assert alarms.significant({}, 0.01) == set()
    several = dict(dict.fromkeys(range(5), 0.0004), **{str(i): 0.5 for i in range(95)})
    assert len(alarms.significant(several, 0.01)) == 5, "five alike stand where one would not"


def test_a_blessed_step_rings_no_more():
    values = [400.0] * 20 + [440.0] * 4
    assert alarms.examine(values, 0.03, DEFAULTS).step.index == 20
    assert alarms.examine(values, 0.03, DEFAULTS, blessed=22) is None
    assert alarms.examine(values, 0.03, DEFAULTS, blessed=10).step.index == 20
    assert alarms.examine(values + [None], 0.03, DEFAULTS) is None


def test_one_wild_night_does_not_ring_against_the_blessed_one():
    calm = [400.0 * (1 + 0.004 * math.sin(3 * i)) for i in range(30)]
    assert alarms.examine(calm + [520.0], 0.03, DEFAULTS, blessed=15) is None
    assert alarms.examine(calm[:3] + [520.0], 0.03, DEFAULTS, blessed=0) is not None, (
        "a young series must ring at once"
    )


def test_suspects_are_tried_and_the_night_remembers(tmp_path, monkeypatch):
    folder = make(tmp_path, 18, histories.step(14, 1.08, OTHER))
    asked = []

    def confirm(suite, label, commits, *more):
        asked.append((label.prune["criterion"],) + commits + (len(suite.cases),))
        label = OTHER
        metrics = {
            name: {"verdict": "PASS", "ratio": {"median": 1.0, "low": 0.99, "high": 1.01}}
            for name in ("joules", "seconds", "watts")
        }
        told = {"label": label, "verdict": "PASS", "metrics": metrics, "pairs": 8}
        return suspects.confirm.comparison.Comparison("PASS", "a", "b", [told], [], "", None)

    monkeypatch.setattr(suspects.confirm, "confirm", confirm)
    after = suspects.tried(judge(folder), folder, night(folder, 17))
    assert after.verdict == "PASS" and {each.confirmed for each in after.findings} == {False}
    assert asked == [("random", histories.commit(13), histories.commit(14), 1)]
    document = store.document(place(folder, 17))
    assert document["verdict"] == "PASS" and document["confirmation"]["trials"]
    assert "8 pairs: PASS" in after.notes[-1]
    assert judge(folder).verdict == "PASS", "tonight's own decision holds"


@pytest.mark.parametrize(
    "costs,confirmed,verdict", [({"joules": 1.08}, True, "FAIL"), ({}, False, "PASS")]
)
def test_the_commits_of_a_suspect_are_run_in_pairs(tmp_path, costs, confirmed, verdict):
    clone, commits = stub_clone.make(tmp_path / "clone", {}, costs)
    folder = make(tmp_path, 18, histories.step(14, 1.08, OTHER))
    for number in range(18):
        change(
            folder,
            number,
            lambda record, commit=commits[number >= 14]: record["environment"].update(
                git={"commit": commit, "dirty": False}
            ),
        )
    after = suspects.tried(
        judge(folder),
        folder,
        night(folder, 17),
        suspects.confirm.Execution(6, say=[].append),
        repository=clone,
    )
    assert after.verdict == verdict and {each.confirmed for each in after.findings} == {confirmed}
    assert len(stub_clone.ran(clone)) == 12
    assert judge(folder).verdict == verdict, "night.json remembers, beside the pairs"


def test_the_same_code_on_both_sides_is_not_tried(tmp_path):
    folder = make(tmp_path, 18, histories.step(14, 1.08, OTHER))
    for number in range(18):
        change(
            folder,
            number,
            lambda record: record["environment"].update(git={"commit": "c" * 40, "dirty": False}),
        )
    after = suspects.tried(judge(folder), folder, night(folder, 17))
    assert after.verdict == "FAIL" and "the code is the same" in " ".join(after.notes)


def test_the_command_line(tmp_path, capsys):
    folder = str(make(tmp_path, 18, histories.step(14, 1.08, OTHER)))
    assert command_line.main(["gate", "--history", folder]) == 1
    assert "suspect" in capsys.readouterr()[0]
    assert (
        command_line.main(
            ["gate", "quick", "--history", folder, "--night", histories.day(13), "--json"]
        )
        == 0
    )
    assert json.loads(capsys.readouterr()[0])["verdict"] == "PASS"
    assert command_line.main(["gate", "--thresholds"]) == 0
    assert "[gate.floors]" in capsys.readouterr()[0]


@pytest.mark.parametrize(
    "words,said",
    [
        (["qick"], "Did you mean 'quick'"),
        (["--night", "2020-01-01"], "no night 2020-01-01"),
        (["--device", "jetson-tx1-ina3221"], "Did you mean 'jetson-tx2-ina3221'"),
        (["--simulate", "--trials", "0"], "whole number from 1"),
        (["--thresholds", "no.toml"], "no.toml"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_4(tmp_path, capsys, words, said):
    folder = str(make(tmp_path, 2))
    assert command_line.main(["gate", "--history", folder] + words) == 4
    err = capsys.readouterr()[1]
    assert said in err and err.count("\n") == 1


def test_an_empty_history_is_refused(tmp_path, capsys):
    assert command_line.main(["gate", "--history", str(tmp_path)]) == 4
    assert "holds no nights" in capsys.readouterr()[1]
