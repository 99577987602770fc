"""The verdict: sentences that follow from the data, and doubts that come with them."""

import math
import re

import pytest
from rigs import bundles

from edgejoule.reports import comparisons, gather, paired, student, verdict
from edgejoule.reports.spread import Spread


def _verdict(root):
    return {each.topic: each for each in verdict.findings(gather.report(root))}


def test_what_the_cut_saves(tmp_path):
    """Half the joules and seconds of an epoch, 11.1 of 40 million MACs."""
    found = _verdict(bundles.suite(tmp_path, seeds=(0, 1, 2), power="module"))
    assert found["Per epoch"] == (
        "good",
        "Per epoch",
        "After the cut an epoch costs 0.50 of the "
        "joules of a dense one, 0.50 of its seconds and 0.28 of its MACs.",
    )
    assert "about as much with early-bird spline 0.5 (1.01)" in found["Whole run"].text
    assert "more with random 0.5 (1.51) and slim 0.5 (1.51)" in found["Whole run"].text
    assert found["Whole run"].kind == "even"


def test_who_beats_chance(tmp_path):
    """Every seed above every seed of the control; three seeds need no caveat."""
    found = _verdict(bundles.suite(tmp_path, seeds=(0, 1, 2), power="module"))
    assert found["Control"].kind == "good"
    assert found["Control"].text == (
        "Above random 0.5 (93.10 %): slim 0.5 (+4.00 points) and "
        "early-bird spline 0.5 (+3.50 points)."
    )
    assert found["Accuracy"].kind == "bad" and found["Accuracy"].text.startswith("Below dense")


@pytest.mark.parametrize(
    "seeds, words, kind",
    [((0,), "a single seed shows no spread", "unknown"), ((0, 1), "a hint, not a finding", "good")],
)
def test_few_seeds_are_said_to_be_few(tmp_path, seeds, words, kind):
    """One seed tells nothing apart; two are a hint."""
    found = _verdict(bundles.suite(tmp_path, seeds=seeds))
    assert words in found["Control"].text and found["Control"].kind == kind


def test_overlapping_accuracies_are_not_told_apart(tmp_path):
    """One seed of slim below one of random: nobody is above, and nobody is called level."""
    records = [
        bundles.record(label, seed=seed, accuracy=accuracy)
        for label, seed, accuracy in (
            ("random 0.5", 0, 0.90),
            ("random 0.5", 1, 0.92),
            ("slim 0.5", 0, 0.91),
            ("slim 0.5", 1, 0.97),
        )
    ]
    found = _verdict(bundles.write(tmp_path, records))
    assert found["Control"].kind == "unknown"
    assert found["Control"].text.startswith(
        "Not told apart from random 0.5 (91.0 %): slim 0.5 (+3 points)"
    )


def test_what_is_not_known_is_said(tmp_path):
    """No sensor, no dense run, no control, a case that is missing, one that is broken."""
    root = bundles.write(
        tmp_path,
        [
            bundles.record("slim 0.5"),
            bundles.record(
                "x", {"recipe": "one_shot", "criterion": "l2", "ratio": 0.5}, case_id="broken"
            ),
        ],
        missing=[("m", "dense")],
    )
    (root / "broken" / "run.json").write_text("{")
    found = _verdict(root)
    assert found["Power"].text.startswith("Joules were not measured: " + bundles.NO_SENSOR)
    assert found["Missing"].text == "1 of 3 cases not finished: m."
    assert found["Set aside"].text.startswith("1 bundle set aside and not reported: broken (")
    assert "no dense run" in found["Dense"].text.lower()
    assert "no random control" in found["Control"].text


def test_nothing_finished(tmp_path):
    """A report of nothing is no error, and no verdict."""
    (missing, also) = verdict.findings(
        gather.report(bundles.write(tmp_path, [], missing=[("m", "dense")]))
    )
    assert missing.text == "No case of this suite has finished: there is nothing to report."
    assert also.text == "1 of 1 case not finished: m."


def test_a_method_whose_cost_is_unknown_is_named(tmp_path):
    """A ratio for one method must not pass for all."""
    records = [
        bundles.record(power="module"),
        bundles.record("random 0.5", power="module"),
        bundles.record("slim 0.5", power="module"),
    ]
    for row in records[2]["epochs"] + records[2]["phases"]:
        row.update(joules=None, joules_reason="the sensor stopped", status="invalid")
    found = _verdict(bundles.write(tmp_path, records))
    assert found["Per epoch"].text.endswith("not known for slim 0.5.")
    assert found["Whole run"].text.endswith("not known for slim 0.5.")


