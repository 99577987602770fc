"""The history: rows and series of the nights; the index is a cache that never lies."""

import json
import os
import re
import sqlite3
from pathlib import Path

import pytest
from rigs import bundles, unprivileged

from edgejoule.bench.history import night_index, night_rows, store

ROOT = Path(__file__).resolve().parent.parent.parent
TWO = bundles.METHODS[:2]
DEVICE = "jetson-tx2-ina3221"


def night(
    root,
    name="2026-11-01",
    seeds=(0, 1),
    power="module",
    verdict="PASS",
    missing=(),
    scale=1.0,
    **changes,
):
    """Writes one night of two methods; joules are multiplied by `scale`."""
    records = [
        scaled(bundles.record(label, prune, seed, power, **changes), scale)
        for label, prune in TWO
        for seed in seeds
    ]
    folder = bundles.write(root / DEVICE / name, records, missing)
    (folder / "night.json").write_text(json.dumps({"schema": 1, "verdict": verdict}))
    return folder


def scaled(record, scale):
    for phase in record["phases"]:
        if phase["joules"] is not None:
            phase["joules"] *= scale
    return record


def values(root, metric="joules", label="dense"):
    return [point.value for point in store.series(store.rows(root))[DEVICE, "quick", label, metric]]


def test_a_row_is_what_the_record_says(tmp_path):
    night(tmp_path)
    row = [r for r in store.rows(tmp_path) if r.label == "random 0.5" and r.seed == 1][0]
    assert (row.device, row.night, row.suite) == (DEVICE, "2026-11-01", "quick")
    assert row.status == "ok" and row.fake is None and row.asked == 2 and row.commit == "c" * 40
    record = json.loads(
        (tmp_path / DEVICE / row.night / "quick" / row.case_id / "run.json").read_text()
    )
    assert row.metrics["joules"] == sum(p["joules"] for p in record["phases"])
    assert row.metrics["seconds"] == sum(p["seconds"] for p in record["phases"])
    assert row.metrics["watts"] == row.metrics["joules"] / row.metrics["seconds"]
    assert row.metrics["flops"] == sum(p["flops"]["exact"] for p in record["phases"])
    assert row.metrics["params"] == 71000 and row.metrics["macs"] == 11100000
    assert set(row.metrics) == {metric.name for metric in store.METRICS}


def test_a_hole_in_a_sum_is_no_sum(tmp_path):
    folder = night(tmp_path)
    path = next(folder.glob("*random*s0*")) / "run.json"
    record = json.loads(path.read_text())
    record["phases"][1].update(joules=None, joules_reason="the sensor went silent", status="none")
    path.write_text(json.dumps(record))
    (row,) = [r for r in store.rows(tmp_path) if r.case_id == path.parent.name]
    assert row.metrics["joules"] is None and row.metrics["watts"] is None
    assert row.reason == "the sensor went silent" and row.metrics["seconds"] > 0


def test_an_invalid_reading_is_no_measurement(tmp_path):
    folder = night(tmp_path)
    for path in folder.glob("*dense*/run.json"):
        record = json.loads(path.read_text())
        record["phases"][0]["status"] = "invalid"
        path.write_text(json.dumps(record))
    assert values(tmp_path) == [None] and values(tmp_path, "seconds")[0] > 0
    row = [row for row in store.rows(tmp_path) if row.label == "dense"][0]
    assert row.reason == "the reading of phase dense is invalid" and row.status == "invalid"


def test_series_are_means_over_seeds_in_the_order_of_nights(tmp_path):
    for number, name in enumerate(("2026-11-02", "2026-11-01", "2026-11-02.10", "2026-11-02.2")):
        night(tmp_path, name, scale=1.0 + number)
    points = store.series(store.rows(tmp_path))[DEVICE, "quick", "dense", "joules"]
    assert [p.night for p in points] == [
        "2026-11-01",
        "2026-11-02",
        "2026-11-02.2",
        "2026-11-02.10",
    ]
    one = (160.0 + 161.6) / 2
    assert [p.value for p in points] == pytest.approx([2 * one, one, 4 * one, 3 * one])
    assert all(p.n == 2 and p.commit == "c" * 40 for p in points)
    assert len({p.context for p in points}) == 1


def test_a_missing_seed_is_no_change_of_the_mean(tmp_path):
    lost = ("resnet20-digits-dense-s2-0123abcd", "dense")
    night(tmp_path, missing=[lost])
    points = store.series(store.rows(tmp_path))
    assert points[DEVICE, "quick", "dense", "joules"][0][2:4] == (None, 2)
    assert points[DEVICE, "quick", "random 0.5", "joules"][0].value > 0


