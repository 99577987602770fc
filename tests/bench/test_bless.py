"""Blessing: who, when and why are kept; nothing doubtful becomes a baseline by itself."""

import json

import pytest
from rigs import bundles, histories

from edgejoule import command_line
from edgejoule.bench.gates import blessing

METHODS = bundles.METHODS[:1]


def make(tmp_path, nights=3, **more):
    return histories.make(tmp_path / "history", nights, METHODS, **more)


def call(capsys, folder, *words):
    """(exit code, stdout, stderr) of `edgejoule bless`."""
    code = command_line.main(["bless", "--history", str(folder)] + list(words))
    out, err = capsys.readouterr()
    return code, out, err


def read(folder):
    return blessing.read(folder, histories.DEVICE)


def test_the_last_night_is_blessed_with_its_reason(tmp_path, capsys):
    folder = make(tmp_path)
    code, out, _ = call(capsys, folder, "--why", " first good week ", "--by", "Ada")
    made = read(folder)["quick"]
    assert code == 0 and "the baseline, says Ada" in out
    assert (made["night"], made["commit"]) == (histories.day(2), histories.commit(2))
    assert (made["by"], made["why"], made["previous"]) == ("Ada", "first good week", None)
    assert made["when_utc"].endswith("Z")


def test_a_night_or_a_commit_can_be_named(tmp_path, capsys):
    folder = make(tmp_path)
    assert call(capsys, folder, "quick", "--night", histories.day(0), "--why", "x")[0] == 0
    assert read(folder)["quick"]["night"] == histories.day(0)
    assert call(capsys, folder, "--commit", histories.commit(1)[:9], "--why", "y")[0] == 0
    assert read(folder)["quick"]["night"] == histories.day(1)


def test_undo_goes_back_one_by_one(tmp_path, capsys):
    folder = make(tmp_path)
    for number in (0, 1):
        call(capsys, folder, "--night", histories.day(number), "--why", "x")
    code, out, _ = call(capsys, folder, "--undo")
    assert (
        code == 0 and histories.day(0) in out and read(folder)["quick"]["night"] == histories.day(0)
    )
    assert "nothing is blessed any more" in call(capsys, folder, "--undo")[1]
    assert read(folder) == {}
    assert call(capsys, folder, "--undo")[0] == 4


def test_what_is_blessed_is_listed(tmp_path, capsys):
    folder = make(tmp_path)
    assert "nothing is blessed" in call(capsys, folder, "--list")[1]
    call(capsys, folder, "--why", "because")
    assert "because" in call(capsys, folder, "--list")[1]
    found = json.loads(call(capsys, folder, "--list", "--json")[1])
    assert found[histories.DEVICE]["quick"]["why"] == "because"


@pytest.mark.parametrize(
    "more,said",
    [
        ({"fake": "constant 9.5 W"}, "its power is not real: constant 9.5 W"),
        ({"document": lambda n: {"verdict": "INVALID"}}, "it is invalid"),
        ({"document": lambda n: {"stage": "run"}}, "it has not ended (stage run)"),
    ],
)
def test_a_doubtful_night_is_blessed_only_on_demand(tmp_path, capsys, more, said):
    folder = make(tmp_path, **more)
    code, _, err = call(capsys, folder, "--why", "x")
    assert code == 4 and said in err and "--anyway" in err and read(folder) == {}
    assert call(capsys, folder, "--why", "x", "--anyway")[0] == 0


@pytest.mark.parametrize(
    "words,said",
    [
        ([], "a baseline needs a reason"),
        (["--why", "  "], "a baseline needs a reason"),
        (["--why", "x", "--night", "2020-01-01"], "no night 2020-01-01"),
        (["--why", "x", "--commit", "fff"], "no night of commit fff"),
        (["qick", "--why", "x"], "Did you mean 'quick'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_4(tmp_path, capsys, words, said):
    code, _, err = call(capsys, make(tmp_path), *words)
    assert code == 4 and said in err and err.count("\n") == 1


def test_a_broken_file_is_no_baseline_and_is_not_overwritten(tmp_path, capsys):
    folder = make(tmp_path)
    path = folder / histories.DEVICE / "blessed.json"
    for text in ("{", "[]", '{"quick": {}}', '{"quick": 3}'):
        path.write_text(text)
        code, _, err = call(capsys, folder, "--why", "x")
        assert code == 4 and "cannot be read" in err and path.read_text() == text


def test_two_devices_must_be_told_apart(tmp_path, capsys):
    folder = make(tmp_path)
    histories.make(folder, 1, METHODS, device="other-board", first=5)
    assert "which device?" in call(capsys, folder, "--why", "x")[2]
    assert call(capsys, folder, "--device", "other-board", "--why", "x")[0] == 0
    assert read(folder) == {} and blessing.read(folder, "other-board")
