"""Bundles: present means whole, attempts are counted, broken ones are set aside."""

import json
import multiprocessing
import os
import signal

import pytest
from rigs import bundles

from edgejoule.bench import bundle, records


def record(case_id="a"):
    return records.from_json(json.dumps(bundles.record(case_id=case_id)))


def finished(folder, case_id="a"):
    path, _ = bundle.begin(folder, case_id)
    bundle.write_text(path / bundle.RECORD, records.to_json(record(case_id)))
    return bundle.finish(path, folder, case_id)


def test_a_bundle_appears_whole_and_only_at_the_end(tmp_path):
    path, attempts = bundle.begin(tmp_path, "a")
    assert attempts == 1 and not bundle.is_done(tmp_path, "a")
    bundle.write_text(path / bundle.RECORD, records.to_json(record()))
    assert not bundle.is_done(tmp_path, "a") and not list(bundle.scan(tmp_path))
    bundle.finish(path, tmp_path, "a")
    assert bundle.is_done(tmp_path, "a") and bundle.read(tmp_path / "a").case_id == "a"
    assert not bundle.open_folder(tmp_path, "a").exists()


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_who_is_stopped_while_writing_leaves_what_was_there_and_nothing_else(
    step, tmp_path, monkeypatch
):
    def interrupted(*_):
        raise KeyboardInterrupt

    bundle.write_text(tmp_path / "suite.json", "before")
    monkeypatch.setattr(os, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        bundle.write_text(tmp_path / "suite.json", "after")
    assert [each.name for each in tmp_path.iterdir()] == ["suite.json"]
    assert (tmp_path / "suite.json").read_text() == "before"


def test_interrupted_attempts_are_counted_and_leave_nothing_behind(tmp_path):
    for number in (1, 2, 3):
        path, attempts = bundle.begin(tmp_path, "a")
        assert attempts == number
        assert [each.name for each in path.iterdir()] == ["attempts"]
        (path / "half").write_text("torn")


@pytest.mark.parametrize("text", ["", "{", '{"schema": 1}', "[]", "\x00\xff", '{"schema": 99}'])
def test_a_corrupt_bundle_is_named_and_set_aside(tmp_path, capsys, text):
    path = finished(tmp_path)
    (path / bundle.RECORD).write_text(text, encoding="latin1")
    assert not bundle.is_done(tmp_path, "a")
    assert "a.corrupt" in capsys.readouterr().err
    assert (tmp_path / "a.corrupt").is_dir() and not path.exists()
    finished(tmp_path, "a")
    (path / bundle.RECORD).unlink()
    assert not bundle.is_done(tmp_path, "a")
    assert (tmp_path / "a.corrupt-2").is_dir()
    assert not list(bundle.scan(tmp_path))


def test_a_file_in_the_way_of_the_runs_folder_is_named(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(ValueError) as caught:
        bundle.folder(tmp_path / "runs", "quick")
    assert "a file of that name is in the way" in str(caught.value)
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "quick").write_text("a file")
    with pytest.raises(ValueError):
        bundle.folder(tmp_path / "good", "quick")


def hold(path, ready):
    with bundle.lock(path, "suite x"):
        ready.set()
        signal.pause()


def test_a_lock_names_its_holder_and_dies_with_it(tmp_path):
    path = tmp_path / ".lock"
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    holder = context.Process(target=hold, args=(path, ready))
    holder.start()
    assert ready.wait(20)
    with pytest.raises(ValueError) as caught:
        with bundle.lock(path, "suite x"):
            raise AssertionError("two hold it")
    assert "in use by process {}".format(holder.pid) in str(caught.value)
    os.kill(holder.pid, 9)
    holder.join()
    with bundle.lock(path, "suite x"):
        assert path.read_text() == str(os.getpid())


def test_only_bundles_are_counted(tmp_path):
    for name in ("one", "report", ".two.open", "three.corrupt"):
        (tmp_path / name).mkdir()
    for name in ("one", ".two.open", "three.corrupt"):
        (tmp_path / name / bundle.RECORD).write_text("broken, and there")
    assert [path.name for path in bundle.scan(tmp_path)] == ["one"]
