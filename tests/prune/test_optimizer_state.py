"""After a cut the optimiser goes on: its state is the dense one without the removed channels."""

import pytest
import torch

from edgejoule.bench.zoo import branches
from edgejoule.bench.zoo.examination import cut
from edgejoule.bench.zoo.net import awake, example
from edgejoule.prune import grouping
from edgejoule.prune.mask import masked
from edgejoule.prune.optimizer_state import sliced

OPTIMISERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, weight_decay=1e-3, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, 1e-3, amsgrad=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, 1e-3, momentum=0.5),
    "adagrad": lambda p: torch.optim.Adagrad(p, 1e-2),
}


def trained(name, mode="coupled"):
    torch.manual_seed(0)
    net = branches.NETS["residual"]
    model, inputs = awake(net.build()).double(), example(net, 4, torch.float64)
    optimiser = OPTIMISERS[name](model.parameters())
    steps(model, optimiser, inputs, 3)
    return cut(model, inputs, grouping.find(model, inputs, mode), 0.5, "random"), optimiser, inputs


def steps(model, optimiser, inputs, count):
    for _ in range(count):
        optimiser.zero_grad()
        model(inputs).pow(2).sum().backward()
        optimiser.step()


@pytest.mark.parametrize("name", sorted(OPTIMISERS))
def test_training_on_equals_training_the_masked_model(name):
    case, optimiser, inputs = trained(name)
    small = sliced(optimiser, case.model, case.small, case.groups, case.mask)
    silent = masked(case.model, case.groups, case.mask)
    whole = type(optimiser)([dict(optimiser.param_groups[0], params=list(silent.parameters()))])
    for old, new in zip(case.model.parameters(), silent.parameters()):
        whole.state[new] = {
            key: value.clone() if isinstance(value, torch.Tensor) else value
            for key, value in optimiser.state[old].items()
        }
    steps(case.small, small, inputs, 1)
    first = masked(case.model, case.groups, case.mask)
    steps(silent, whole, inputs, 1)
    kept = cut(silent, inputs, case.groups, 0.5, "random").small
    for (tensor, left), right in zip(case.small.named_parameters(), kept.parameters()):
        assert torch.allclose(left, right, rtol=1e-9, atol=1e-12), tensor
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), silent.parameters()))


def test_settings_and_counts_are_carried_over():
    case, optimiser, _ = trained("adam", "select")
    small = sliced(optimiser, case.model, case.small, case.groups, case.mask)
    assert small.param_groups[0]["amsgrad"] and small.param_groups[0]["lr"] == 1e-3
    for parameter, state in small.state.items():
        assert float(state["step"]) == 3
        assert state["exp_avg"].shape == parameter.shape
    assert len(small.state) == len(list(case.small.parameters()))


def test_the_dense_state_is_untouched():
    case, optimiser, inputs = trained("sgd")
    before = {id(p): s["momentum_buffer"].clone() for p, s in optimiser.state.items()}
    small = sliced(optimiser, case.model, case.small, case.groups, case.mask)
    steps(case.small, small, inputs, 1)
    assert all(torch.equal(before[id(p)], s["momentum_buffer"]) for p, s in optimiser.state.items())


def test_parameters_of_another_model_are_refused():
    case, _, _ = trained("sgd")
    other = torch.optim.SGD(torch.nn.Linear(2, 2).parameters(), 0.1)
    with pytest.raises(ValueError, match="2 parameters that aren't the model's"):
        sliced(other, case.model, case.small, case.groups, case.mask)
