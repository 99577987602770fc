"""A against B: the order of the runs, the verdict, resuming, and what cannot be compared."""

import json
import os
import subprocess
import sys

import pytest
from rigs import stub_clone
from rigs.hand_clock import HandClock

from edgejoule import command_line
from edgejoule.bench import suite
from edgejoule.bench.gates import abba, case_file, comparison, confirm, limits, trees

SUITE = """
question = "Which is dearer?"
model = "resnet20"
dataset = "digits"
[train]
epochs = 1
[[prune]]
recipe = "dense"
[[prune]]
recipe = "one_shot"
criterion = "slim"
ratio = 0.5
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with a suite in it, and locks of its own."""
    monkeypatch.syspath_prepend(str(stub_clone.ROOT))  # "" is the working folder
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEJOULE_LOCKS", str(tmp_path / "locks"))
    (tmp_path / "s.toml").write_text(SUITE)
    return tmp_path


def call(capsys, *words):
    """(exit code, stdout, stderr) of one command line in this process."""
    code = command_line.main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def compare(capsys, clone, *words):
    code, out, err = call(
        capsys,
        "compare",
        "--repository",
        clone,
        "--suite",
        "s.toml",
        "--pairs",
        6,
        "--set",
        "measure.power=none",
        "--json",
        *words,
    )
    return code, json.loads(out)


def test_the_order_is_abba():
    assert "".join("".join(abba.order(number)) for number in range(4)) == "ABBAABBA"


def test_a_dearer_commit_fails_and_the_runs_were_interleaved(place, capsys):
    clone, commits = stub_clone.make(place / "clone", {}, {"joules": 1.08})
    code, found = compare(capsys, clone, "HEAD~1", "HEAD", "--case", "dense")
    assert code == 1 and found["verdict"] == "FAIL"
    joules = found["subjects"][0]["metrics"]["joules"]
    assert joules["ratio"]["median"] == pytest.approx(1.08, abs=0.02)
    assert joules["ratio"]["n"] == 6 and joules["verdict"] == "FAIL"
    assert found["subjects"][0]["metrics"]["seconds"]["verdict"] == "PASS"
    sides = [line.split("/")[1] for line in stub_clone.ran(clone)]
    assert "".join(sides) == "ABBA" * 3
    assert commits[0][:9] in found["a"] and commits[1][:9] in found["b"]


def test_equal_commits_pass_and_a_cheaper_one_has_improved(place, capsys):
    clone, _ = stub_clone.make(place / "clone", {}, {}, {"joules": 0.9})
    code, found = compare(capsys, clone, "HEAD~2", "HEAD~1", "--case", "dense")
    assert code == 0 and not found["subjects"][0]["metrics"]["joules"]["improved"]
    code, found = compare(capsys, clone, "HEAD~1", "HEAD", "--case", "dense")
    assert code == 0 and found["subjects"][0]["metrics"]["joules"]["improved"]
    assert not list((place / "runs" / "compare").glob("*/trees/*")), "a tree was left behind"
    assert stub_clone.git(clone, "worktree", "list").count("\n") == 0


def test_noise_that_hides_a_regression_is_inconclusive(place, capsys):
    clone, _ = stub_clone.make(place / "clone", {"noise": 0.3}, {"noise": 0.3, "joules": 1.01})
    code, found = compare(capsys, clone, "HEAD~1", "HEAD", "--case", "dense")
    assert code == 3 and found["verdict"] == "INCONCLUSIVE"
    assert "add --pairs" in " ".join(found["subjects"][0]["notes"])


def test_few_pairs_prove_nothing(place, capsys):
    clone, _ = stub_clone.make(place / "clone", {}, {"joules": 2.0})
    code, found = compare(capsys, clone, "HEAD~1", "HEAD", "--pairs", 2, "--case", "dense")
    assert code == 3 and "2 pairs prove nothing" in " ".join(found["subjects"][0]["notes"])


