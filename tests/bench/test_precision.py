"""Number formats, memory layouts and the compiler: near, or equal, and never in the way."""

import contextlib
import warnings

import pytest
import torch
from rigs.fake_meter import FakeMeter, Silent
from rigs.fake_trainer import small_net
from torch.utils.data import TensorDataset

from edgejoule import plugins
from edgejoule.bench import settings, suite
from edgejoule.bench.data import Data
from edgejoule.bench.measure import Ledger
from edgejoule.bench.training import precision
from edgejoule.bench.training.journal import Journal
from edgejoule.bench.training.loop import Trainer
from edgejoule.bench.training.resume import ResumingTrainer

CPU = torch.device("cpu")
COMPILES = hasattr(torch, "compile")
needs_compile = pytest.mark.skipif(not COMPILES, reason="this torch has no compile")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
BFLOAT16 = 2.0**-8  # relative error of one rounding
RECIPES = {  # those that cut or mask step by step, hold masks, count steps, or rewind
    "one_shot": {"ratio": 0.5, "criterion": "slim"},
    "iterative": {"ratio": 0.5},
    "early_bird": {"ratio": 0.5, "probe_images": 16, "epsilon": 1.0, "queue": 2},
    "lottery": {"ratio": 0.5, "rewind_step": 2},
    "thinet": {"ratio": 0.5, "score_batches": 1},
    "snip_it": {
        "ratio": 0.9,
        "when": "during",
        "first_event": 1,
        "interval": 1,
        "steps": 2,
        "score_batches": 1,
    },
}


@pytest.fixture
def eager(monkeypatch):
    """torch.compile without a C++ compiler: what it traces is run as it stands."""
    monkeypatch.setattr(precision, "BACKEND", "eager")


def data():
    generator = torch.Generator().manual_seed(3)
    x, y = torch.randn(48, 3, 8, 8, generator=generator), torch.arange(48) % 4
    x = x + y.view(-1, 1, 1, 1).float()  # something to learn
    return Data(TensorDataset(x[:32], y[:32]), TensorDataset(x[32:], y[32:]), None)


def trainer(kind=Trainer, journal=(), device="cpu", **changes):
    torch.manual_seed(1)
    chosen = dict(settings.TRAIN, epochs=5, batch_size=8, seed=1, learning_rate=0.02, **changes)
    return kind(
        *journal,
        small_net().to(device),
        data(),
        chosen,
        Ledger(FakeMeter(None), lambda: None),
        Silent(),
        lambda: None,
        small_net,
    )


def trained(**changes):
    one = trainer(**changes)
    with one.phase("dense"):
        one.train(3)
    return one


def losses(one):
    return [epoch.loss for epoch in one.ledger.epochs]


def test_each_setting_reaches_what_it_is_about():
    x = torch.randn(4, 3, 8, 8)
    usual, mixed = trainer(), trainer(precision="bfloat16")
    plain, rounded = (one.arithmetic.logits(one.model.eval(), x) for one in (usual, mixed))
    assert torch.equal(plain, usual.model(x)) and not torch.equal(plain, rounded)
    assert rounded.dtype == torch.float32
    last = trainer(memory_format="channels_last")
    weights = [each for each in last.model.parameters() if each.dim() == 4 and each.shape[1] > 1]
    assert weights
    for each in weights:
        assert each.is_contiguous(memory_format=torch.channels_last)


def test_bfloat16_learns_what_float32_learns():
    usual, mixed = trained(), trained(precision="bfloat16")
    assert losses(usual) != losses(mixed)
    # an epoch has 4 steps; each moves the loss by an error of a few roundings
    assert losses(mixed) == pytest.approx(losses(usual), rel=12 * 4 * BFLOAT16)
    assert losses(mixed)[-1] < losses(mixed)[0]
    assert {each.dtype for each in mixed.model.state_dict().values()} <= {
        torch.float32,
        torch.int64,
    }


def test_the_layout_changes_the_order_of_sums_and_nothing_else():
    usual, last = trained(), trained(memory_format="channels_last")
    assert losses(last) == pytest.approx(losses(usual), rel=1e-4)


def test_a_network_of_points_has_no_layout():
    """A batch [n, c, 1, 1] or [n, features] goes through as it is."""
    one = precision.Arithmetic(dict(settings.TRAIN, memory_format="channels_last"), CPU)
    net = torch.nn.Linear(3, 2)
    one.prepare(net)
    x = torch.randn(5, 3)
    assert torch.equal(one.logits(net, x), net(x))


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"precision": "tf32"}, "needs a CUDA device.*'cpu'.*bfloat16"),
        ({"precision": "float16"}, "needs a CUDA device.*'cpu'.*bfloat16"),
        ({"cudnn": "benchmark"}, "train.cudnn = 'benchmark' needs a CUDA device"),
    ],
)
def test_what_a_cpu_cannot_do_is_refused_in_one_line(changes, words):
    with pytest.raises(ValueError, match=words) as told:
        trainer(**changes)
    assert "\n" not in str(told.value)


