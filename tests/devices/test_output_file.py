"""Files that are known to be writable before there is anything to write."""

import os
import stat

import pytest

from edgejoule.devices.output_file import OutputFile


def test_a_file_is_there_once_it_is_whole(tmp_path):
    path = tmp_path / "x.json"
    output = OutputFile(str(path), "--trace")
    assert not path.exists()
    assert output.write(lambda file: file.write("whole")) is None
    assert path.read_text() == "whole" and os.listdir(str(tmp_path)) == ["x.json"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o400


@pytest.mark.parametrize("place", ["missing/x", "folder", "file/x"])
def test_what_cannot_be_written_is_refused_at_once(tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="--trace .*: cannot be written: .*; choose another"):
        OutputFile(str(tmp_path / place), "--trace")
    assert sorted(os.listdir(str(tmp_path))) == ["file", "folder"]


def test_nothing_is_left_of_what_was_not_written(tmp_path):
    (tmp_path / "x").write_text("before")
    OutputFile(str(tmp_path / "x"), "--trace").discard()
    assert os.listdir(str(tmp_path)) == ["x"] and (tmp_path / "x").read_text() == "before"


def test_a_full_disk_is_a_sentence():
    output = OutputFile("/dev/full", "--trace")
    assert "was not written: No space left" in output.write(lambda file: file.write("x" * 99999))


def test_a_folder_that_goes_away_is_a_sentence(tmp_path):
    (tmp_path / "a").mkdir()
    output = OutputFile(str(tmp_path / "a" / "x"), "--trace")
    for name in os.listdir(str(tmp_path / "a")):
        (tmp_path / "a" / name).unlink()
    (tmp_path / "a").rmdir()
    assert "was not written: No such file" in output.write(lambda file: file.write("x"))
    output.discard()


def test_of_a_link_the_file_is_replaced(tmp_path):
    (tmp_path / "there").write_text("before")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    assert OutputFile(str(tmp_path / "link"), "--trace").write(lambda f: f.write("after")) is None
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there").read_text() == "after"


def test_words_that_are_no_text_are_written_as_escapes(tmp_path):
    output = OutputFile(str(tmp_path / "x"), "--trace")
    assert output.write(lambda file: file.write("\udc80")) is None
    assert (tmp_path / "x").read_text() == "\\udc80"
