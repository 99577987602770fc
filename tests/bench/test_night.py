"""A night that is killed, at any moment of any stage, is finished once by the next start."""

import json
import os

import pytest
from rigs import nights

from edgejoule.bench.history import store
from edgejoule.bench.nights import night

CASES = 2
MOMENTS = [(stage, moment) for stage in night.STAGES[:-1] for moment in ("before", "after")] + [
    ("run", "case"),
    ("run", "between"),
    ("run", "saving"),
    ("gate", "saving"),
    ("prune", "saving"),
]


def finishes_once(place, stage, moment, power_loss):
    """Kills a night there, starts it again, and looks whether anything was counted twice."""
    plan = {"stage": stage, "moment": moment, "power_loss": power_loss}
    code, _, err = place.run(**plan)
    assert code == -9, err
    before, stopped = place.bundles(), place.document()
    code, _, err = place.run(boot_id="another-boot" if power_loss else None)
    assert code == 0, err
    done, after = place.document(), place.bundles()
    assert (done["stage"], done["verdict"], done["night"]) == ("done", "PASS", nights.NIGHT)
    assert done["attempts"] == 2 and done["finished_utc"] and done["commit"]
    (entry,) = done["interruptions"]
    assert entry["stage"] == stopped["stage"] and entry["boot_id"] == stopped["boot_id"]
    assert ("restarted" in entry["why"]) == power_loss
    assert len(after) == CASES and all(after[name] == when for name, when in before.items())
    rows = store.rows(place.history)
    assert len(rows) == CASES and {row.status for row in rows} == {"ok"}
    assert len(store.nights(place.history)) == 1
    return done


@pytest.mark.parametrize("power_loss", [False, True], ids=["kill", "power"])
@pytest.mark.parametrize("stage, moment", MOMENTS)
def test_killed_anywhere_it_is_finished_once(tmp_path, stage, moment, power_loss):
    place = nights.Place(tmp_path)
    done = finishes_once(place, stage, moment, power_loss)
    assert place.done("case") == CASES, "a case was measured twice"
    assert len(done["notes"]) == len(set(done["notes"])), "a stage left its word twice"


@pytest.mark.parametrize("moment", ["before", "after", "saving"])
@pytest.mark.parametrize("answer, code, verdict", [("FAIL", 1, "FAIL"), ("PASS", 0, "PASS")])
def test_killed_in_the_confirmation_it_is_tried_again(tmp_path, moment, answer, code, verdict):
    place = nights.Place(tmp_path, suspect=answer)
    assert place.run(stage="confirm", moment=moment)[0] == -9
    assert place.run()[0] == code
    done = place.document()
    assert done["verdict"] == verdict and len(done["confirmation"]["trials"]) == 1
    assert [finding["confirmed"] for finding in done["findings"]] == [answer == "FAIL"]
    assert place.done("confirmed") == (1 if moment == "before" else 2)
    assert place.done("case") == CASES and place.done("judged") == 1


def test_killed_while_its_first_state_is_written(tmp_path):
    place = nights.Place(tmp_path)
    folder = tmp_path / "history" / nights.DEVICE / nights.NIGHT / "tiny"
    folder.mkdir(parents=True)
    (folder / "night.json.part").write_text('{"schema": 1, "sta')
    assert place.run()[0] == 0
    assert place.document()["attempts"] == 1 and len(place.bundles()) == CASES


def test_a_state_that_cannot_be_read_is_left_alone(tmp_path):
    place = nights.Place(tmp_path)
    folder = tmp_path / "history" / nights.DEVICE / nights.NIGHT / "tiny"
    folder.mkdir(parents=True)
    (folder / "night.json").write_text("{")
    assert place.run()[0] == 0
    assert (folder / "night.json").read_text() == "{"
    assert place.document(nights.NIGHT + ".2")["stage"] == "done"


def test_a_case_that_dies_twice_is_given_up_and_the_night_is_not_green(tmp_path):
    place = nights.Place(tmp_path)
    for _ in range(2):
        assert place.run(stage="run", moment="case")[0] == -9
    assert place.run(stage=None)[0] == 3
    done = place.document()
    assert done["verdict"] == "INCONCLUSIVE" and done["attempts"] == 3
    assert len(place.bundles()) == CASES - 1 and place.done("case") == 1
    assert any("failed; its log" in note for note in done["notes"])


@pytest.mark.parametrize("stage, code, verdict", [("gate", 3, "INVALID"), ("report", 0, "PASS")])
def test_a_stage_that_kills_every_time_does_not_hold_up_the_nights_to_come(
    tmp_path, stage, code, verdict
):
    place = nights.Place(tmp_path)
    for _ in range(night.MOST_TRIES):
        assert place.run(stage=stage, moment="before")[0] == -9
    assert place.run(stage=stage, moment="before")[0] == code
    done = place.document()
    assert (done["stage"], done["verdict"]) == ("done", verdict)
    assert any("stage {} was interrupted".format(stage) in note for note in done["notes"])