@pytest.mark.skipif(COMPILES, reason="this torch compiles")
def test_a_torch_without_a_compiler_refuses_it():
    with pytest.raises(ValueError, match="needs torch 2.0 or newer, here is 1"):
        trainer(compile=True)


@needs_compile
def test_compiled_it_is_the_same_network_with_the_same_names(eager):
    usual, compiled = trained(), trained(compile=True)
    assert losses(compiled) == losses(usual)
    ours, theirs = usual.model.state_dict(), compiled.model.state_dict()
    assert list(ours) == list(theirs) and type(compiled.model) is type(usual.model)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert "forward" not in vars(compiled.model)  # copies and traces see the class's own


@needs_compile
def test_hooks_on_the_network_are_called_although_it_is_compiled(eager):
    one, seen = trained(compile=True), []
    handle = one.model.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    with one.phase("retrain"):
        one.train(1)
    handle.remove()
    assert sum(seen) == 32 + 16  # a pass over each split


def outcome(folder, recipe, **changes):
    one = trainer(ResumingTrainer, (Journal(folder, {"case": recipe}),), **changes)
    return one, plugins.load("recipes", recipe).run(one, **RECIPES[recipe])


@needs_compile
@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_compiled_every_recipe_ends_with_the_same_network(tmp_path, eager, recipe):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's tracer, about itself
        compiled, found = outcome(tmp_path / "compiled", recipe, compile=True)
    usual, expected = outcome(tmp_path / "usual", recipe)
    ours, theirs = expected.model.state_dict(), found.model.state_dict()
    assert losses(compiled) == losses(usual)
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@needs_compile
def test_more_networks_are_compiled_than_torch_keeps_of_one_class(eager):
    """Beyond eight of a class torch computes uncompiled, and only warns."""
    one, compiled = trainer(compile=True), []
    x = torch.randn(2, 3, 8, 8)
    for _ in range(10):
        one.replace(small_net())
        with _counted(compiled):
            one.arithmetic.logits(one.model, x)
    assert len(compiled) == 10


@contextlib.contextmanager
def _counted(found):
    """Adds to `found` whenever torch compiled something inside."""
    from torch._dynamo.utils import counters

    before = counters["stats"]["unique_graphs"]
    yield
    if counters["stats"]["unique_graphs"] != before:
        found.append(before)


@pytest.mark.parametrize("recipe", sorted(RECIPES))
@pytest.mark.parametrize("changes", [{"precision": "bfloat16"}, {"memory_format": "channels_last"}])
def test_every_recipe_trains_in_it_and_goes_on_to_the_bit(tmp_path, recipe, changes):
    whole, expected = outcome(tmp_path, recipe, **changes)
    count = len(whole.ledger.phases)
    (tmp_path / "journal" / "phase-{:02d}.json".format(count - 1)).unlink()
    again, found = outcome(tmp_path, recipe, **changes)
    assert len(again.resumed) == count - 1 and losses(again) == losses(whole)
    ours, theirs = expected.model.state_dict(), found.model.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


class Doubling:
    """A scaler like torch's, of a constant scale: what may come between is seen plainly."""

    def __init__(self):
        self.told = []

    def scale(self, loss):
        return 1024 * loss

    def unscale_(self, optimizer):
        self.told.append("unscale")
        for group in optimizer.param_groups:
            for each in group["params"]:
                each.grad.div_(1024)

    def step(self, optimizer):
        self.told.append("step")
        optimizer.step()

    def update(self):
        self.told.append("update")


def test_what_comes_before_a_step_sees_gradients_without_the_scale():
    """A penalty or a bound on gradients of a scaled loss would be a thousandth of itself."""
    one = precision.Arithmetic(settings.TRAIN, CPU)
    one.scaler = Doubling()
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = torch.optim.SGD([weight], 0.5)
    one.backward((3 * weight).sum())
    assert float(weight.grad) == 3 * 1024
    seen = []
    one.step(optimizer, before=lambda: seen.append(float(weight.grad)))
    assert seen == [3.0] and weight.item() == 2.0 - 0.5 * 3.0
    assert one.scaler.told == ["unscale", "step", "update"]


def test_without_a_scale_there_is_nothing_to_keep():
    one = precision.Arithmetic(settings.TRAIN, CPU)
    assert one.scaler is None and one.state() == {}
    one.restore({})


