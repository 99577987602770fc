"""One table in four formats: the same numbers in each, and nothing a reader would obey."""

import csv
import io

import pytest
from rigs import bundles

from edgejoule.reports import export, gather, phase_costs, results, tables, terminal
from edgejoule.reports.tables import Cell, Column, Notes, Row, Table

HOSTILE = "<script>alert(1)</script>|*_`[x](y)\\end{tabular}$%&#~^ \x1b[31m\u202e"


@pytest.fixture
def measured(tmp_path):
    """A report of three seeds on a real rail."""
    return gather.report(bundles.suite(tmp_path, seeds=(0, 1, 2), power="module"))


@pytest.fixture
def unmeasured(tmp_path):
    """A report of two seeds without a sensor."""
    return gather.report(bundles.suite(tmp_path))


def _row(table, name):
    (row,) = [row for row in table.rows if row.cells[0].main == name]
    return {column.header: cell for column, cell in zip(table.columns, row.cells)}


def test_every_column_says_what_and_in_which_unit(measured):
    """The header carries the unit that fits and the convention of the FLOPs."""
    assert [column.header for column in results.results(measured).columns] == [
        "Method",
        "Seeds",
        "Accuracy (%)",
        "Parameters (k)",
        "Forward MACs per sample (M)",
        "Training TFLOPs, exact",
        "Seconds per epoch",
        "Joules per epoch",
        "Joules, whole run",
        "Joules per epoch ÷ dense",
        "Joules, whole run ÷ dense",
    ]


def test_the_numbers_are_those_of_the_fixture(measured):
    """20 J per epoch after the cut, 241 J the whole run; 1 % more for each seed."""
    row = _row(results.results(measured), "slim 0.5")
    assert row["Accuracy (%)"].text == "97.10 ± 0.10"
    assert row["Joules per epoch"].text == "20.2 ± 0.2"
    assert row["Joules, whole run"].text == "243 ± 2"
    assert row["Training TFLOPs, exact"].text == "20.00"
    assert row["Joules per epoch ÷ dense"].text == "0.50"
    assert row["Joules, whole run ÷ dense"].main == "1.51"


def test_unknown_is_said_with_its_reason(unmeasured):
    """And the ratios are of seconds, which are known; the header says so."""
    table = results.results(unmeasured)
    row = _row(table, "slim 0.5")
    assert row["Joules per epoch"].text == row["Joules, whole run"].text == "not measured [a]"
    assert ("a", "not measured: " + bundles.NO_SENSOR) in table.notes
    assert row["Seconds per epoch ÷ dense"].main == "0.50"


def test_a_convention_without_an_answer_is_not_zero(tmp_path):
    """fvcore is not installed everywhere."""
    report = gather.report(bundles.suite(tmp_path), convention="fvcore")
    row = _row(results.results(report), "dense")
    assert row["Training FLOPs, fvcore"].text == "not counted [a]"
    with pytest.raises(ValueError, match="exact, paper, fvcore"):
        gather.report(tmp_path / "quick", convention="flops")


def test_a_hole_in_a_sum_is_a_lower_bound(tmp_path):
    """The score phase was too short for the sensor."""
    document = bundles.record("slim 0.5", power="module")
    document["phases"][1].update(joules=None, joules_reason="too short", status="too_short")
    report = gather.report(bundles.write(tmp_path, [bundles.record(power="module"), document]))
    table = results.results(report)
    assert _row(table, "slim 0.5")["Joules, whole run"].text == "≥ 240 [a]"
    assert _row(table, "slim 0.5")["Joules, whole run ÷ dense"].main == "≥ 1.50"
    assert ("a", "a part was not measured: score phase: too short") in table.notes


@pytest.mark.parametrize(
    "power, words",
    [("fake", "FAKE POWER: constant 9.5 W"), ("estimate", "ESTIMATED POWER: 10 W was given")],
)
def test_power_that_was_not_measured_is_labelled_everywhere(tmp_path, power, words):
    """In titles, in headers, in every format."""
    report = gather.report(bundles.suite(tmp_path, power=power))
    for table in (results.results(report), phase_costs.phases(report)):
        for write in (tables.markdown, tables.latex, terminal.text):
            assert words in write(table)
        assert any(report.power.label in column.header for column in table.columns)
    for rows in (export.methods(report), export.runs(report)):
        assert all(row["power"].startswith(report.power.label) for row in rows)


def test_phases_add_up(measured):
    """Search, score and retrain make the whole run; shares make 100."""
    frame = {row.cells[1].main: row for row in phase_costs.phases(measured).rows[-4:]}
    assert list(frame) == ["search", "score", "retrain", "whole run"]
    assert [frame[name].cells[2].main for name in frame] == ["2", "0", "4", "6"]
    shares = [float(frame[name].cells[6].main) for name in ("search", "score", "retrain")]
    assert 99 <= sum(shares) <= 101


def _hostile(tmp_path):
    prune = {"recipe": "one_shot", "criterion": "slim", "ratio": 0.5}
    return gather.report(
        bundles.write(
            tmp_path,
            [bundles.record(), bundles.record(HOSTILE, prune, case_id="x")],
            question=HOSTILE,
        )
    )


def test_hostile_names_in_markdown(tmp_path):
    """No tag, no link, no new column."""
    text = tables.markdown(results.results(_hostile(tmp_path)))
    assert "<script" not in text and "[x](y)" not in text and "\x1b" not in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({line.replace("\\|", "").count("|") for line in rows}) == 1


