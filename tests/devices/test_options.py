"""Numbers on the command line: what is none is refused by the option's name."""

import argparse

import pytest

from edgejoule import command_line
from edgejoule.devices import options


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "-1", "1e9", "ten", ""])
def test_no_amount_is_without_an_end_negative_or_a_word(text):
    for kind in (options.amount, options.positive, options.count(1)):
        with pytest.raises(argparse.ArgumentTypeError, match="it must be"):
            kind(text)


def test_what_is_meant_is_taken():
    assert options.amount("0") == 0.0 and options.amount("1e-3") == 0.001
    assert options.positive("2.5") == 2.5
    assert options.count(0)("0") == 0 and options.count(1)("12") == 12


def test_nought_is_refused_where_it_makes_no_sense():
    for kind in (options.positive, options.count(1)):
        with pytest.raises(argparse.ArgumentTypeError):
            kind("0")
    with pytest.raises(argparse.ArgumentTypeError, match="whole number from 1"):
        options.count(1)("1.5")


@pytest.mark.parametrize(
    "words",
    [
        ["measure", "--idle", "nan", "--", "true"],
        ["measure", "--idle", "-1", "--", "true"],
        ["measure", "--idle", "inf", "--", "true"],
        ["measure", "--repeat", "0", "--", "true"],
        ["measure", "--warmup", "-1", "--", "true"],
        ["doctor", "--seconds", "0"],
        ["doctor", "--seconds", "nan"],
        ["doctor", "--report", "--seconds", "-2"],
        ["meter-bench", "--trials", "0"],
        ["meter-bench", "--seconds", "inf"],
    ],
)
def test_every_number_is_refused_in_one_line_that_names_its_option(words, capsys):
    with pytest.raises(SystemExit) as ended:
        command_line.main(words)
    out, err = capsys.readouterr()
    option = [
        word
        for word in words
        if word in ("--idle", "--repeat", "--warmup", "--seconds", "--trials")
    ]
    assert ended.value.code == 4 and not out and err.count("\n") == 1
    assert option[0] in err and "it must be" in err
