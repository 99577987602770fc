"""The verdict: sentences that follow from the data, and doubts that come with them."""

import pytest
from rigs import bundles

from edgejoule.reports import comparisons, gather, verdict
from edgejoule.reports.spread import Ratio, Spread


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


def test_overlapping_accuracies_are_level(tmp_path):
    """One seed of slim below one of random: nobody is above."""
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
    assert found["Control"].kind == "even"
    assert found["Control"].text.startswith("Level with random 0.5 (91.0 %): slim 0.5 (+3 points)")


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
    assert found[0].text.startswith("2 settings are reported apart")
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


def test_three_percent_is_level():
    """No board repeats itself better; a claim must clear the floor and the spread."""

    def side(low, high):
        return [
            name
            for name, pairs in comparisons.by_side(
                [("x", Ratio(3, (low + high) / 2, low, high))]
            ).items()
            if pairs
        ]

    assert side(0.90, 0.96) == ["less"] and side(0.90, 0.98) == ["level"]
    assert side(1.02, 1.2) == ["level"] and side(1.04, 1.2) == ["more"]


def test_differences_have_the_digits_of_the_spread():
    """+4.00 with a spread of 0.07 points, +4 with one of 2; no "−0"."""

    def points(mean, sd, other=0.9):
        return comparisons.points(
            {"accuracy": Spread(2, mean, sd, 0, 0)}, {"accuracy": Spread(2, other, sd, 0, 0)}
        )

    assert points(0.94, 0.0007) == "+4.00" and points(0.94, 0.02) == "+4"
    assert points(0.86, 0.004) == "−4.0" and points(0.8999, 0.02) == "0"
