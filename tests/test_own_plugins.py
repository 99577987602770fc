"""A user's own files: found beside ours, told apart from them, and refused in one plain line."""

import sys
from pathlib import Path

import pytest

from edgejoule import plugins
from edgejoule.bench import grid, settings, suite
from edgejoule.bench.gates import case_file
from edgejoule.bench.training import rates

CRITERION = '''
"""A criterion of the user's."""
from edgejoule.prune.criteria import l1

SCOPE, BATCHES = "layer", 0


def scores(model, groups, batches, *, power=2.0, names=("a", "b")):
    """As L1."""
    return l1.scores(model, groups, batches)
'''
OPTIMISER = '''
"""An optimiser of the user's."""
from torch import optim


def build(parameters, *, learning_rate=0.3, mildness=1.0):
    """Plain steps."""
    return optim.SGD(parameters, learning_rate * mildness)
'''
SCHEDULE = '''
"""A schedule of the user's."""
EVERY = "epoch"


def rate(highest, done, length):
    """Half as much every time."""
    return highest * 0.5**done
'''
SUITE = """\
question = "Which?"
plugins = "mine"
model = "resnet20"
dataset = "digits"
[train]
epochs = 1
[[prune]]
recipe = "one_shot"
criterion = "own"
power = [1.0, 3.0]
ratio = 0.5
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder of plug-ins with one criterion; what a test puts on the paths is taken off again."""
    monkeypatch.setattr(plugins, "PATH", [])
    monkeypatch.setattr(plugins, "IMPORT_FROM", [])
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = tmp_path / "mine"
    write(folder / "criteria" / "own.py", CRITERION)
    yield folder
    for name in [each for each in sys.modules if each.split(".")[0] in ("mine", "shelf")]:
        del sys.modules[name]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf8")


def test_it_is_found_beside_ours(mine):
    plugins.use([str(mine)])
    assert {"own", "l2"} <= set(plugins.names("criteria"))
    assert plugins.load("criteria", "own").SCOPE == "layer"
    assert plugins.options("criteria", "own", "scores") == {"power": 2.0, "names": ("a", "b")}


def test_a_name_is_learnt_without_running_the_file(mine):
    write(mine / "criteria" / "harmful.py", "raise SystemExit('run')\n")
    plugins.use([str(mine)])
    assert plugins.check("criteria", "harmful") == "harmful"
    assert plugins.options("criteria", "harmful", "scores") == {}


def test_a_suite_names_its_folder(mine, tmp_path):
    write(tmp_path / "q.toml", SUITE)
    cases = suite.read(str(tmp_path / "q.toml")).cases
    assert [case.prune["power"] for case in cases] == [1.0, 3.0]
    assert plugins.used() == {"plugins": [str(mine)]}


def test_a_training_takes_an_optimiser_and_a_schedule_of_the_users(mine):
    write(mine / "optimisers" / "mild.py", OPTIMISER)
    write(mine / "schedules" / "halves.py", SCHEDULE)
    plugins.use([str(mine)])
    asked = {"epochs": 3, "optimiser": "mild", "schedule": "halves", "mildness": 0.5}
    found = settings.resolve("train", asked)
    assert found["learning_rate"] == 0.3 and found["rate_every"] == "epoch"
    assert not {"momentum", "milestones", "decay"} & set(found)
    assert [rates.learning_rate(found, epoch, 3) for epoch in range(3)] == [0.3, 0.15, 0.075]
    with pytest.raises(ValueError, match="no setting 'mildness'"):
        settings.resolve("train", dict(asked, optimiser="sgd"))


def test_a_single_case_takes_its_folder_along(mine, tmp_path):
    write(tmp_path / "q.toml", SUITE)
    case = suite.read(str(tmp_path / "q.toml")).cases[1]
    again = grid.tomllib.loads(case_file.text(case, "side", "Again?"))
    assert again["plugins"] == [str(mine)] and again["prune"]["power"] == 3.0


def test_folders_named_twice_count_once(mine):
    plugins.use([str(mine)])
    plugins.use(**plugins.used())
    assert plugins.used() == {"plugins": [str(mine)]}


def test_a_digest_tells_an_edit(mine):
    plugins.use([str(mine)])
    before = plugins.digests()
    write(mine / "criteria" / "own.py", CRITERION + "\n# edited\n")
    assert list(before) == [str(mine)] and plugins.digests() != before


def test_dotted_names(mine, tmp_path):
    write(tmp_path / "shelf" / "scoring.py", CRITERION.replace("def scores", "def mean"))
    with pytest.raises(ValueError, match="there is no module 'shelf.scoring'.*import_from"):
        plugins.source("criteria", "shelf.scoring:mean")
    plugins.use(import_from=[str(tmp_path)])
    assert plugins.options("criteria", "shelf.scoring:mean", "scores")["power"] == 2.0
    assert plugins.load("criteria", "shelf.scoring:mean").scores.__name__ == "mean"
    with pytest.raises(ValueError, match="has no nothing"):
        plugins.load("criteria", "shelf.scoring:nothing")


@pytest.mark.parametrize(
    "name, text, said",
    [
        ("l2", CRITERION, "two criteria are called 'l2'"),
        ("bare", "SCOPE = 'layer'\n", "bare.py defines no scores, which a criterion must"),
        ("lost", "import no_such_package\n", "lost.py cannot be imported: No module named"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(mine, name, text, said):
    write(mine / "criteria" / (name + ".py"), text)
    plugins.use([str(mine)])
    with pytest.raises(ValueError, match=said):
        plugins.load("criteria", name)


def test_a_default_that_is_no_literal_is_named(mine):
    write(mine / "criteria" / "sine.py", CRITERION.replace("power=2.0", "power=len('ab')"))
    plugins.use([str(mine)])
    with pytest.raises(ValueError, match="value of power is no literal"):
        plugins.options("criteria", "sine", "scores")


@pytest.mark.parametrize("made, said", [(True, "holds none of them"), (False, "is no folder")])
def test_a_folder_without_plugins_is_refused(mine, tmp_path, made, said):
    if made:
        (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=said + ".*models, datasets, criteria"):
        plugins.use([str(tmp_path / "empty")])


def test_a_folder_of_an_installed_packages_name_is_refused(mine, tmp_path):
    write(tmp_path / "json" / "criteria" / "own.py", CRITERION)
    plugins.use([str(tmp_path / "json")])
    with pytest.raises(ValueError, match="own.py cannot be imported|a name of its own"):
        plugins.load("criteria", "own")


@pytest.mark.parametrize("value", ["7", "[7]", "true"])
def test_plugins_are_a_list_of_folders(mine, tmp_path, value):
    write(tmp_path / "q.toml", SUITE.replace('"mine"', value))
    with pytest.raises(ValueError, match="it is a list of folders"):
        suite.read(str(tmp_path / "q.toml"))