def test_settings_are_told_apart(tmp_path):
    """Two blocks: each sentence says of which it speaks."""
    found = verdict.findings(
        gather.report(
            bundles.write(
                tmp_path,
                [
                    bundles.record(power="module"),
                    bundles.record("slim 0.5", power="module"),
                    bundles.record(power="module", epochs=2, case_id="d"),
                    bundles.record("slim 0.5", power="module", epochs=2, case_id="s"),
                ],
            )
        )
    )
    assert any(each.text.startswith("2 settings are reported apart") for each in found)
    assert found[0].topic == "Answer" and found[0].text.startswith("In each of 2 settings nothing")
    per_epoch = [each.text for each in found if each.topic == "Per epoch"]
    assert [text.split(":")[0] for text in per_epoch] == [
        "Resnet20 on digits, 4 epochs",
        "Resnet20 on digits, 2 epochs",
    ]


@pytest.mark.parametrize(
    "epoch, kind, words",
    [(None, "bad", "never settled below its threshold 0.15"), (2, "note", "after 2 epochs")],
)
def test_tickets(tmp_path, epoch, kind, words):
    """Drawn, or never."""
    document = bundles.record("early-bird spline 0.5")
    document["ticket"]["epoch"] = epoch
    found = _verdict(bundles.write(tmp_path, [document]))["Early bird"]
    assert found.kind == kind and words in found.text


def _ratio(low, high):
    """The estimate whose 95 % interval are these ratios, of five pairs."""
    low, high = math.log(low), math.log(high)
    error = (high - low) / 2 / student.quantile(0.975, 4)
    return paired.Estimate(5, (low + high) / 2, error, 4, True)


@pytest.mark.parametrize(
    "low, high, side",
    [
        (0.90, 0.96, "less"),
        (0.90, 0.98, "open"),  # cheaper by less than the floor, or by more: not equal either
        (0.99, 1.01, "level"),
        (0.98, 1.025, "level"),
        (0.90, 1.10, "open"),
        (0.70, 0.98, "open"),
        (1.02, 1.20, "open"),
        (1.04, 1.20, "more"),
    ],
)
def test_equal_cost_is_a_claim_of_its_own(low, high, side):
    """Within 3 % by two one-sided tests; an interval that merely holds 1 claims nothing."""
    assert comparisons.cost_side(_ratio(low, high)) == side


def test_differences_have_the_digits_of_the_spread():
    """+4.00 with a spread of 0.07 points, +4 with one of 2; no "−0"."""

    def points(mean, sd, other=0.9):
        return comparisons.points(
            {"accuracy": Spread(2, mean, sd, 0, 0)}, {"accuracy": Spread(2, other, sd, 0, 0)}
        )

    assert points(0.94, 0.0007) == "+4.00" and points(0.94, 0.02) == "+4"
    assert points(0.86, 0.004) == "−4.0" and points(0.8999, 0.02) == "0"


def _training(tmp_path, costs, accuracies, power="module"):
    """The answer to a suite whose methods have these costs (÷ dense) and accuracies, by seed."""
    records = []
    for label, factors in costs.items():
        for seed, factor in enumerate(factors):
            run = bundles.record(label, seed=seed, power=power, accuracy=accuracies[label][seed])
            whole = sum(phase["seconds"] for phase in run["phases"])
            for phase in run["phases"]:
                share = phase["seconds"] / whole
                phase.update(seconds=16 * factor * share)
                phase.update(joules=None if power == "none" else 160 * factor * share)
            records.append(run)
    return verdict.findings(gather.report(bundles.write(tmp_path, records)))[0]


SAME = {name: (0.98, 0.981, 0.979, 0.98) for name, _ in bundles.METHODS}
COSTS = {
    "dense": (1.0, 1.0, 1.0, 1.0),
    "random 0.5": (0.80, 0.81, 0.80, 0.79),
    "slim 0.5": (0.50, 0.51, 0.50, 0.49),
}


def test_the_first_sentence_names_the_winner_its_figure_and_its_interval(tmp_path):
    """The suite asks which way saves the most at the same accuracy."""
    found = _training(tmp_path, COSTS, SAME)
    assert found.topic == "Answer" and found.kind == "good"
    assert found.text.startswith(
        "Slim 0.5 saves the most at the accuracy of dense training: 50.0 % fewer joules over a "
        "whole run (95 % interval 48.7 to 51.3 %, 4 seeds)"
    )
    assert "not worse by more than 1 point" in found.text


def test_methods_that_were_not_told_apart_are_named_with_the_seeds_that_would(tmp_path):
    """By the spread of their difference, seed by seed."""
    near = dict(COSTS, **{"slim 0.5": (0.70, 0.86, 0.72, 0.84)})
    found = _training(tmp_path, near, SAME)
    assert found.kind == "unknown" and "could not be told with 4 seeds" in found.text
    assert "slim 0.5 (22 % fewer) and random 0.5 (20.0 % fewer) were not told apart" in found.text
    assert " seeds, by the spread of these, would." in found.text


