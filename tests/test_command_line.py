"""The command line: help that teaches, and one clear line with exit code 4 for every mistake."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgejoule import __version__, command_line, needs

ROOT = Path(__file__).resolve().parent.parent
TINY = """
question = "Is the mistake told?"
model = "resnet20"
dataset = "digits"
[train]
epochs = 1
[[prune]]
recipe = "one_shot"
criterion = "l2"
ratio = 0.5
"""


def call(*words, **more):
    """(exit code, stdout, stderr) of one command line."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "edgejoule.py")] + [str(word) for word in words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **more,
    )
    out, err = process.communicate(timeout=120)
    return process.returncode, out.decode(), err.decode()


def refused(*words, **more):
    """The one line that a refused command line prints."""
    code, out, err = call(*words, **more)
    assert code == 4, (code, out, err)
    assert "Traceback" not in err and err.startswith("edgejoule: ") and err.count("\n") == 1, err
    return err


def suite_file(tmp_path, *change):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY.replace(*change) if change else TINY)
    return path


@pytest.mark.parametrize("command", [each.name for each in command_line.COMMANDS])
def test_every_command_explains_itself(command):
    code, out, _ = call(command, "--help")
    assert code == 0 and "usage: edgejoule " + command in out
    assert len(out.split("\n\n")) > 2, "help without a description"


def test_the_program_explains_itself():
    code, out, _ = call("--help")
    assert code == 0 and "exit codes" in out and "examples" in out
    assert call("version")[1].strip() == __version__


