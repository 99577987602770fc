"""`edgejoule zoo`: rows, exit codes, what it says when a cut is wrong, and the race's verdicts."""

import json

import pytest

from edgejoule import command_line
from edgejoule.bench.zoo import catalogue, examination, peers, rows, timing
from edgejoule.prune.shrink import shrink


def zoo(capsys, *words):
    code = command_line.main(["zoo"] + list(words))
    return code, capsys.readouterr()


def test_one_json_document_with_a_row_per_network(capsys):
    code, out = zoo(capsys, "residual", "data_branch", "--kinds", "own", "--json")
    found = json.loads(out.out)
    assert code == 0 and [row["name"] for row in found["rows"]] == ["residual", "data_branch"]
    first, second = found["rows"]
    assert (first["verdict"], first["cases"], first["exact"]) == ("cut", 3, 3)
    assert first["exports"]["plan"] == first["exports"]["torchscript"] == "ok"
    assert first["parity"] < 1e-10 and 0 < first["macs"] < 0.4 and first["seconds"] > 0
    assert second["verdict"] == "whole" and "depends on the data" in second["whole"][0][1]
    assert found["summary"]["wrong"] == 0 and found["summary"]["networks"] == 2


def test_the_table_ends_with_a_sentence(capsys):
    code, out = zoo(capsys, "residual", "--kinds", "own", "--no-exports", "--thorough")
    lines = out.out.strip().splitlines()
    assert code == 0 and lines[0].startswith("network") and "24/24" in lines[1]
    assert lines[-1].startswith("1 networks: 1 cut, 0 left whole, 0 wrong; 24 of 24 cuts exact")


def test_times_stand_beside_the_macs(capsys, monkeypatch):
    monkeypatch.setattr(timing.width_sweep, "multiple", lambda: 8)
    words = ("residual", "--kinds", "own", "--no-exports", "--time", "2")
    times = json.loads(zoo(capsys, *words, "--json")[1].out)["rows"][0]["times"]
    assert set(times) == {"forward", "train_step", "rounded"} and times["rounded"]["multiple"] == 8
    for ratio in (times["forward"], times["rounded"]["train_step"]):
        assert ratio["low"] <= ratio["ratio"] <= ratio["high"]
    code, out = zoo(capsys, *words)
    assert code == 0 and "forward" in out.out and "widths x8: MACs" in out.out


def test_a_wrong_cut_is_told_and_fails(capsys, monkeypatch):
    def spoilt(model, inputs, groups, mask):
        small = shrink(model, inputs, groups, mask)
        next(small.parameters()).data.mul_(1.001)
        return small

    monkeypatch.setattr(examination, "shrink", spoilt)
    code, out = zoo(capsys, "residual", "--kinds", "own", "--no-exports")
    assert code == 1 and "0/3" in out.out and "1 wrong" in out.out


def test_a_network_that_can_t_run_doesn_t_hide_the_others(monkeypatch):
    def broken():
        raise RuntimeError("no such thing\nmore")

    net = catalogue.nets(["own"], ["residual"])["own", "residual"]._replace(build=broken)
    row = rows.row("residual", "own", net, rows.Plan())
    assert row["verdict"] == "WRONG" and "no such thing" in row["problems"][0]


def test_names_and_kinds(capsys):
    code, out = zoo(capsys, "--list", "--kinds", "own")
    assert code == 0 and len(out.out.splitlines()) == len(catalogue.nets(["own"])) > 90
    for words in (["nothing_like_it"], ["--kinds", "theirs"]):
        with pytest.raises(SystemExit) as stop:
            raise SystemExit(command_line.main(["zoo"] + words))
        assert stop.value.code == 4
        assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_the_seeds_are_in_the_zoo():
    assert {"vgg16", "preresnet101", "resnet20"} <= {n for _, n in catalogue.nets(["seeds"])}


EVEN = {
    "name": "resnet50",
    "parity": 1e-16,
    "params": 0.27,
    "peer_parity": 1e-16,
    "peer_params": 0.27,
    "speed": 2.0,
}


@pytest.mark.parametrize(
    "change,verdict",
    [
        ({}, True),
        ({"speed": 0.9}, False),
        ({"speed": 0.9, "name": "regnet_y_400mf"}, True),
        ({"parity": 1e-3}, False),
        ({"peer_params": 0.2}, False),
        ({"peer_params": 0.2, "peer_parity": 0.4}, True),
    ],
)
def test_being_ahead(change, verdict):
    assert peers.ahead(dict(EVEN, **change)) is verdict


def test_a_network_that_died_on_us_is_no_success():
    assert not peers.ahead({"name": "maxvit_t", "peer": "fails: killed for memory"})


def test_a_line_of_the_race():
    text = peers.line(
        {
            "name": "resnet50",
            "peer": "exact",
            "seconds": 0.25,
            "peer_seconds": 0.5,
            "speed": 2.0,
            "parity": 1e-16,
            "params": 0.27,
        },
        first=True,
    )
    head, row = text.splitlines()
    assert head.split()[0] == "network" and row.split()[:4] == ["resnet50", "0.25", "0.50", "2.0"]


def test_a_race_that_dies_is_a_row(monkeypatch):
    monkeypatch.setattr(peers.sys, "executable", "false")
    assert peers.race("resnet18", 1)["peer"] == "fails: killed for memory"
