"""A shrunk model on disk: exact round trips, and hostile files refused in one line."""

import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import pytest
import torch

from edgejoule.bench.zoo import branches, chains, oddities, sequences, splits
from edgejoule.bench.zoo.examination import cut
from edgejoule.bench.zoo.net import answer, awake, example, tensors
from edgejoule.prune import export, grouping, tensor_file, whole_file


def made(net, dtype=torch.float32):
    torch.manual_seed(0)
    model, inputs = awake(net.build()).to(dtype), example(net, 2, dtype)
    return cut(model, inputs, grouping.find(model, inputs), 0.5, "l2"), inputs


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """(folder, small model, inputs) of a residual net."""
    case, inputs = made(branches.NETS["residual"])
    folder = str(tmp_path_factory.mktemp("saved"))
    export.save(folder, case.small, export.plan(case.groups, case.mask))
    return folder, case.small, inputs


@pytest.fixture
def folder(saved, tmp_path):
    """A copy of the saved folder that a test may damage."""
    target = str(tmp_path / "copy")
    shutil.copytree(saved[0], target)
    return target


def build():
    return branches.NETS["residual"].build()


@pytest.mark.parametrize(
    "net",
    [
        splits.NETS["c2f_yolo"],
        splits.NETS["dw_multiplier2"],
        sequences.NETS["lstm_head"],
        chains.NETS["lenet"],
        oddities.NETS["tied_convs"],
        oddities.NETS["multi_input"],
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_round_trip_is_exact(net, dtype, tmp_path):
    case, inputs = made(net, dtype)
    export.save(str(tmp_path), case.small, export.plan(case.groups, case.mask))
    again = export.load(str(tmp_path), net.build).eval()
    case.small.eval()
    for one, other in zip(tensors(answer(case.small, inputs)), tensors(answer(again, inputs))):
        assert torch.equal(one, other)


@pytest.mark.parametrize("mode", ["coupled", "select"])
@pytest.mark.parametrize("writer", ["torch1", "torch2"])
def test_what_torch_1_and_torch_2_wrote_is_read_by_both(writer, mode):
    folder = os.path.join(os.path.dirname(__file__), "..", "data", "shrunk", writer, mode)
    model = export.load(folder, build).eval()
    answer_ = tensor_file.read(os.path.join(folder, "answer.pt"))
    with torch.no_grad():
        assert torch.allclose(model(answer_["x"]), answer_["y"], rtol=1e-5, atol=1e-6)


def test_the_plan_is_plain_json_and_proved_on_loading(saved):
    folder, small, _ = saved
    plan = json.loads(Path(folder, "plan.json").read_text())
    assert plan["schema"] == 1 and plan["inputs"] == [{"shape": [2, 3, 16, 16], "dtype": "float32"}]
    assert plan["groups"]["stem.0"]["channels"] == 16
    rebuilt = export.rebuilt(build(), plan)
    assert [p.shape for p in rebuilt.parameters()] == [p.shape for p in small.parameters()]


@pytest.mark.parametrize("stopped_in", [tensor_file, whole_file])
def test_who_is_stopped_while_saving_leaves_no_plan_of_another_cut(
    stopped_in, folder, saved, monkeypatch
):
    """An older plan names other channels, and fits the new weights whenever the widths agree."""

    def interrupted(path, content):
        if stopped_in is tensor_file or str(path).endswith("plan.json"):
            raise KeyboardInterrupt
        return write(path, content)

    write = stopped_in.write
    monkeypatch.setattr(stopped_in, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export.save(folder, saved[1], {"schema": 1})
    with pytest.raises(FileNotFoundError, match="plan.json"):
        export.load(folder, build)


def test_torch_reads_the_weights_as_tensors_only(saved):
    path = os.path.join(saved[0], "weights.pt")
    safe = {"weights_only": True} if torch.__version__ > "2" else {}
    theirs, ours = torch.load(path, **safe), tensor_file.read(path)
    assert list(theirs) == list(ours)
    assert all(torch.equal(theirs[name], ours[name]) for name in ours)


def test_every_type_of_number_is_read(tmp_path):
    path = str(tmp_path / "t.pt")
    kinds = (
        torch.float16,
        torch.bfloat16,
        torch.float64,
        torch.int8,
        torch.uint8,
        torch.int32,
        torch.bool,
    )
    nest = {
        "state_dict": {str(kind): torch.ones(3, 2).to(kind).t() for kind in kinds},
        "epoch": 3,
        "none": torch.zeros(0, 4),
        "scalar": torch.tensor(2.5),
    }
    torch.save(nest, path)
    found = tensor_file.read(path)
    assert found["epoch"] == 3 and found["none"].shape == (0, 4) and found["scalar"] == 2.5
    for kind in kinds:
        assert torch.equal(found["state_dict"][str(kind)], nest["state_dict"][str(kind)])
    assert set(tensor_file.state(path)) == {str(kind) for kind in kinds}


def test_the_mask_is_recovered_from_the_plan():
    case, _ = made(splits.NETS["c2f_yolo"])
    plan = json.loads(json.dumps(export.plan(case.groups, case.mask)))
    assert export.recovered(plan).distance(case.mask) == 0


def test_a_shrunk_model_is_recovered_from_the_dense_one_and_back():
    case, inputs = made(splits.NETS["c2f_yolo"])
    plan = export.plan(case.groups, case.mask)
    again = export.rebuilt(case.model, plan)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), case.small.parameters()))
    with torch.no_grad():
        for parameter in again.parameters():
            parameter.add_(1.0)
    back = export.expanded(case.model, again, plan)
    shrunk = export.rebuilt(back, plan)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), shrunk.parameters()))
    assert any(
        (a == b).any() and not (a == b).all()
        for a, b in zip(back.parameters(), case.model.parameters())
    )


