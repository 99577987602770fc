"""Each optimiser, the clip and the smoothing do what torch's own do, step by step."""

import pytest
import torch
from rigs import small_training
from torch import nn, optim
from torch.nn import functional as F

from edgejoule import plugins
from edgejoule.bench import settings, suite

KINDS = {  # name: (torch's own with what is asked, the settings that ask for it)
    "sgd": [
        (
            lambda p: optim.SGD(p, 0.1, 0.9, weight_decay=1e-4),
            {},
        ),
        (
            lambda p: optim.SGD(p, 0.02, 0.8, weight_decay=0.01, nesterov=True),
            dict(learning_rate=0.02, momentum=0.8, weight_decay=0.01, nesterov=True),
        ),
    ],
    "adam": [
        (lambda p: optim.Adam(p), {}),
        (
            lambda p: optim.Adam(
                p, lr=2e-3, betas=(0.8, 0.99), eps=1e-6, weight_decay=5e-5, amsgrad=True
            ),
            dict(learning_rate=2e-3, betas=[0.8, 0.99], eps=1e-6, weight_decay=5e-5, amsgrad=True),
        ),
    ],
    "adamw": [
        (lambda p: optim.AdamW(p), {}),
        (lambda p: optim.AdamW(p, weight_decay=0.3), {"weight_decay": 0.3}),
    ],
    "adagrad": [
        (lambda p: optim.Adagrad(p), {}),
        (
            lambda p: optim.Adagrad(
                p, lr=0.1, lr_decay=0.1, weight_decay=0.01, initial_accumulator_value=0.5, eps=1e-3
            ),
            dict(
                learning_rate=0.1,
                rate_decay=0.1,
                weight_decay=0.01,
                initial_accumulator=0.5,
                eps=1e-3,
            ),
        ),
    ],
    "rmsprop": [
        (lambda p: optim.RMSprop(p), {}),
        (
            lambda p: optim.RMSprop(
                p, lr=0.02, alpha=0.9, eps=1e-4, weight_decay=0.01, momentum=0.5, centered=True
            ),
            dict(
                learning_rate=0.02,
                alpha=0.9,
                eps=1e-4,
                weight_decay=0.01,
                momentum=0.5,
                centered=True,
            ),
        ),
    ],
}
EACH = [(name, *pair) for name, pairs in sorted(KINDS.items()) for pair in pairs]


def test_every_optimiser_is_here():
    assert set(KINDS) == set(plugins.names("optimisers"))


def trained(epochs=2, **changes):
    one = small_training.trainer(schedule="constant", **changes)
    with one.phase("dense"):
        one.train(epochs)
    return one


@pytest.mark.parametrize("name, own, options", EACH)
def test_it_trains_as_a_bare_loop_with_torchs_own(name, own, options):
    one = trained(optimiser=name, **options)
    model = small_training.network()
    optimizer = own(model.parameters())
    for x, y in small_training.batches(2):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    assert small_training.equal(one.model, model)


def test_a_setting_of_another_optimiser_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="no setting 'momentum'; it has: amsgrad, .*betas, .*ema"):
        settings.resolve("train", {"epochs": 1, "optimiser": "adam", "momentum": 0.9})
    with pytest.raises(ValueError, match="no setting 'betas'"):
        settings.resolve("train", {"epochs": 1, "betas": [0.9, 0.9]})
    with pytest.raises(ValueError, match="no optimiser called 'adamm'.*Did you mean 'adam'"):
        settings.resolve("train", {"epochs": 1, "optimiser": "adamm"})


@pytest.mark.parametrize("betas", [[0.9], [0.9, 1.0], 0.9, ["a", 0.9], [-0.1, 0.9]])
def test_betas_are_two_numbers(betas):
    with pytest.raises(ValueError, match="betas = .*two numbers"):
        settings.resolve("train", {"epochs": 1, "optimiser": "adam", "betas": betas})


def test_optimisers_are_an_axis_and_sgd_said_aloud_is_the_same_case(tmp_path):
    path = tmp_path / "axis.toml"
    text = 'question = "?"\nmodel = "lenet"\ndataset = "mnist"\nprune = "dense"\n[train]\n'
    path.write_text(text + 'epochs = 3\noptimiser = ["sgd", "adam", "adagrad", "rmsprop"]\n')
    cases = suite.read(str(path)).cases
    rates = [case.train["learning_rate"] for case in cases]
    assert rates == [0.1, 0.001, 0.01, 0.01]
    assert len({suite.case_id(case) for case in cases}) == 4
    path.write_text(text + "epochs = 3\n")
    assert suite.case_id(suite.read(str(path)).cases[0]) == suite.case_id(cases[0])


def norm(model):
    return torch.cat([each.grad.flatten() for each in model.parameters()]).norm()


def test_the_clip_bounds_the_norm_of_all_gradients_together():
    most = 0.05
    one = trained(gradient_clip=most, momentum=0.0, weight_decay=0.0)
    model, clipped = small_training.network(), []
    for x, y in small_training.batches(2):
        model.zero_grad()
        F.cross_entropy(model(x), y).backward()
        factor = min(1.0, most / float(norm(model) + 1e-6))
        clipped.append(factor < 1)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.1 * factor * parameter.grad
    assert any(clipped)
    for ours, theirs in zip(one.model.parameters(), model.parameters()):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_the_clip_sees_what_the_penalty_adds():
    one = small_training.trainer(
        schedule="constant", gradient_clip=1e-3, momentum=0.0, weight_decay=0.0
    )

    def penalty(model):
        for parameter in model.parameters():
            parameter.grad.fill_(100.0)

    before = [each.detach().clone() for each in one.model.parameters()]
    with one.phase("dense"):
        one.train(1, penalty=penalty)
    after = [each.detach() for each in one.model.parameters()]
    moved = torch.cat([(a - b).flatten() for a, b in zip(after, before)])
    assert float(moved.norm()) == pytest.approx(5 * 0.1 * 1e-3, rel=1e-3)


def test_smooth_labels_give_every_class_a_part_of_the_share():
    smoothing, one = 0.2, small_training.trainer(label_smoothing=0.2)
    logits = torch.randn(7, 3, generator=torch.Generator().manual_seed(1))
    y = torch.tensor([0, 1, 2, 0, 1, 2, 0])
    wanted = F.one_hot(y, 3) * (1 - smoothing) + smoothing / 3
    naive = -(wanted * logits.log_softmax(1)).sum(1).mean()
    assert float(one.stepper.loss(logits, y)) == pytest.approx(float(naive), rel=1e-6)


def test_what_never_had_a_gradient_stays_as_it_is():
    """Momentum and weight decay must not move a layer that a forward pass leaves out."""

    class Part(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = small_training.network(), nn.Linear(3, 3)

        def forward(self, x):
            return self.used(x)

    one = small_training.trainer(weight_decay=0.1)
    one.replace(Part())
    before = one.model.idle.weight.detach().clone()
    with one.phase("dense"):
        one.train(2)
    assert torch.equal(one.model.idle.weight, before)