def test_an_invalid_night_measured_nothing_but_hides_nothing(tmp_path):
    night(tmp_path, verdict="INVALID")
    assert values(tmp_path) == [None]
    assert {row.status for row in store.rows(tmp_path)} == {store.VOID}
    assert all(row.metrics["joules"] > 0 for row in store.rows(tmp_path))


@pytest.mark.parametrize(
    "part, key, value",
    [
        ("device", "power_mode", "MAXQ"),
        ("device", "rail", "board"),
        ("device", "adapter", "jtop"),
        ("device", "fake", "constant 9 W"),
        ("environment", "packages", {"torch": "1.10.1"}),
        ("environment", "torch", {"threads": 2, "cuda": "10.2"}),
        ("environment", "before", {"checks": [{"name": "clocks", "found": "governor: powersave"}]}),
        ("case", "train", {"epochs": 4, "seed": 0, "batch_size": 32}),
    ],
)
def test_what_makes_nights_incomparable_is_in_the_context(tmp_path, part, key, value):
    plain = bundles.record(power="module")
    other = json.loads(json.dumps(plain))
    other[part][key] = value
    assert contexts(tmp_path / "a", plain) != contexts(tmp_path / "b", other)


@pytest.mark.parametrize(
    "part, key, value",
    [
        ("environment", "before", {"celsius": {"cpu": 77.0}, "clocks": {"gpu": 1e9}}),
        ("environment", "machine", "hostname"),
        ("device", "reason", "tired"),
        ("case", "dataset", {"name": "digits", "root": "/elsewhere"}),
        ("case", "measure", {"power": "auto", "fake_power": "9.7"}),
    ],
)
def test_what_changes_every_night_is_not(tmp_path, part, key, value):
    plain = bundles.record(power="module")
    other = json.loads(json.dumps(plain))
    other[part][key] = value
    assert contexts(tmp_path / "a", plain) == contexts(tmp_path / "b", other)


def contexts(root, record):
    bundles.write(root / DEVICE / "2026-11-01", [record])
    (row,) = store.rows(root)
    assert row.context
    return row.context


def test_cutting_the_epochs_out_changes_no_fact():
    for label, prune in bundles.METHODS:
        record = bundles.record(label, prune, 1, "module", epochs=7)
        record["warnings"] = ['\n "epochs": [', "\n ],"]
        whole, cut = json.loads(json.dumps(record)), night_rows.parse(json.dumps(record, indent=1))
        assert "epochs" not in cut and whole.pop("epochs") and cut == whole
        assert night_rows.parse(json.dumps(record)) == record


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"schema": 1}',
        '{"schema": 99}',
        "\x00" * 50,
        "[" * 100000,
        '{"schema": "1"}',
    ],
)
def test_a_broken_bundle_is_a_row_that_says_why(tmp_path, text):
    folder = night(tmp_path)
    path = next(folder.glob("*dense*s0*")) / "run.json"
    path.write_text(text)
    for _ in range(2):
        (row,) = [r for r in store.rows(tmp_path) if r.case_id == path.parent.name]
        assert row.status == "broken" and row.reason and row.label == "dense" and not row.metrics
    assert values(tmp_path) == [None]


@pytest.mark.parametrize("value", ["NaN", '"many"', "true", "Infinity", "[1]"])
def test_what_is_no_number_is_broken(tmp_path, value):
    folder = night(tmp_path)
    path = next(folder.glob("*dense*s0*")) / "run.json"
    text = re.sub(
        r'"accuracy": 0.98, "ticket"', '"accuracy": {}, "ticket"'.format(value), path.read_text()
    )
    path.write_text(text)
    assert "broken" in {row.status for row in store.rows(tmp_path)}


def test_the_index_is_used(tmp_path, monkeypatch):
    night(tmp_path)
    first = store.rows(tmp_path)
    monkeypatch.setattr(night_rows, "read", None)
    assert store.rows(tmp_path) == first


def test_a_changed_bundle_is_read_again(tmp_path):
    folder = night(tmp_path)
    before = values(tmp_path)
    for path in folder.glob("*dense*/run.json"):
        record = scaled(json.loads(path.read_text()), 2.0)
        path.write_text(json.dumps(record))
    assert values(tmp_path) == [2 * before[0]]


def test_a_removed_night_is_gone(tmp_path):
    night(tmp_path)
    night(tmp_path, "2026-11-02")
    assert len(values(tmp_path)) == 2
    os.rename(str(tmp_path / DEVICE / "2026-11-02"), str(tmp_path / DEVICE / "aside"))
    assert len(values(tmp_path)) == 1


def damage_bytes(index):
    index.write_bytes(b"this is no database" * 500)


def damage_cut(index):
    index.write_bytes(index.read_bytes()[:5000])


