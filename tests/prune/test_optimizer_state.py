"""After a cut the optimiser goes on: its state is the dense one without the removed channels."""

import pytest
import torch
from torch import nn

from edgejoule.bench.zoo import branches
from edgejoule.bench.zoo.examination import cut
from edgejoule.bench.zoo.net import awake, example
from edgejoule.prune import grouping
from edgejoule.prune.fold_constants import fold_constants
from edgejoule.prune.mask import masked
from edgejoule.prune.optimizer_state import carry_optimizer

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


@pytest.mark.parametrize("mode", grouping.MODES)
@pytest.mark.parametrize("name", sorted(OPTIMISERS))
def test_training_on_equals_training_the_masked_model(name, mode):
    case, optimiser, inputs = trained(name, mode)
    small = carry_optimizer(optimiser, case.model, case.small, case.groups, case.mask)
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
    small = carry_optimizer(optimiser, case.model, case.small, case.groups, case.mask)
    assert small.param_groups[0]["amsgrad"] and small.param_groups[0]["lr"] == 1e-3
    for parameter, state in small.state.items():
        assert float(state["step"]) == 3
        assert state["exp_avg"].shape == parameter.shape
    assert len(small.state) == len(list(case.small.parameters()))


def test_the_dense_state_is_untouched():
    case, optimiser, inputs = trained("sgd")
    before = {id(p): s["momentum_buffer"].clone() for p, s in optimiser.state.items()}
    small = carry_optimizer(optimiser, case.model, case.small, case.groups, case.mask)
    steps(case.small, small, inputs, 1)
    assert all(torch.equal(before[id(p)], s["momentum_buffer"]) for p, s in optimiser.state.items())


def test_parameters_of_another_model_are_refused():
    case, _, _ = trained("sgd")
    other = torch.optim.SGD(torch.nn.Linear(2, 2).parameters(), 0.1)
    with pytest.raises(ValueError, match="2 parameters that aren't the model's"):
        carry_optimizer(other, case.model, case.small, case.groups, case.mask)


class Sketching(torch.optim.Optimizer):
    """Wants its learning rate and keeps a state of no parameter's shape."""

    def __init__(self, params, lr, rank=3):
        super().__init__(params, {"lr": lr, "rank": rank})

    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["sketch"] = torch.ones(group["rank"], len(p))


def test_groups_keep_their_members_and_defaults_hold_for_later_ones():
    case, _, inputs = trained("sgd")
    first, *rest = case.model.parameters()
    optimiser = torch.optim.SGD([{"params": [first], "lr": 0.5}, {"params": rest}], lr=0.1)
    small = carry_optimizer(optimiser, case.model, case.small, case.groups, case.mask)
    assert [group["lr"] for group in small.param_groups] == [0.5, 0.1]
    assert small.param_groups[0]["params"] == [next(case.small.parameters())]
    small.add_param_group({"params": [nn.Parameter(torch.ones(1))]})
    assert small.param_groups[2]["lr"] == 0.1


def test_a_bias_that_folding_added_is_trained_with_its_weight():
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 4, 1, bias=False))
    x = torch.randn(2, 3, 5, 5)
    optimiser = torch.optim.Adam(awake(model).parameters())
    steps(model, optimiser, x, 2)
    case = cut(model, x, grouping.find(model, x), 0.5, "random")
    small = fold_constants(model, x, case.groups, case.mask).model
    carried = carry_optimizer(optimiser, model, small, case.groups, case.mask)
    assert small[2].bias is not None
    steps(small, carried, x, 1)
    assert len(carried.state) == len(list(small.parameters())) == 4
    assert [float(carried.state[p]["step"]) for p in small[2].parameters()] == [3, 1]


def test_state_that_sums_over_an_axis_is_cut_along_the_others():
    if not hasattr(torch.optim, "Adafactor"):
        pytest.skip("this torch has no Adafactor")
    case, _, inputs = trained("sgd")
    optimiser = torch.optim.Adafactor(case.model.parameters())
    steps(case.model, optimiser, inputs, 1)
    small = carry_optimizer(optimiser, case.model, case.small, case.groups, case.mask)
    steps(case.small, small, inputs, 1)
    for parameter, state in small.state.items():
        sums = state["variance"] if parameter.dim() == 1 else state["row_var"]
        assert all(n in (1, size) for n, size in zip(sums.shape, parameter.shape))


def test_state_that_can_t_be_cut_is_refused():
    case, _, inputs = trained("sgd")
    sketching = Sketching(case.model.parameters(), 0.1)
    assert carry_optimizer(sketching, case.model, case.small, case.groups, case.mask).defaults == {
        "lr": 0.1,
        "rank": 3,
    }
    sketching.step()
    with pytest.raises(ValueError, match=r"keeps 'sketch' of shape \[3, 16\]"):
        carry_optimizer(sketching, case.model, case.small, case.groups, case.mask)
    with pytest.raises(ValueError, match="LBFGS keeps one state for all parameters"):
        carry_optimizer(
            torch.optim.LBFGS(case.model.parameters()),
            case.model,
            case.small,
            case.groups,
            case.mask,
        )