def test_hostile_names_in_latex(tmp_path):
    """No command of theirs; each row has its eleven cells."""
    text = tables.latex(results.results(_hostile(tmp_path)))
    assert text.count("\\end{tabular}") == 1 and "{[}x{]}" in text
    body = text.split("\\midrule")[1].split("\\bottomrule")[0].strip().splitlines()
    assert {line.replace("\\&", "").count("&") for line in body} == {10}


def test_hostile_names_on_a_terminal(tmp_path):
    """No escape sequence, no turned line."""
    text = terminal.text(results.results(_hostile(tmp_path)))
    assert "\x1b" not in text and "\u202e" not in text


def test_csv_reads_back_and_starts_no_formula(tmp_path):
    """A spreadsheet would run `=cmd()`."""
    rows = [
        {"name": "=cmd()|x", "n": 2, "joules": None, "share": 0.25, "flops": 2e13, "ok": True},
        {
            "name": 'say "hi",\nyou',
            "n": 3,
            "joules": float("nan"),
            "share": 1 / 3,
            "flops": 1.5,
            "ok": False,
        },
    ]
    back = list(csv.DictReader(io.StringIO(tables.csv_text(rows))))
    assert back[0]["name"] == "'=cmd()|x" and back[1]["name"] == 'say "hi",\nyou'
    assert [row["joules"] for row in back] == ["", ""]
    assert back[0]["flops"] == "20000000000000" and back[1]["share"] == "0.333333"


def test_csv_has_the_numbers_behind_the_table(measured):
    """SI units, fractions; unknown empty."""
    rows = {
        row["method"]: row
        for row in csv.DictReader(io.StringIO(tables.csv_text(export.methods(measured))))
    }
    slim = rows["slim 0.5"]
    assert float(slim["joules_per_epoch_mean"]) == pytest.approx(20.2)
    assert float(slim["accuracy_mean"]) == pytest.approx(0.971)
    assert slim["params_mean"] == "71000" and slim["flops_fvcore_mean"] == ""
    assert slim["power"] == "measured: rail VDD_IN (module) of Jetson TX2, mode MAXN"
    assert float(slim["joules_per_epoch_ratio"]) == pytest.approx(0.5)


def test_text_breaks_columns_to_the_width_and_repeats_the_first(measured):
    """No line of the table is wider than asked, and no column is lost."""
    table = results.results(measured)
    text = terminal.text(table, width=72)
    assert max(len(line) for line in text.splitlines()) <= 72
    assert text.count("slim 0.5") > 1 and "\n\n\n" not in text
    for cell in _row(table, "slim 0.5").values():
        assert cell.text in text


def test_the_same_sentence_has_the_same_letter():
    """And there are letters after z."""
    notes = Notes("general")
    assert [notes.mark(each) for each in ("x", "y", "x")] == ["a", "b", "a"]
    assert notes.all() == (("", "general"), ("a", "x"), ("b", "y"))
    for number in range(30):
        notes.mark(str(number))
    assert notes.mark("29") == "af"


def test_blocks_are_headed_in_every_format():
    """Two settings are two blocks of rows."""
    table = Table(
        "t",
        (Column("Method", False), Column("n")),
        tuple(
            Row((Cell(name), Cell("1")), setting) for name, setting in (("a", "one"), ("b", "two"))
        ),
        (),
    )
    for write in (tables.markdown, tables.latex, terminal.text):
        text = write(table)
        assert text.index("one") < text.index("two") < len(text)


def test_a_doubtful_reading_keeps_its_number_and_gets_a_footnote(tmp_path):
    """Half a second is short for a sensor; the number is rough, not unknown."""
    document = bundles.record("slim 0.5", power="module")
    for phase, status in zip(document["phases"], ("too_short", "too_short", "degraded")):
        phase["status"] = status
    table = results.results(gather.report(bundles.write(tmp_path, [document])))
    assert _row(table, "slim 0.5")["Joules, whole run"].text == "241 [a]"
    assert dict(table.notes)["a"] == (
        "rough: too short for this sensor in phase dense and score; "
        "rough: the sensor missed samples in phase retrain"
    )


def _no_ratio(tmp_path, *records):
    """The footnotes about ratios that are not known."""
    made = results.results(gather.report(bundles.write(tmp_path, list(records))))
    return [note for _, note in made.notes if note.startswith("no ratio")]


def test_a_missing_ratio_names_the_side_that_is_missing(tmp_path):
    """It always blamed dense training, whose joules stood two cells further up."""
    dense, slim = (bundles.record(label, power="module") for label in ("dense", "slim 0.5"))
    for phase in slim["phases"]:
        if phase["name"] == "score":  # shorter than the sensor's period, and 3 % of this run
            phase.update(joules=None, joules_reason="shorter than a sample", seconds=1.0)
    (note,) = _no_ratio(tmp_path / "method", dense, slim)
    assert note == "no ratio: this method's joules of the whole run are not known"
    other = bundles.record("slim 0.5", seed=7, power="module")
    notes = _no_ratio(tmp_path / "seeds", dense, other)
    assert notes and all("no seed has these" in note for note in notes)
    (alone,) = _no_ratio(tmp_path / "alone", other)
    assert alone == "no ratio: no dense run is there"


def test_a_missing_ratio_blames_dense_training_where_it_is_dense_training(tmp_path):
    """Its own joules are the ones that nobody measured."""
    dense, slim = (bundles.record(label, power="module") for label in ("dense", "slim 0.5"))
    for row in dense["phases"] + dense["epochs"]:
        row.update(joules=None, joules_reason="the sensor stopped")
    notes = _no_ratio(tmp_path, dense, slim)
    assert "no ratio: the joules of the whole run of dense training are not known" in notes
