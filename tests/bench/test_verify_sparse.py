"""Verifying a run whose connections moved: some that grew at zero are zero for good."""

import json

import pytest

from edgejoule.bench import bundle, suite, worker
from edgejoule.bench.verify import bundles

SUITE = """
question = "Does it verify?"
model = {{ name = "lenet300", side = 8 }}
dataset = "digits"
[train]
epochs = 3
batch_size = 256
threads = 1
[[prune]]
recipe = "{recipe}"
ratio = 0.5
{more}
"""


def ran(folder, **words):
    """The bundle of a run of one case."""
    (folder / "sparse.toml").write_text(SUITE.format(**words))
    asked = suite.read(str(folder / "sparse.toml"), [])
    case = asked.cases[0]
    case_id = suite.case_id(case)
    root = bundle.folder(folder / "runs", asked.name)
    bundle.write_suite(root, asked.name, asked.question, asked.note, [(case_id, "")])
    path, attempts = bundle.begin(root, case_id)
    job = {"suite": asked.name, "case_id": case_id, "attempts": attempts}
    bundle.write_text(path / "case.json", json.dumps(dict(job, case=case._asdict())) + "\n")
    assert worker.main(path) == 0, (path / "log").read_text()
    bundle.finish(path, root, case_id)
    return next(path for path in root.iterdir() if case_id in path.name)


@pytest.mark.parametrize(
    "recipe, more", [("set", 'sparse_layers = "all"'), ("rigl", "interval = 4\nuntil = 1.0")]
)
def test_it_agrees(tmp_path, recipe, more):
    path = ran(tmp_path, recipe=recipe, more=more)
    stages = bundle.read(path).facts["masked"]
    assert sum(stage["changes"] for stage in stages) > 1
    found = bundles.verify(path)
    assert not found.differences, found.differences


def test_more_connections_than_weights_are_found(tmp_path):
    path = ran(tmp_path, recipe="set", more="")
    record = json.loads((path / "run.json").read_text())
    record["facts"]["masked"][-1]["kept"] = 10
    (path / "run.json").write_text(json.dumps(record))
    assert any("masked[1].kept" in each.what for each in bundles.verify(path).differences)