def test_it_goes_on_where_it_was_stopped_and_breaks_no_pair(place, capsys):
    clone, _ = stub_clone.make(place / "clone", {}, {})
    words = ("HEAD~1", "HEAD", "--case", "dense")
    compare(capsys, clone, *words, "--pairs", 3)
    root = next((place / "runs" / "compare").iterdir())
    (root / "01-dense" / "pair-02" / "done").unlink()  # as if killed between its sides
    before = len(stub_clone.ran(clone))
    code, found = compare(capsys, clone, *words, "--pairs", 8)
    assert code == 0 and found["subjects"][0]["pairs"] == 8
    again = stub_clone.ran(clone)[before:]
    assert again[:2] == ["pair-02/B", "pair-02/A"] and len(again) == 2 + 10
    compare(capsys, clone, *words, "--pairs", 8)
    assert len(stub_clone.ran(clone)) == before + 12, "what was done was done again"
    compare(capsys, clone, *words, "--fresh", "--pairs", 1)
    assert len(stub_clone.ran(clone)) == before + 14


def test_a_tree_left_by_a_killed_comparison_is_used_or_replaced(place):
    clone, commits = stub_clone.make(place / "clone", {}, {"joules": 2.0})
    tree = trees.checked_out(commits[0], place / "tree", clone)
    assert trees.checked_out(commits[0], place / "tree", clone) == tree
    (place / "tree" / ".git").unlink()
    assert trees.checked_out(commits[1], place / "tree", clone).commit == commits[1]
    assert json.loads((place / "tree" / "COSTS").read_text()) == {"joules": 2.0}


def test_changed_work_is_told_and_explains_the_joules(place, capsys):
    clone, _ = stub_clone.make(place / "clone", {}, {"joules": 1.2, "flops": 1.2})
    code, found = compare(capsys, clone, "HEAD~1", "HEAD", "--case", "dense")
    assert code == 1 and found["subjects"][0]["work"]["flops"] == [8e12, 9.6e12]
    assert "explains the joules" in " ".join(found["subjects"][0]["notes"])


def test_accuracy_is_judged_between_commits_and_told_between_configurations(place, capsys):
    clone, _ = stub_clone.make(place / "clone", {}, {"accuracy": -0.05})
    code, found = compare(capsys, clone, "HEAD~1", "HEAD", "--case", "dense")
    assert code == 1 and found["subjects"][0]["metrics"]["accuracy"]["verdict"] == "FAIL"
    assert found["subjects"][0]["metrics"]["accuracy"]["ratio"]["median"] == pytest.approx(-0.05)


def test_fake_power_of_one_side_is_seen_and_labelled(place, capsys):
    clone, _ = stub_clone.make(place / "clone", {})
    code, found = compare(
        capsys, clone, "--fake-power-a", "10", "--fake-power-b", "11.2", "--case", "dense"
    )
    assert code == 1 and "constant 10 W" in found["fake"] and "constant 11.2 W" in found["fake"]
    for subject in found["subjects"]:
        assert subject["metrics"]["watts"]["ratio"]["median"] == pytest.approx(1.12)


def test_without_joules_time_decides_unless_they_are_demanded(place, capsys):
    clone, _ = stub_clone.make(place / "clone", {"power": "none"}, {"power": "none"})
    words = ("HEAD~1", "HEAD", "--case", "dense")
    code, found = compare(capsys, clone, *words)
    assert code == 0 and "joules were not measured" in " ".join(found["subjects"][0]["notes"])
    code, found = compare(capsys, clone, *words, "--need-joules")
    assert code == 3 and found["verdict"] == "INCONCLUSIVE"


def test_two_machines_are_no_comparison(place, capsys):
    clone, _ = stub_clone.make(place / "clone", {}, {"power": "fake"})
    code, found = compare(capsys, clone, "HEAD~1", "HEAD", "--case", "dense")
    assert code == 3 and found["verdict"] == "INVALID"


def test_a_side_that_fails_names_its_log(place, capsys):
    clone, _ = stub_clone.make(place / "clone", {}, {"fail": "the model is gone"})
    code, found = compare(capsys, clone, "HEAD~1", "HEAD", "--case", "dense")
    assert code == 3 and found["verdict"] == "INVALID"
    assert "the model is gone" in found["notes"][0] and "log" in found["notes"][0]


def test_configurations_are_matched_and_what_is_equal_is_left_out(place, capsys):
    clone, _ = stub_clone.make(place / "clone", {})
    code, found = compare(capsys, clone, "--a", "prune.criterion=slim", "--b", "prune.criterion=l2")
    assert [each["label"] for each in found["subjects"]] == ["slim 0.5 / l2 0.5"]
    assert "left out, the same on both sides: dense" in found["notes"]
    assert code == 0