class Bomb:
    """Unpickled, it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def damaged_plan(folder, change):
    path = Path(folder, "plan.json")
    plan = json.loads(path.read_text())
    change(plan)
    path.write_text(json.dumps(plan))


def refuse(folder, message):
    with pytest.raises((ValueError, RuntimeError), match=message) as caught:
        export.load(folder, build)
    assert "\n" not in str(caught.value)


def test_code_in_the_weights_never_runs(folder, tmp_path):
    mark = str(tmp_path / "executed")
    torch.save({"w": Bomb(mark)}, os.path.join(folder, "weights.pt"))
    refuse(folder, "could run code; it is refused")
    assert not os.path.exists(mark)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_bare_pickle_is_no_tensor_file(folder, tmp_path, protocol):
    mark = str(tmp_path / "executed")
    with open(os.path.join(folder, "weights.pt"), "wb") as stream:
        pickle.dump(Bomb(mark), stream, protocol)
    refuse(folder, "no readable tensor file")
    assert not os.path.exists(mark)


def test_whole_modules_are_refused(folder):
    torch.save(build(), os.path.join(folder, "weights.pt"))
    refuse(folder, "could run code; it is refused")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_truncated_weights(folder, share):
    path = Path(folder, "weights.pt")
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    refuse(folder, "")


def test_a_storage_shorter_than_its_tensor(folder):
    path = os.path.join(folder, "weights.pt")
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in entries.items():
            archive.writestr(name, raw[:4] if "/data/" in name else raw)
    refuse(folder, "truncated")


def test_weights_of_another_shape_or_name(folder):
    path = os.path.join(folder, "weights.pt")
    state = tensor_file.read(path)
    torch.save(dict(state, **{"stem.0.weight": torch.zeros(2, 2)}), path)
    refuse(folder, r"'stem.0.weight' has shape \[2, 2\]")
    torch.save(dict(state, stranger=torch.zeros(2)), path)
    refuse(folder, "unknown 'stranger'")
    torch.save({name: t for name, t in state.items() if name != "stem.0.weight"}, path)
    refuse(folder, "miss 'stem.0.weight'")


def test_weights_that_choose_other_channels_are_refused(tmp_path):
    model, inputs = awake(build()), example(branches.NETS["residual"])
    case = cut(model, inputs, grouping.find(model, inputs, "select"), 0.5, "l2")
    export.save(str(tmp_path), case.small, export.plan(case.groups, case.mask))
    state = tensor_file.read(str(tmp_path / "weights.pt"))
    state["middle.f.0.0.index"] += 1000
    torch.save(state, str(tmp_path / "weights.pt"))
    refuse(str(tmp_path), "chooses other channels than the plan")


HOSTILE = {
    "negative": (lambda gone: [-1] + gone, "must rise within"),
    "repeated": (lambda gone: gone[:1] + gone, "must rise within"),
    "beyond": (lambda gone: gone + [10**9], "must rise within"),
    "reals": (lambda gone: [float(p) for p in gone], "no list of whole numbers"),
    "flags": (lambda gone: [True, False], "no list of whole numbers"),
    "text": (lambda gone: "import os", "no list of whole numbers"),
    "all": (lambda gone: list(range(16)), "leaves nothing"),
    "none": (lambda gone: [], "no list of whole numbers"),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_positions(folder, name):
    change, message = HOSTILE[name]

    def damage(plan):
        cut_ = next(c for c in plan["cuts"] if ["stem.0.weight", 0] in c["axes"])
        cut_["gone"] = change(cut_["gone"])

    damaged_plan(folder, damage)
    refuse(folder, message)


def test_a_plan_that_tears_channels_apart_is_refused(folder):
    def tear(plan):
        for entry in plan["cuts"]:
            if ["stem.1.weight", 0] in entry["axes"]:
                entry["axes"].remove(["stem.1.weight", 0])

    damaged_plan(folder, tear)
    refuse(folder, "the cut is refused")


@pytest.mark.parametrize(
    "change,message",
    [
        (lambda plan: plan.update(schema=99), "schema"),
        (lambda plan: plan.pop("cuts"), "list of cuts"),
        (lambda plan: plan["cuts"].append(3), "names no axes"),
        (
            lambda plan: plan["cuts"].append({"gone": [0], "axes": [["stem.0.weight", 7]]}),
            "doesn't have",
        ),
        (lambda plan: plan["cuts"].append({"gone": [0], "axes": [["a.b.c", 0]]}), "doesn't have"),
        (lambda plan: plan["cuts"].append({"gone": [0], "axes": [["stem.0.weight", 0]]}), "twice"),
        (lambda plan: plan["cuts"].append({"gone": [0], "axes": ["stem"]}), "no tensor axis"),
        (lambda plan: plan.update(inputs=[{"shape": [-1], "dtype": "float32"}]), "no tensor"),
        (lambda plan: plan.update(inputs=[{"shape": [1], "dtype": "load"}]), "no tensor"),
    ],
)
def test_malformed_plans(folder, change, message):
    damaged_plan(folder, change)
    refuse(folder, message)


def test_a_plan_that_is_no_json(folder):
    Path(folder, "plan.json").write_text('{"schema": 1,')
    refuse(folder, "is no JSON")