def test_a_night_that_is_interrupted_keeps_its_date_and_tonight_follows(tmp_path):
    place = nights.Place(tmp_path)
    assert place.run(stage="run", moment="between")[0] == -9
    words = [str(tmp_path / "tiny.toml"), "--fake-power", "8", "--night", "2026-11-21"]
    assert place.run(*words)[0] == 0
    assert place.document()["stage"] == place.document("2026-11-21")["stage"] == "done"
    assert len(place.bundles()) == len(place.bundles("2026-11-21")) == CASES


def test_code_that_changed_in_between_is_not_one_night(tmp_path):
    place = nights.Place(tmp_path)
    assert place.run(stage="run", moment="between")[0] == -9
    folder = tmp_path / "history" / nights.DEVICE / nights.NIGHT / "tiny"
    document = dict(place.document(), commit="f" * 40)
    (folder / "night.json").write_text(json.dumps(document))
    assert place.run()[0] == 3
    done = place.document()
    assert done["verdict"] == "INVALID" and any("f" * 40 in note for note in done["notes"])
    assert len(place.bundles()) == 1, "what was measured is hidden"


def test_another_boards_nights_are_left_to_it(tmp_path):
    place = nights.Place(tmp_path)
    assert place.run(stage="run", moment="between")[0] == -9
    folder = tmp_path / "history" / nights.DEVICE / nights.NIGHT / "tiny"
    (folder / "night.json").write_text(json.dumps(dict(place.document(), machine="another")))
    assert place.run("--resume")[0] == 0
    assert place.document()["stage"] == "run"


def test_a_state_of_another_writer_is_left_alone(tmp_path):
    place = nights.Place(tmp_path)
    assert place.run(stage="run", moment="between")[0] == -9
    folder = tmp_path / "history" / nights.DEVICE / nights.NIGHT / "tiny"
    document = place.document()
    del document["options"]
    (folder / "night.json").write_text(json.dumps(document))
    assert place.run("--resume")[0] == 0
    assert place.document() == document


def test_only_a_living_process_of_this_boot_is_alive():
    mine = {
        "boot_id": night.boot_id(),
        "pid": os.getppid(),
        "start_ticks": night.start_ticks(os.getppid()),
    }
    assert mine["start_ticks"] and night.is_alive(mine)
    assert not night.is_alive(dict(mine, boot_id="another"))
    assert not night.is_alive(dict(mine, start_ticks=mine["start_ticks"] + 1))
    assert not night.is_alive(dict(mine, start_ticks=None, pid=2**22 + 1))


@pytest.mark.parametrize("name", ["yesterday", "2026-1-1", "../2026-11-20", "2026-11-20/x", ""])
def test_a_night_is_a_date(tmp_path, name):
    if name:
        with pytest.raises(ValueError, match="no night is called"):
            night.name(tmp_path, "tiny", name, False)
    else:
        assert store.NIGHT.match(night.name(tmp_path, "tiny", name, False))


def test_a_night_that_is_killed_often_but_gets_on_is_whole(tmp_path):
    place = nights.Place(tmp_path)
    for number, stage in enumerate(["cool"] * 3 + ["run"] * 3 + ["gate"] * 2):
        assert (
            place.run(
                stage=stage,
                moment="before" if number % 2 else "after",
                boot_id="boot {}".format(number),
            )[0]
            == -9
        )
    assert place.run()[0] == 0
    done = place.document()
    assert done["verdict"] == "PASS" and len(done["interruptions"]) == 8
    assert place.done("case") == CASES


@pytest.mark.slow
@pytest.mark.parametrize("power_loss", [False, True], ids=["kill", "power"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_in_every_stage_with_real_training_gate_and_pages(tmp_path, moment, power_loss):
    """One night, killed once in each of its stages and in a case; nothing is replaced."""
    place = nights.Place(tmp_path, light=False)
    kills, seen = [(stage, moment) for stage in night.STAGES[:-1]], {}
    kills.insert(night.STAGES.index("run"), ("run", "case"))
    for number, (stage, when) in enumerate(kills):
        boot = "boot {}".format(number) if power_loss else None
        assert place.run(stage=stage, moment=when, power_loss=power_loss, boot_id=boot)[0] == -9
        assert seen.items() <= place.bundles().items(), "a finished case was measured again"
        seen = place.bundles()
    code, _, err = place.run()
    done = place.document()
    assert done["stage"] == "done" and code == night.EXIT[done["verdict"]] == 3, err
    assert [each["stage"] for each in done["interruptions"]].count("run") == 2
    assert len(done["interruptions"]) == len(kills) and done["attempts"] == len(kills) + 1
    assert seen == place.bundles() and len(seen) == CASES == len(store.rows(place.history))
    assert len(store.nights(place.history)) == 1 and not place.document()["findings"]
    folder = place.history / nights.DEVICE / nights.NIGHT / "tiny"
    assert not list(folder.glob(".*.open")) and (folder / "report" / "index.html").exists()
    assert (place.history / "report" / "nightly.html").exists()