class Minutes(HandClock):
    """A clock by which a minute passes between any two looks."""

    def now(self):
        self.sleep(60.0)
        return super().now()


def test_how_long_it_takes_is_told_by_the_clock_that_it_is_given(place):
    clone, commits = stub_clone.make(place / "clone", {}, {})
    said = []
    by = confirm.Execution(3, say=said.append, clock=Minutes())
    confirm.confirm(suite.read("s.toml"), "dense", tuple(commits), by, repository=clone)
    assert said[0].endswith("; about 2 min left") and said[1].endswith("; about 1 min left")


def test_confirm_judges_by_the_floor_of_a_suspect(place):
    clone, commits = stub_clone.make(
        place / "clone", {"noise": 0.002}, {"noise": 0.002, "joules": 1.02}
    )
    asked = suite.read("s.toml")
    said = []
    by = confirm.Execution(say=said.append)
    found = confirm.confirm(asked, asked.cases[0], tuple(commits), by, repository=clone)
    assert found.verdict == "FAIL" and found.subjects[0]["metrics"]["joules"]["floor"] == 0.015
    assert len(said) == 8 and "min left" in said[0]
    json.dumps(found._asdict())
    again = confirm.confirm(
        asked,
        "dense",
        tuple(commits),
        by,
        limits.Thresholds(suspect=1.0),
        repository=clone,
    )
    assert again.verdict == "PASS"
    with pytest.raises(ValueError, match="has no case 'dnse'"):
        confirm.confirm(asked, "dnse", tuple(commits), repository=clone)


def test_a_trial_goes_on_until_it_can_tell(place, monkeypatch):
    clone, commits = stub_clone.make(place / "clone", {}, {})
    words, asked = ["INCONCLUSIVE", "INCONCLUSIVE", "PASS"], []

    def compare(request, thresholds, by):
        asked.append(by.pairs)
        metrics = {"joules": {"verdict": None}, "seconds": {"verdict": words[len(asked) - 1]}}
        return comparison.Comparison("INCONCLUSIVE", "A", "B", [{"metrics": metrics}], [], "", None)

    monkeypatch.setattr(confirm, "compare", compare)
    confirm.confirm(suite.read("s.toml"), "dense", tuple(commits), repository=clone)
    assert asked == [8, 16, 24]
    words[:] = ["FAIL"]
    del asked[:]
    by = confirm.Execution(6)
    confirm.confirm(suite.read("s.toml"), "dense", tuple(commits), by, repository=clone)
    assert asked == [6]


def test_a_case_file_reads_back_as_its_case(place):
    for case in suite.read("quick").cases[:1] + suite.read("digits-tour").cases[::9]:
        (place / "one.toml").write_text(case_file.text(case, "one", "Is it the same?"))
        back = suite.read("one.toml").cases
        assert len(back) == 1 and suite.case_id(back[0]) == suite.case_id(case)
        assert back[0].dataset["root"] == str(place / case.dataset["root"])


def test_seeds_take_turns_and_methods_of_two_models_are_told_apart():
    found = confirm.methods(suite.read("quick"))
    assert all(len(cases) == 2 for cases in found.values())
    subject = abba.Subject("dense", (found["dense"], found["dense"]))
    assert [subject.pair(n)[0].train["seed"] for n in range(4)] == [0, 1, 0, 1]
    both = confirm.methods(suite.read("quick", sweeps=["model.name=resnet20,vgg11"]))
    assert "resnet20 on digits, dense" in both and "vgg11 on digits, dense" in both


@pytest.mark.parametrize(
    "words,said",
    [
        (["HEAD"], "takes two names"),
        (["HEAD~9", "HEAD"], "no commit 'HEAD~9'"),
        (["quick", "qick"], "Did you mean 'quick'"),
        ([], "compare what?"),
        (["HEAD", "HEAD", "--case", "slimm 0.5"], "Did you mean 'slim 0.5'"),
        (["HEAD", "HEAD", "--pairs", "0"], "whole number from 1"),
        (["--exec=x", "HEAD"], "edgejoule"),
    ],
)
def test_a_mistake_is_one_line(place, capsys, words, said):
    clone, _ = stub_clone.make(place / "clone", {})
    try:
        code, _, err = call(capsys, "compare", "--repository", clone, "--suite", "s.toml", *words)
    except SystemExit as error:
        code, err = error.code, capsys.readouterr()[1]
    assert code == 4 and said in err and err.count("\n") == 1, err