def _sure(root):
    (found,) = [each for each in verdict.findings(gather.report(root)) if each.topic == "How sure"]
    return found.text


def test_a_tie_says_what_the_cheapest_saves_and_how_sure_that_is(tmp_path):
    """The interval of a mean of four logarithms, by Student's 3.182 for three degrees."""
    factors = (0.70, 0.86, 0.72, 0.84)
    _training(tmp_path, dict(COSTS, **{"slim 0.5": factors}), SAME)
    logs = [math.log(each) for each in factors]
    mean = sum(logs) / 4
    half = 3.1824 * math.sqrt(sum((each - mean) ** 2 for each in logs) / 3 / 4)
    low, high = (100 * (1 - math.exp(mean + sign * half)) for sign in (1, -1))
    assert _sure(tmp_path / "quick") == (
        "The cheapest of these, slim 0.5, takes 22 % fewer joules over a whole run (95 % interval "
        "{:.0f} to {:.0f} %, 4 seeds) than dense training; its accuracy differs by 0.0 points "
        "(95 % interval 0.0 to 0.0).".format(low, high)
    )


def test_a_winner_is_told_by_how_much_it_beats_the_next(tmp_path):
    """0.8 of dense beside its half: 60 % more, in every seed but for a per cent."""
    _training(tmp_path, COSTS, SAME)
    text = _sure(tmp_path / "quick")
    assert text.startswith("The next cheapest, random 0.5, takes 60 % more joules over a whole run")
    assert "95 % interval" in text and text.endswith("4 seeds) than slim 0.5.")


def test_an_interval_that_holds_a_saving_and_a_loss_says_which_end_is_which(tmp_path):
    """A bare minus left the reader to find out whether it is good."""
    wide = {"dense": (1.0, 1.0, 1.0), "slim 0.5": (0.7, 1.2, 0.9)}
    found = _training(tmp_path, wide, {name: values[:3] for name, values in SAME.items()})
    assert re.search("interval [0-9]+ % fewer to [0-9]+ % more, 3 seeds", found.text)
    assert "−" not in found.text.partition("its accuracy")[0]


def test_of_many_methods_that_were_not_told_apart_the_cheapest_are_named(tmp_path):
    """Two of the nine cost more; the names of the other seven filled the first screen."""
    prune = {"recipe": "one_shot", "criterion": "slim", "ratio": 0.5}
    labels = ["method {}".format(each) for each in range(9)]
    records = [bundles.record(seed=seed, accuracy=0.9) for seed in range(3)]
    for number, label in enumerate(labels):
        for seed in range(3):
            run = bundles.record(label, dict(prune, rho=number), seed=seed, accuracy=0.9)
            factor = (0.5 + 0.01 * number) * (1 + 0.1 * ((seed + number) % 3))
            for phase in run["phases"]:
                phase["seconds"] *= factor
            records.append(run)
    text = verdict.findings(gather.report(bundles.write(tmp_path, records)))[0].text
    assert " and 4 more were not told apart" in text and len(re.findall("method [0-9]", text)) == 3


def test_of_methods_that_all_cost_more_nobody_asks_which_saves_the_most(tmp_path):
    """With two seeds they were not told apart, and none saved anything."""
    dear = {"dense": (1.0, 1.0), "random 0.5": (1.6, 1.9), "slim 0.5": (1.3, 2.1)}
    found = _training(tmp_path, dear, {name: values[:2] for name, values in SAME.items()})
    assert found.text.startswith("Whether any method saves joules at the accuracy of dense")


def test_methods_that_save_the_same_are_called_the_same(tmp_path):
    """Only by a test of equality: 0.2 % apart in every seed."""
    twins = dict(COSTS, **{"random 0.5": (0.501, 0.511, 0.501, 0.491)})
    found = _training(tmp_path, twins, SAME)
    assert "slim 0.5 and random 0.5 save the same, within 3 %" in found.text.lower()


def test_a_cheap_method_that_loses_accuracy_does_not_win(tmp_path):
    """It is not what was asked for."""
    accuracies = dict(SAME, **{"slim 0.5": (0.95, 0.951, 0.949, 0.95)})
    assert _training(tmp_path, COSTS, accuracies).text.startswith("Random 0.5 saves the most")


def test_a_cheap_method_whose_accuracy_is_not_clear_leaves_the_answer_open(tmp_path):
    """It may be the winner."""
    accuracies = dict(SAME, **{"slim 0.5": (0.96, 0.99, 0.965, 0.985)})
    found = _training(tmp_path, COSTS, accuracies)
    assert found.kind == "unknown" and "slim 0.5 (50.0 % fewer)" in found.text


