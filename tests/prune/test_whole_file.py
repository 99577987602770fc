"""A file is there whole or as it was."""

import os

import pytest

from edgejoule.prune import whole_file
from edgejoule.prune.whole_file import Replacement


def test_the_file_appears_at_the_end(tmp_path):
    path = tmp_path / "codes"
    with Replacement(path) as temporary:
        with open(temporary, "w") as file:
            file.write("whole")
        assert not path.exists()
    assert path.read_text() == "whole" and list(tmp_path.iterdir()) == [path]


def test_what_was_there_stays_when_writing_fails(tmp_path):
    path = tmp_path / "codes"
    path.write_text("before")
    with pytest.raises(OSError, match="no space"):
        with Replacement(path) as temporary:
            with open(temporary, "w") as file:
                file.write("half")
            raise OSError("no space")
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_the_last_of_two_writers_wins(tmp_path):
    with Replacement(tmp_path / "x") as first, Replacement(tmp_path / "x") as second:
        for name in (first, second):
            with open(name, "w") as file:
                file.write(name)
    assert (tmp_path / "x").read_text() == first, "it was opened first and closed last"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        Replacement(tmp_path / "nowhere" / "x")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_who_is_stopped_while_writing_leaves_what_was_there_and_nothing_else(
    step, tmp_path, monkeypatch
):
    path = tmp_path / "weights"
    path.write_bytes(b"before")
    monkeypatch.setattr(os, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        whole_file.write(path, b"after")
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


def interrupted(*_):
    raise KeyboardInterrupt