def test_a_folder_that_is_no_clone_is_refused(place, capsys):
    (place / "plain").mkdir()
    code, _, err = call(capsys, "compare", "--repository", place / "plain", "HEAD", "HEAD")
    assert code == 4 and "is no git clone" in err


def test_the_plan_runs_nothing(place, capsys):
    clone, _ = stub_clone.make(place / "clone", {})
    (clone / "COSTS").write_text("{}\n\n")
    code, out, _ = call(
        capsys, "compare", "--repository", clone, "--suite", "s.toml", "--dry-run", "HEAD", "HEAD"
    )
    assert code == 0 and "32 runs" in out and "uncommitted changes" in out
    assert "measures the noise" in out and not stub_clone.ran(clone)


def test_the_text_names_everything(place, capsys):
    clone, _ = stub_clone.make(place / "clone", {}, {"joules": 1.1})
    code, out, err = call(
        capsys,
        "compare",
        "--repository",
        clone,
        "--suite",
        "s.toml",
        "--set",
        "measure.power=none",
        "--case",
        "dense",
        "HEAD~1",
        "HEAD",
    )
    assert code == 1 and "FLOPs, parameters and MACs are the same" in out and "points" in out
    assert "FAIL" in out.splitlines()[-1] and "[dense 1/8]" in err


def test_who_comes_second_is_told_and_exits_75(place, capsys, monkeypatch):
    from edgejoule.bench import device_lock

    clone, _ = stub_clone.make(place / "clone", {})

    def held(measures, what):
        raise device_lock.Busy("device x is held by process 1")

    monkeypatch.setattr(device_lock, "real", held)
    code, _, err = call(capsys, "compare", "--repository", clone, "--suite", "s.toml", "HEAD", ".")
    assert code == 75 and "held by process 1" in err


def test_overall_is_the_worst():
    def of(*words):
        return comparison.overall([{"verdict": word} for word in words])

    assert of("PASS", "FAIL", "INCONCLUSIVE") == "FAIL" and of() == "INCONCLUSIVE"
    assert of("PASS", "INCONCLUSIVE") == "INCONCLUSIVE" and of("FAIL", "INVALID") == "INVALID"


@pytest.mark.slow
def test_real_runs_of_the_working_tree(place):
    (place / "s.toml").write_text(SUITE.replace("[train]", "[train]\nbatch_size = 512"))
    command = [
        sys.executable,
        str(stub_clone.ROOT / "edgejoule.py"),
        "compare",
        ".",
        ".",
        "--suite",
        "s.toml",
        "--pairs",
        "1",
        "--fake-power",
        "10",
        "--json",
        "--case",
        "dense",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ))
    found = json.loads(process.communicate()[0].decode())
    assert process.returncode == 3 and found["subjects"][0]["metrics"]["joules"]["ratio"]["n"] == 1
    assert found["subjects"][0]["work"] == {} and found["fake"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="children die with their parent")
def test_killed_in_the_middle_it_goes_on_and_leaves_no_tree(place):
    clone, _ = stub_clone.make(place / "clone", {}, {"joules": 1.1})
    command = [
        sys.executable,
        str(stub_clone.ROOT / "edgejoule.py"),
        "compare",
        "HEAD~1",
        "HEAD",
        "--repository",
        str(clone),
        "--suite",
        "s.toml",
        "--case",
        "dense",
        "--json",
        "--set",
        "measure.power=none",
        "--pairs",
        "6",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for line in iter(process.stderr.readline, b""):
        if b"[dense 2/6]" in line:
            process.kill()
    process.communicate()
    assert process.returncode == -9
    second = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    found = json.loads(second.communicate()[0].decode())
    assert second.returncode == 1 and found["subjects"][0]["pairs"] == 6
    assert 12 <= len(stub_clone.ran(clone)) <= 15, "no more than one pair was run twice"
    assert stub_clone.git(clone, "worktree", "list").count("\n") == 0