def damage_values(index):
    """Numbers changed behind our back: the checksum does not fit."""
    with sqlite3.connect(str(index)) as door:
        door.execute(
            "UPDATE {} SET body = replace(body, '160.0', '999.0')".format(night_index.TABLE)
        )
    door.close()


def damage_table(index):
    with sqlite3.connect(str(index)) as door:
        door.execute("DROP TABLE {}".format(night_index.TABLE))
        door.execute("CREATE TABLE {} (something TEXT)".format(night_index.TABLE))
    door.close()


def damage_types(index):
    with sqlite3.connect(str(index)) as door:
        door.execute("UPDATE {} SET body = x'00ff', checksum = 'no'".format(night_index.TABLE))
    door.close()


def damage_folder(index):
    index.unlink()
    index.mkdir()


@pytest.mark.parametrize(
    "damage", [damage_bytes, damage_cut, damage_values, damage_table, damage_types, damage_folder]
)
def test_a_damaged_index_costs_time_and_no_truth(tmp_path, damage):
    night(tmp_path), night(tmp_path, "2026-11-02", scale=1.05)
    truth = store.rows(tmp_path)
    damage(tmp_path / night_index.NAME)
    assert store.rows(tmp_path) == truth
    assert store.rows(tmp_path) == truth


def test_a_locked_index_is_done_without(tmp_path, monkeypatch):
    monkeypatch.setattr(night_index, "PATIENCE_S", 0.01)
    night(tmp_path)
    truth = store.rows(tmp_path)
    holder = sqlite3.connect(str(tmp_path / night_index.NAME))
    holder.execute("BEGIN EXCLUSIVE")
    assert store.rows(tmp_path) == truth
    night(tmp_path, "2026-11-02")
    assert len(store.rows(tmp_path)) == 8
    holder.rollback(), holder.close()
    assert len(store.rows(tmp_path)) == 8


def test_a_history_that_may_not_be_written_is_read(tmp_path):
    night(tmp_path)
    os.chmod(str(tmp_path), 0o555)
    try:
        code = "from edgejoule.bench.history import store; print(len(store.rows({!r})))".format(
            str(tmp_path)
        )
        assert unprivileged.output(code).strip() == "4"
    finally:
        os.chmod(str(tmp_path), 0o755)
    assert not (tmp_path / night_index.NAME).exists()


def test_a_suite_of_several_models_has_a_series_for_each(tmp_path):
    first, second = bundles.record(power="module"), bundles.record(power="module")
    second.update(
        case_id="vgg16-digits-dense-s0-89abcdef", case=dict(second["case"], model={"name": "vgg16"})
    )
    bundles.write(tmp_path / DEVICE / "2026-11-01", [first, second])
    points = store.series(store.rows(tmp_path))
    assert {key[2] for key in points} == {"resnet20 dense", "vgg16 dense"}
    assert all(point.n == 1 and point.context for found in points.values() for point in found)


def test_nights_and_odd_names(tmp_path):
    night(tmp_path)
    (tmp_path / "report").mkdir()
    (tmp_path / DEVICE / "notes" / "quick").mkdir(parents=True)
    (tmp_path / DEVICE / "blessed.json").write_text("{}")
    (tmp_path / DEVICE / "2026-11-01" / "quick" / "report").mkdir()
    (found,) = store.nights(tmp_path)
    assert found[:3] == (DEVICE, "2026-11-01", "quick") and found.document["verdict"] == "PASS"
    assert store.nights(tmp_path, "other") == [] and store.nights(tmp_path, None, "x") == []
    assert store.rows(tmp_path / "nowhere") == []
    (found.folder / "night.json").write_text("{")
    assert store.nights(tmp_path)[0].document is None


@pytest.mark.parametrize(
    "name, adapter, slug",
    [
        ("Jetson TX2", "ina3221", "jetson-tx2-ina3221"),
        ("../../etc", "nvml", "etc-nvml"),
        ("NVIDIA H200", "nvml+rapl", "nvidia-h200-nvml-rapl"),
        ("", None, "unknown-none"),
    ],
)
def test_a_device_is_named_by_its_board_and_sensor(name, adapter, slug):
    assert store.device_slug({"name": name, "adapter": adapter}) == slug


def test_the_index_keeps_to_the_sqlite_of_a_jetson():
    """JetPack 4.6 has SQLite 3.22."""
    text = (ROOT / "bench" / "history" / "night_index.py").read_text(encoding="utf8").upper()
    for word in (
        "ON CONFLICT",
        " OVER ",
        "RETURNING",
        " STRICT",
        "DROP COLUMN",
        "GENERATED",
        "MATERIALIZED",
        "->>",
    ):
        assert word not in text