@pytest.mark.skipif(
    not hasattr(getattr(torch, "amp", None), "GradScaler"), reason="scales losses on GPUs only"
)
def test_the_scale_falls_at_a_step_that_overflows_and_is_kept_for_the_next_attempt():
    one, other = (precision.Arithmetic(settings.TRAIN, CPU) for _ in range(2))
    one.scaler, other.scaler = (precision.scaler("cpu") for _ in range(2))
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = torch.optim.SGD([weight], 0.5)
    one.backward((float("inf") * weight).sum())
    one.step(optimizer)
    assert weight.item() == 2.0  # left out
    first = float(other.state()["scale"])
    assert float(one.state()["scale"]) == first / 2
    optimizer.zero_grad()
    one.backward(weight.sum())
    one.step(optimizer)
    other.restore(one.state())
    assert other.scaler.state_dict() == one.scaler.state_dict()
    assert other.scaler.state_dict()["_growth_tracker"] == 1


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("name", ["float16", "bfloat16", "tf32"])
def test_on_a_gpu_each_format_learns_what_float32_learns(name):
    if name in precision.SINCE and torch.cuda.get_device_capability() < precision.SINCE[name]:
        pytest.skip("this GPU has no {}".format(name))
    usual, one = trained(device="cuda"), trained(device="cuda", precision=name)
    assert losses(one) == pytest.approx(losses(usual), rel=12 * 4 * BFLOAT16)
    assert (one.arithmetic.scaler is not None) == (name == "float16")


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_on_a_gpu_float16_goes_on_with_its_scale(tmp_path, recipe):
    changes = {"precision": "float16", "device": "cuda", "cudnn": "deterministic"}
    whole, _ = outcome(tmp_path, recipe, **changes)
    again, found = outcome(tmp_path, recipe, **changes)
    assert again.resumed and again.arithmetic.state() == whole.arithmetic.state()
    assert all(torch.isfinite(each.float()).all() for each in found.model.state_dict().values())


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("name", ["float32", "tf32"])
def test_on_a_gpu_products_are_rounded_only_where_it_was_asked_for(name):
    if torch.cuda.get_device_capability() < precision.SINCE["tf32"]:
        pytest.skip("this GPU knows no TF32")
    precision.Arithmetic(dict(settings.TRAIN, precision=name), torch.device("cuda"))
    x, w = torch.randn(8, 64, 16, 16), torch.randn(64, 64, 3, 3)
    exact = torch.nn.functional.conv2d(x.double(), w.double())
    found = torch.nn.functional.conv2d(x.cuda(), w.cuda()).cpu().double()
    error = float((found - exact).abs().max() / exact.abs().max())
    # 576 products a sum: float32 errs by some 1e-7, factors of 10 bits by some 1e-4
    assert (error > 2e-5) == (name == "tf32")


def test_a_gpu_of_before_is_told_what_it_lacks(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (6, 2))  # a TX2
    for name in ("tf32", "bfloat16"):
        with pytest.raises(ValueError, match="8.0 or newer, this one has 6.2"):
            precision.check(dict(settings.TRAIN, precision=name), torch.device("cuda"))
    precision.check(dict(settings.TRAIN, precision="float16"), torch.device("cuda"))


SUITE = """
question = "What does a number format save?"
model = "resnet20"
dataset = "digits"
[train]
epochs = 1
{}
[[prune]]
recipe = "dense"
[[prune]]
recipe = "one_shot"
criterion = "slim"
ratio = 0.5
"""


def cases(tmp_path, line):
    path = tmp_path / "one.toml"
    path.write_text(SUITE.format(line))
    return suite.read(str(path)).cases


def test_a_method_says_in_what_arithmetic_it_was_trained(tmp_path):
    found = cases(tmp_path, 'precision = ["float32", "bfloat16"]')
    assert [suite.label(each) for each in found] == [
        "dense",
        "slim 0.5",
        "dense bfloat16",
        "slim 0.5 bfloat16",
    ]
    assert len({suite.method(each) for each in found}) == 4
    (one, _) = cases(
        tmp_path, 'memory_format = "channels_last"\ncompile = true\ncudnn = "benchmark"'
    )
    assert suite.label(one) == "dense channels_last compiled cudnn=benchmark"


def test_what_is_as_usual_changes_no_name(tmp_path):
    usual = cases(tmp_path, "")
    said = cases(
        tmp_path,
        'precision = "float32"\nmemory_format = "contiguous"\ncompile = false\ncudnn = "default"\n'
        'workers = "auto"\nresident = "auto"',
    )
    assert [suite.case_id(each) for each in said] == [suite.case_id(each) for each in usual]
    for each in usual:
        old = each._replace(train={k: each.train[k] for k in ("epochs", "seed")})
        assert suite.case_id(old) == suite.case_id(each) and suite.label(old) == suite.label(each)


@pytest.mark.parametrize(
    "line, words",
    [
        ('precision = "half"', 'one of: "float32", "tf32", "float16", "bfloat16"'),
        ('cudnn = "fast"', '"default", "benchmark", "deterministic"'),
        ("resident = 1", '"auto", true, false'),
        ("workers = -1", '"auto" or a whole number of processes from 0'),
        ("workers = true", '"auto" or a whole number'),
        ("compile = 1", "of the kind of False"),
    ],
)
def test_a_setting_that_is_none_of_its_choices_is_one_line(tmp_path, line, words):
    with pytest.raises(ValueError, match=words):
        cases(tmp_path, line)