def test_where_no_accuracy_is_clear_the_closest_is_told_with_its_intervals(tmp_path):
    """Four seeds within two points of dense training, to both sides."""
    unclear = (0.96, 0.995, 0.965, 0.99)
    accuracies = dict(SAME, **{"slim 0.5": unclear, "random 0.5": unclear[::-1]})
    found = _training(tmp_path, COSTS, accuracies)
    assert found.kind == "unknown" and found.text.startswith("Whether any method keeps the acc")
    assert _sure(tmp_path / "quick").startswith(
        "The closest of these, slim 0.5, takes 50.0 % fewer joules over a whole run (95 % interval"
    )


def test_if_nothing_keeps_the_accuracy_the_answer_says_so(tmp_path):
    """With the method that comes closest."""
    accuracies = {
        name: tuple(value - (0.05 if name != "dense" else 0) for value in values)
        for name, values in SAME.items()
    }
    found = _training(tmp_path, COSTS, accuracies)
    assert found.kind == "bad"
    assert found.text.startswith(
        "No method keeps the accuracy of dense training within 1 point: the closest"
    )


def test_if_nothing_saves_the_answer_says_so(tmp_path):
    """A whole run pays for what came before the cut."""
    dear = dict(COSTS, **{"slim 0.5": (1.5, 1.51, 1.5, 1.49), "random 0.5": (1.5, 1.5, 1.5, 1.5)})
    found = _training(tmp_path, dear, SAME)
    assert found.kind == "bad" and "no method that keeps the accuracy" in found.text.lower()
    assert "more joules over a whole run" in found.text


def test_two_cheap_seeds_of_a_wide_spread_are_neither_cheaper_nor_the_same(tmp_path):
    """0.70 and 0.97: "about as much" claimed an equality that nothing showed."""
    few = {"dense": (1.0, 1.0), "slim 0.5": (0.70, 0.97)}
    report = {name: values[:2] for name, values in SAME.items()}
    found = _training(tmp_path, few, report)
    assert found.kind == "unknown" and "seeds, by the spread of these, would tell" in found.text
    whole = verdict.findings(gather.report(tmp_path / "quick"))
    run = [each for each in whole if each.topic == "Whole run"][0]
    assert (
        "not told apart from it with slim 0.5 (0.8" in run.text and "about as much" not in run.text
    )


def test_one_seed_concludes_nothing_and_says_how_many_more(tmp_path):
    """No sign of any finding is good or bad."""
    root = bundles.suite(tmp_path, seeds=(0,), power="module")
    found = verdict.findings(gather.report(root))
    assert found[0].topic == "Answer" and found[0].kind == "unknown"
    assert "nothing can be concluded from one seed" in found[0].text.lower()
    assert "run at least 2 more seeds (3 in all)" in found[0].text
    assert not [each for each in found if each.kind in ("good", "bad")]
    assert not [each for each in found if "Above" in each.text or "Below" in each.text]


def test_one_seed_still_says_what_it_showed_and_that_it_has_no_interval(tmp_path):
    """The cheapest that came within a point; of none it says so."""
    one = {name: values[:1] for name, values in COSTS.items()}
    accuracies = {"dense": (0.98,), "random 0.5": (0.975,), "slim 0.5": (0.95,)}
    _training(tmp_path / "near", one, accuracies)
    assert _sure(tmp_path / "near" / "quick") == (
        "In this seed, which gives no interval, the cheapest within 1 point of dense training's "
        "accuracy, random 0.5, takes 20.0 % fewer joules over a whole run than dense training; "
        "its accuracy differs by −0.5 points."
    )
    _training(tmp_path / "far", one, dict(accuracies, **{"random 0.5": (0.9,)}))
    assert _sure(tmp_path / "far" / "quick").startswith("In this seed no method came within 1 po")


@pytest.mark.parametrize("power", ["fake", "estimate"])
def test_joules_that_were_not_measured_get_no_verdict(tmp_path, power):
    """Seconds were measured; joules are a fixed number times them."""
    report = gather.report(bundles.suite(tmp_path, seeds=(0, 1, 2), power=power))
    for each in verdict.findings(report):
        assert "joules" not in each.text or each.topic == "Power", each
    assert verdict.findings(report)[0].topic == "Answer"
    assert "seconds over a whole run" in verdict.findings(report)[0].text


def test_what_limits_the_report_comes_last(tmp_path):
    """Sensor errors stood above the answer."""
    found = verdict.verdict(gather.report(bundles.suite(tmp_path, seeds=(0, 1, 2))))
    assert found.answer.topic == "Answer"
    assert not [each for each in found.others if each.topic in ("Answer", "How sure")]
    assert [each.topic for each in found.limits] == ["Power"]
    assert not [each for each in found.others if bundles.NO_SENSOR in each.text]