@pytest.mark.parametrize(
    "words,said",
    [
        (["run", "quik"], "Did you mean 'quick'?"),
        (["run", "quick", "--set", "train.epoch=3"], "Did you mean 'epochs'?"),
        (["run", "quick", "--set", "prune.ratio=1.0"], "[0, 1)"),
        (["run", "quick", "--set", "prune.ratio=-0.5"], "[0, 1)"),
        (["run", "quick", "--set", "model.name=resnet_20"], "Did you mean 'resnet20'?"),
        (["run", "quick", "--set", "prune.criterion=slimm"], "Did you mean 'slim'?"),
        (["run"], "edgejoule run --help"),
        (["rnu"], "invalid choice"),
        ([], "COMMAND"),
        (["run", "/nowhere/at/all.toml"], "cannot be read"),
        (["show", "no-such-run"], "no runs under"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_4(words, said):
    assert said in refused(*words)


@pytest.mark.parametrize(
    "name,said",
    [
        ("run", "finished work is kept, the same command goes on"),
        ("nightly", "finished work is kept, the same command goes on"),
        ("doctor", "stopped before doctor was done; called again it begins anew"),
        ("measure", "stopped before measure was done; called again it begins anew"),
        ("watch", "stopped before watch was done; called again it begins anew"),
    ],
)
def test_ctrl_c_says_what_is_kept(name, said, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(needs, "check", interrupted)
    assert command_line.main([name]) == 130
    assert said in capsys.readouterr().err


def test_a_suite_without_a_question_is_refused(tmp_path):
    path = suite_file(tmp_path, 'question = "Is the mistake told?"', "")
    assert "the question is missing" in refused("run", path)


def test_an_output_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "runs").write_text("in the way")
    assert "a file of that name" in refused(
        "run", suite_file(tmp_path), "--runs", tmp_path / "runs"
    )


def test_a_missing_data_file_is_refused_before_anything_is_trained(tmp_path):
    path = suite_file(tmp_path, '"digits"', '"cifar10"')
    code, out, err = call(
        "run",
        path,
        "--runs",
        tmp_path / "runs",
        "--set",
        "dataset.root={}".format(tmp_path / "empty"),
    )
    assert code == 4 and "Traceback" not in err, err
    lines = [line for line in err.splitlines() if line.startswith("edgejoule: ")]
    assert len(lines) == 1 and str(tmp_path / "empty") in lines[0], err


def test_a_corrupt_data_file_is_refused(tmp_path):
    root = tmp_path / "data" / "cifar-10-batches-py"
    root.mkdir(parents=True)
    for name in ["data_batch_{}".format(n) for n in range(1, 6)] + ["test_batch"]:
        (root / name).write_bytes(b"\x80\x02not a batch")
    code, _, err = call(
        "run",
        suite_file(tmp_path, '"digits"', '"cifar10"'),
        "--runs",
        tmp_path / "runs",
        "--set",
        "dataset.root={}".format(tmp_path / "data"),
    )
    assert code == 4 and "Traceback" not in err, err
    assert "data_batch_1" in err


@pytest.fixture
def full_disk(tmp_path):
    """A file system of 200 kB; skipped where it cannot be mounted."""
    mount = tmp_path / "small"
    mount.mkdir()
    code = (
        subprocess.call(
            ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(mount)],
            stderr=subprocess.DEVNULL,
        )
        if shutil.which("mount")
        else 1
    )
    if code:
        pytest.skip("mounting a small file system needs root")
    yield mount
    subprocess.call(["umount", str(mount)])


def test_a_full_disk_is_one_line_and_leaves_no_bundle(tmp_path, full_disk):
    code, _, err = call("run", suite_file(tmp_path), "--runs", full_disk / "runs")
    assert code == 4 and "Traceback" not in err, err
    assert "No space left on device: '{}".format(full_disk / "runs") in err
    assert not [
        p for p in (full_disk / "runs" / "tiny").iterdir() if p.name[0] != "." and p.is_dir()
    ]


def test_a_disk_that_is_full_for_a_cut_network_is_named_and_holds_no_half_of_it(full_disk):
    words = ["prune", "--model", "vgg11", "--criterion", "l2", "--ratio", "0.5"]
    line = refused(*(words + ["--out", full_disk / "small"]))
    assert "No space left on device: '{}'".format(full_disk / "small" / "weights.pt") in line
    assert list((full_disk / "small").iterdir()) == []


def test_a_disk_that_is_full_for_a_report_is_named(tmp_path, full_disk):
    words = ["run", suite_file(tmp_path), "--runs", tmp_path / "runs", "--fake-power", "5"]
    assert call(*(words + ["--set", "train.batch_size=512"]))[0] == 0
    (full_disk / "ballast").write_bytes(b"x" * 190000)
    line = refused("report", "tiny", "--runs", tmp_path / "runs", "--out", full_disk / "page")
    assert "No space left on device: '{}".format(full_disk / "page") in line


def test_a_file_in_the_way_of_a_cut_network_is_told_before_the_work(tmp_path):
    """It worked for 15 seconds and ended with "[Errno 17] File exists"."""
    (tmp_path / "taken").write_text("mine")
    net = ["prune", "--model", "lenet5", "--criterion", "no-such-criterion", "--ratio", "0.5"]
    for out in ("taken", "taken/small"):
        line = refused(*(net + ["--out", tmp_path / out]))
        assert "{} is no folder".format(tmp_path / "taken") in line


@pytest.mark.parametrize(
    "words",
    [
        ["run", "quick", "--fake-power", ""],
        ["nightly", "quick", "--night", ""],
        ["prune", "--model", "lenet5", "--criterion", "l2", "--ratio", "0.5", "--checkpoint", ""],
    ],
    ids=lambda words: words[0],
)
def test_an_empty_word_is_not_taken_for_no_word(words, tmp_path):
    """As "$TRACE" where nobody has set it: a run measured the sensor instead."""
    assert " is empty; say what it is" in refused(*words, cwd=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change,said",
    [
        (["--fake-power", "abc"], "measure.fake_power = 'abc'; it must be a number of watts"),
        (["--set", "train.learning_rate=1e30"], "a number from 0 and below 1e9"),
        (["--set", "train.seed=" + "9" * 23], "a whole number from 0 and below 2^63"),
        (["--set", "train.device=tpu"], '"auto", "cpu", "cuda" or "cuda:N"'),
        (["--set", "train.device=tpu", "--dry-run"], '"auto", "cpu", "cuda" or "cuda:N"'),
        (["--set", "train.threads=100000"], "(torch's own choice) to "),
    ],
    ids=lambda value: value[-1][-12:] if isinstance(value, list) else "",
)
def test_what_no_run_can_do_is_refused_before_anything_starts(change, said, tmp_path):
    line = refused("run", suite_file(tmp_path), "--runs", tmp_path / "runs", *change)
    assert said in line and not (tmp_path / "runs").exists()


def test_a_question_that_is_no_sentence_is_told_as_that(tmp_path):
    path = suite_file(tmp_path, '"Is the mistake told?"', "3")
    assert "question = 3; it must be a sentence in quotes" in refused("run", path)


def test_devices_needs_no_torch_numpy_or_pandas(tmp_path):
    for name in ("torch", "numpy", "pandas"):
        (tmp_path / (name + ".py")).write_text("raise ImportError('{} is blocked')".format(name))
    code, out, err = call("devices", "--json", env=dict(os.environ, PYTHONPATH=str(tmp_path)))
    assert code == 0, err
    json.loads(out)


FOREIGN = {"torch", "numpy", "pandas", "jinja2", "tqdm", "sklearn", "fvcore", "pynvml"}
HIDE = """
import importlib.machinery
found = importlib.machinery.PathFinder.find_spec
def find_spec(cls, name, path=None, target=None):
    return None if name.split(".")[0] in {!r} else found(name, path, target)
importlib.machinery.PathFinder.find_spec = classmethod(find_spec)
"""


def without(folder, *modules):
    """An environment in which Python and its children find everything but these modules."""
    (folder / "sitecustomize.py").write_text(HIDE.format(tuple(modules)))
    return dict(os.environ, PYTHONPATH=str(folder))


def at_import(path):
    """Dotted names that a file of ours imports when it is imported itself."""
    left = list(ast.parse(path.read_text(encoding="utf8")).body)
    while left:
        node = left.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module + "." + alias.name for alias in node.names)
        elif not isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not for_checkers(node):
            left.extend(ast.iter_child_nodes(node))


def for_checkers(node):
    """True for `if TYPE_CHECKING:`, which nothing runs."""
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


def imported(name, seen):
    """Other people's modules behind one of ours, such as "edgejoule.bench.worker"."""
    path = ROOT.joinpath(*name.split(".")[1:]).with_suffix(".py")
    if not path.exists():  # a name that is taken from a module
        path = path.parent.with_suffix(".py")
    if path in seen or not path.exists():
        return set()
    seen.add(path)
    names = list(at_import(path))
    inner = [imported(each, seen) for each in names if each.startswith("edgejoule.")]
    return {each.split(".")[0] for each in names}.union(*inner) & FOREIGN


@pytest.mark.parametrize("command", command_line.COMMANDS, ids=lambda each: each.name)
def test_a_command_says_what_it_needs(command):
    """Exactly what is imported with it; a command that trains names what its workers import."""
    module = "edgejoule.{}.commands.{}".format(command.package, command.name.replace("-", "_"))
    wanted = imported(module, set())
    if command.needs is command_line.TRAINING:
        wanted |= imported("edgejoule.bench.worker", set())
    assert set(command.needs) == wanted


@pytest.mark.parametrize(
    "command", [each for each in command_line.COMMANDS if each.needs], ids=lambda each: each.name
)
def test_what_is_missing_is_one_line_before_anything_starts(command, tmp_path):
    env = without(tmp_path, *FOREIGN)
    line = refused(command.name, env=env, cwd=str(tmp_path))
    assert line.startswith("edgejoule: {} needs ".format(command.name))
    assert sys.executable + " -m pip install" in line
    assert all(name in line for name in command.needs)
    assert {path.name for path in tmp_path.iterdir()} <= {"sitecustomize.py", "__pycache__"}


def test_a_run_without_torch_starts_nothing(tmp_path):
    """It began every case of the suite and failed in each."""
    env = without(tmp_path, "torch")
    line = refused("run", suite_file(tmp_path), "--runs", tmp_path / "runs", env=env)
    assert "run needs torch, which" in line and "get it with" in line
    assert not (tmp_path / "runs").exists()
    assert "needs torch" in refused("run", suite_file(tmp_path), "--dry-run", env=env)
    code, out, _ = call("run", "--help", env=env)
    assert code == 0 and "usage: edgejoule run" in out


def test_what_only_the_data_set_needs_ends_the_run_at_its_first_case(tmp_path):
    code, _, err = call(
        *["run", suite_file(tmp_path, "ratio = 0.5", "ratio = [0.3, 0.5]")],
        *["--runs", tmp_path / "runs", "--fake-power", "5"],
        env=without(tmp_path, "sklearn"),
    )
    assert code == 4 and "Traceback" not in err, err
    assert err.count("pip install scikit-learn") == 1 and "[2/2]" not in err


def test_a_package_that_cannot_be_imported_is_one_line(tmp_path):
    """As a torch whose libraries are another machine's."""
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.10.2: no such file')")
    env = dict(os.environ, PYTHONPATH=str(tmp_path))
    assert "libcudart.so.10.2" in refused("flops", env=env)
    code, _, err = call("run", suite_file(tmp_path), "--runs", tmp_path / "runs", env=env)
    assert code == 4 and "Traceback" not in err and err.count("libcudart.so.10.2") == 1, err


def test_what_fvcore_uses_is_not_our_users_worry():
    """Its import made torch warn, in every case, that `torch.jit.script` is deprecated."""
    env = dict(os.environ, PYTHONWARNINGS="always")
    code, out, err = call(
        *["flops", "--model", "lenet5", "--dataset", "mnist", "--convention", "fvcore"], env=env
    )
    assert code == 0 and "fvcore" in out and "jit.script" not in err


def test_a_fault_of_our_own_is_no_missing_package():
    assert needs.sentence("run", ImportError("no", name="edgejoule.bench.nothing")) is None


def test_the_plan_costs_nothing_and_says_what_the_run_will():
    code, out, err = call("run", "quick", "--dry-run", "--json", "--quick")
    assert code == 0, err
    plan = json.loads(out)
    flops = {case["label"]: sum(case["estimated_flops"].values()) for case in plan["cases"]}
    assert flops["dense"] > 0 and flops["slim 0.5"] > flops["dense"]
