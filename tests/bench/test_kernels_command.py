"""`edgejoule kernels`: what it prints, what it refuses, and a race that is fair."""

import json

import numpy as np
import pytest

from edgejoule import command_line
from edgejoule.bench.commands import kernels
from edgejoule.bench.races import kernel_contests, kernel_peers, kernel_race
from edgejoule.prune.kernels import backends, cuda_check


def printed(capsys, *arguments):
    assert command_line.main(["kernels"] + list(arguments)) == 0
    return capsys.readouterr().out


def test_show_names_every_backend(capsys):
    rows = json.loads(printed(capsys, "--json"))["backends"]
    assert [row["name"] for row in rows] == list(backends.NAMES)
    assert sum(row["default"] for row in rows) == 1
    for row in rows:
        assert (row["reason"] is None) != (row["test"] is None) or row["name"] == "cuda"
        assert row["test"] in (None, "right")
    text = printed(capsys)
    assert all(name in text for name in backends.NAMES) and "\n* " in "\n" + text


def test_a_wrong_backend_fails_the_self_test(monkeypatch, capsys):
    monkeypatch.setattr(
        kernels.signs, "popcount", lambda codes, backend: np.array([backend == "portable"])
    )
    assert command_line.main(["kernels", "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)["backends"]
    assert {row["name"]: row["test"] for row in rows}["portable"] == "wrong"


def test_numbers_that_make_no_sense_are_refused(capsys):
    assert command_line.main(["kernels", "bench", "--rounds", "0"]) == 4
    assert "--rounds 0: 1 or more" in capsys.readouterr().err


@pytest.mark.skipif(backends.reason("cuda") is None, reason="there is a GPU")
def test_without_a_gpu_the_reason_is_one_line(capsys):
    assert command_line.main(["kernels", "gpu"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_entrants_take_turns_and_the_least_time_counts():
    now, order = [0.0], []
    costs = {"a": [9, 1, 3, 2], "b": [9, 2, 6, 4]}

    def entrant(name):
        def call():
            order.append(name)
            now[0] += costs[name][order.count(name) - 1]

        return name, call

    contest = kernel_race.Contest("task", "GB/s", 6, (entrant("a"), entrant("b")), "a")
    a, b = kernel_race.race(contest, 3, lambda: now[0])
    assert order == ["a", "b"] * 4, "one turn each to warm up, then three"
    assert (a.seconds, a.best, a.median, a.ratio) == ([1, 3, 2], 6, 3, 1)
    assert (b.seconds, b.best, b.median, b.ratio) == ([2, 6, 4], 3, 1.5, 2)
    assert len(list(kernel_race.lines([a, b]))) == 3


def test_entrants_that_disagree_void_the_race():
    with pytest.raises(RuntimeError, match="a and b disagree"):
        kernel_contests.checked([("a", lambda: np.ones(2)), ("b", lambda: np.zeros(2))])


def test_a_small_race_of_every_kind(monkeypatch):
    monkeypatch.setattr(kernel_contests, "PAIRS", ((33, 256),))
    monkeypatch.setattr(kernel_contests, "SMALLEST", 16)
    names = []
    for contest in kernel_contests.contests():
        results = kernel_race.race(contest, 1)
        names.append(contest.name.split()[0])
        assert contest.ours in {each.entrant for each in results}
        assert all(each.best > 0 for each in results)
    assert names == ["all", "symmetric", "paired", "paired", "pack", "fused", "pack", "fused"]


def test_peers_that_are_missing_are_named():
    assert kernel_peers.missing(["numpy", "no_such_library"]) == ["no_such_library"]


def test_memory_is_read_whole():
    words = np.arange(160, dtype=np.uint64)
    kernel_contests.read(words)
    assert kernel_contests.reader()(words.ctypes.data, 160) == 159 * 160 // 2


def test_toolchains_that_fail_are_rows():
    assert cuda_check.resources(
        "Compiling entry function\n4 bytes spill stores, 8 bytes spill "
        "loads\nCompiling entry function\n"
    ) == (2, 12)
    good = cuda_check.timed("x", "sm_62", lambda: (7, 0))
    empty = cuda_check.timed("x", "sm_62", lambda: (0, 0))

    def fail():
        raise RuntimeError("no such target")

    bad = cuda_check.timed("x", "sm_1", fail)
    assert not good.error and "no kernel" in empty.error and bad.error == "no such target"
    lines = list(cuda_check.table([good, bad]))
    assert "7" in lines[1] and "no such target" in lines[2]
    assert "nothing to compile with" in list(cuda_check.table([]))[-1]
