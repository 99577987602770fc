"""Installed from a wheel, beside other people's code: nothing of ours on their top level."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from edgejoule import __version__, plugins

ROOT = Path(__file__).resolve().parent.parent
PACKED = (
    "bench",
    "devices",
    "edgejoule",
    "prune",
    "reports",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)
FOREIGN = ("bench", "devices", "prune", "reports", "tests")
SUITE = """\
question = "Does it run beside other people's code?"
model = "fcnet"
dataset = "xshape"
[train]
epochs = 1
[measure]
fake_power = "5"
[[prune]]
recipe = "dense"
"""
OWN = """\
question = "Do my own files count as much as those that come with EdgeJoule?"
plugins = ["my_methods"]
model = "my_model"
dataset = "my_dataset"
[train]
epochs = 2
initialisation = "my_initialisation"
reach = 0.1
[measure]
power = "my_adapter"
[[prune]]
recipe = "my_recipe"
criterion = "my_criterion"
power = 1.0
ratio = 0.5
[[prune]]
recipe = "one_shot"
criterion = "l2"
regularizer = "my_regularizer"
pull = 1e-3
ratio = 0.25
[[prune]]
recipe = "at_init"
saliency = "my_saliency"
ratio = 0.9
[[prune]]
recipe = "one_shot"
criterion = "shelf.scoring:by_size"
ratio = 0.5
"""
SHELF = '''
"""A module beside the suite, named with a dot."""
from edgejoule.prune.criteria import l1

SCOPE, BATCHES = "layer", 0


def by_size(model, groups, batches):
    """As L1."""
    return l1.scores(model, groups, batches)
'''

PYTEST = """\
#!{}
import sys
from pytest import console_main
sys.exit(console_main())
"""

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 8), reason="setuptools for Python 3.6 cannot read pyproject.toml"
)


class Installed:
    """An environment with the wheel, and with this one's other packages."""

    def __init__(self, folder: Path, wheel: Path):
        venv.create(str(folder), with_pip=False)
        self.bin = folder / "bin"
        site = next((folder / "lib").glob("python*/site-packages"))
        subprocess.check_call(
            [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index"]
            + ["--prefix", str(folder), "--ignore-installed", str(wheel)]
        )
        # a path inside a .pth file brings packages along, but not the hooks of editable installs
        here = [path for path in sys.path if path.endswith("-packages")]
        (site / "others.pth").write_text("\n".join(here) + "\n")
        script = self.bin / "pytest"  # which an installer would have put there
        script.write_text(PYTEST.format(self.bin / "python"))
        script.chmod(0o755)

    def call(self, where: Path, *words, env=None):
        """(exit code, output) of a program of the environment, started in a folder."""
        command = [str(self.bin / words[0])] + [str(word) for word in words[1:]]
        clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            command,
            cwd=str(where),
            env=dict(clean, **(env or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return done.returncode, done.stdout.decode("utf8", "replace")

    def edgejoule(self, where: Path, *words, env=None):
        """What a command says; it must succeed."""
        code, said = self.call(where, "edgejoule", *words, env=env)
        assert code == 0, said
        return said


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what is packed: building in place would leave a `build` folder here."""
    copy = tmp_path_factory.mktemp("source")
    for name in PACKED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(str(ROOT / name), str(copy / name), symlinks=True, ignore=ignored)
        else:
            shutil.copy(str(ROOT / name), str(copy / name))
    return copy


@pytest.fixture(scope="module")
def wheel(tmp_path_factory, source):
    return built(source, tmp_path_factory.mktemp("wheel"))


def built(source: Path, out: Path) -> Path:
    """The wheel of a folder or an archive of sources."""
    subprocess.check_call(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
        + ["--wheel-dir", str(out), str(source)]
    )
    return next(out.glob("*.whl"))


def test_the_source_archive_makes_the_same_wheel(source, wheel, tmp_path):
    code = "from setuptools.build_meta import build_sdist as b; print(b({!r}))".format(
        str(tmp_path)
    )
    subprocess.check_call([sys.executable, "-c", code], cwd=str(source), stdout=subprocess.DEVNULL)
    again = built(next(tmp_path.glob("*.tar.gz")), tmp_path / "wheel")
    assert zipped(again) == zipped(wheel)


def zipped(path: Path):
    """{name: checksum} of a wheel's files."""
    return {each.filename: each.CRC for each in zipfile.ZipFile(str(path)).infolist()}


@pytest.fixture(scope="module")
def installed(tmp_path_factory, wheel):
    return Installed(tmp_path_factory.mktemp("environment"), wheel)


@pytest.fixture
def project(tmp_path):
    """Somebody's project, with packages that are called like our folders."""
    for name in FOREIGN:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("WHOSE = 'theirs'\n")
    (tmp_path / "tests" / "test_theirs.py").write_text(
        "import bench, devices, prune, reports, tests\n\n"
        "def test_all_is_theirs(benchmark):\n"
        "    assert {m.WHOSE for m in (bench, devices, prune, reports, tests)} == {'theirs'}\n"
        "    assert benchmark(sum, (1, 2)) == 3\n"
    )
    (tmp_path / "tiny.toml").write_text(SUITE)
    return tmp_path


def test_the_top_level_of_the_wheel_is_edgejoule_alone(wheel):
    names = {name.split("/")[0] for name in zipfile.ZipFile(str(wheel)).namelist()}
    assert names == {"edgejoule", "edgejoule-{}.dist-info".format(__version__)}


def test_the_wheel_brings_what_is_no_python(wheel):
    names = zipfile.ZipFile(str(wheel)).namelist()
    for wanted in (
        "bench/suites/quick.toml",
        "bench/skeletons/model.txt",
        "prune/kernels/signs.cu",
    ):
        assert "edgejoule/" + wanted in names
    assert any(name.startswith("edgejoule/reports/templates/") for name in names)
    assert any(name.startswith("edgejoule/reports/references/") for name in names)


def test_it_is_imported_from_the_wheel(installed, tmp_path):
    code = "import edgejoule; from edgejoule import Meter; print(edgejoule.__file__)"
    code, said = installed.call(tmp_path, "python", "-c", code)
    assert code == 0 and installed.bin.parent in Path(said.strip()).parents


@pytest.mark.parametrize("words", [("pytest",), ("python", "-m", "pytest")], ids=" ".join)
def test_a_project_with_our_folders_names_tests_itself(installed, project, words):
    code, said = installed.call(project, *words)
    assert code == 0 and "1 passed" in said, said


@pytest.mark.parametrize("empty", [False, True], ids=["beside theirs", "in an empty folder"])
def test_commands_run_anywhere(installed, project, tmp_path_factory, empty):
    where = tmp_path_factory.mktemp("empty") if empty else project
    foreign = {"PYTHONPATH": str(project)}  # theirs come before ours on the path
    suite = str(project / "tiny.toml")
    said = installed.edgejoule(where, "run", suite, env=foreign)
    assert "fcnet-xshape-dense-s0" in said
    installed.edgejoule(where, "report", "tiny", env=foreign)
    assert list((where / "runs" / "tiny" / "report").glob("*.html"))
    assert "quick" in installed.edgejoule(where, "list", "suites", env=foreign)
    assert "numpy" in installed.edgejoule(where, "kernels", env=foreign)


@pytest.fixture(scope="module")
def own(tmp_path_factory, installed):
    """A folder with one plug-in of each kind, begun by `edgejoule new`, and a suite of them."""
    where = tmp_path_factory.mktemp("own")
    for kind in plugins.KINDS.values():
        installed.edgejoule(where, "new", kind.singular, "my_" + kind.singular)
    (where / "shelf").mkdir()
    (where / "shelf" / "scoring.py").write_text(SHELF)
    (where / "mine.toml").write_text(OWN)
    return where


def test_what_new_begins_passes_its_tests(installed, own):
    code, said = installed.call(own, "python", "-m", "pytest", "-q", "my_methods")
    assert code == 0 and "12 passed" in said, said


def test_list_shows_a_users_own_files(installed, own):
    for asked in ("my_methods", "mine.toml"):
        found = json.loads(installed.edgejoule(own, "list", "--plugins", asked, "--json"))
        assert "my_criterion" in found["criteria"] and "my_adapter" in found["devices"]
        assert str(own / "my_methods") in found["models"]["my_model"]


def test_a_users_own_files_run_here_and_in_a_worker(installed, own):
    """The plan is made in the command's own process, a case in a process of its own."""
    installed.edgejoule(own, "run", "mine.toml", "--dry-run")
    installed.edgejoule(own, "run", "mine.toml")
    records = [json.loads(path.read_text()) for path in own.glob("runs/mine/*/run.json")]
    assert {each["case"]["prune"]["recipe"] for each in records} == {
        "my_recipe",
        "one_shot",
        "at_init",
    }
    for each in records:
        assert each["device"]["adapter"] == "my_adapter" and each["phases"][-1]["joules"] > 0
        assert list(each["environment"]["plugins"]) == [str(own / "my_methods")]
    installed.edgejoule(own, "report", "mine")
    page = next(own.glob("runs/mine/report/*.html")).read_text(encoding="utf8")
    assert "4 runs were read." in page


def test_a_folder_that_is_missing_is_named(installed, own, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(OWN)
    code, said = installed.call(tmp_path, "edgejoule", "run", path)
    assert code == 4 and "my_methods is no folder" in said and "Traceback" not in said
