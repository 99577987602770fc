"""What survivors become: bit-exact rewinding, signs, fresh draws, restored variance."""

import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from torch import nn

from edgejoule.prune.weightmasks import treatments, weight_mask


def states():
    torch.manual_seed(0)
    model = small_net()
    initial = treatments.snapshot(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    rewound = treatments.snapshot(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    model[1].running_mean.add_(3)
    return model, initial, rewound


def same(model, state):
    return all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_snapshot_is_a_copy():
    model, initial, _ = states()
    assert not torch.equal(model[0].weight, initial["0.weight"])


def test_keep_and_rewind():
    model, initial, rewound = states()
    now = treatments.snapshot(model)
    treatments.treat(model, "keep", initial, rewound, small_net)
    assert same(model, now)
    treatments.treat(model, "rewind", initial, rewound, small_net)
    assert same(model, rewound)


def test_signs():
    model, initial, rewound = states()
    treatments.treat(model, "sign", initial, rewound, small_net)
    assert torch.equal(model[0].weight, initial["0.weight"].sign())
    treatments.treat(model, "sigma_sign", initial, rewound, small_net)
    spread = initial["0.weight"].std()
    assert torch.allclose(model[0].weight.abs(), spread.expand_as(model[0].weight))
    assert torch.equal(model[0].weight.sign(), initial["0.weight"].sign())
    assert torch.allclose(model[8].bias.abs(), initial["8.bias"].std().expand(4))
    assert torch.equal(model[1].weight, initial["1.weight"]), "gammas of 1 have no spread"
    assert torch.equal(model[1].running_mean, initial["1.running_mean"])


def test_reinit_takes_the_parameters_of_a_network_built_anew():
    model, initial, rewound = states()
    built = []

    def fresh():
        built.append(small_net())
        return built[-1]

    for _ in range(2):
        treatments.treat(model, "reinit", initial, rewound, fresh)
        assert torch.equal(model[0].weight, built[-1][0].weight)
        assert torch.equal(model[1].running_mean, initial["1.running_mean"])
    assert len(built) == 2 and not torch.equal(built[0][0].weight, built[1][0].weight)


def test_unknown_treatment():
    model, initial, rewound = states()
    with pytest.raises(ValueError, match="keep, rewind, reinit, sign, sigma_sign"):
        treatments.treat(model, "zhou", initial, rewound, small_net)


@pytest.mark.parametrize("step", [0, 1, 4, 6])
def test_state_at_a_step_is_that_of_a_training_cut_short(step):
    """Three steps per epoch: after step 4 means one epoch and one step."""
    trainer, twin = FakeTrainer(epochs=2), FakeTrainer(epochs=2)
    with trainer.phase("dense"), treatments.at_step(trainer.model, step) as seen:
        trainer.model.eval()(trainer.example)
        trainer.train(2)
    left, stopped = [step], []

    def stop(model):
        if left[0] == 0 and not stopped:
            stopped.append(before[0])
        left[0] -= 1

    before = [treatments.snapshot(twin.model)]
    hook = twin.model.register_forward_pre_hook(
        lambda module, inputs: before.__setitem__(0, treatments.snapshot(module))
    )
    with twin.phase("dense"):
        twin.train(2, penalty=stop)
    hook.remove()
    expected = stopped[0] if stopped else treatments.snapshot(twin.model)
    assert seen.steps == 6
    assert all(torch.equal(value, expected[name]) for name, value in seen.weights.items())
    assert not trainer.model._forward_pre_hooks


def test_a_step_beyond_the_training_has_no_state():
    trainer = FakeTrainer(epochs=1)
    with trainer.phase("dense"), treatments.at_step(trainer.model, 4) as seen:
        trainer.train(1)
    assert (seen.steps, seen.weights) == (3, None)


def test_rescaled_layers_keep_their_variance():
    torch.manual_seed(0)
    layer = nn.Sequential(nn.Linear(400, 600, bias=False))
    x = torch.randn(300, 400)
    dense = layer(x).var().item()
    mask = weight_mask.full(layer, ["0.weight"])
    mask["0.weight"] = torch.rand(600, 400) < 0.1
    weight_mask.apply(layer, mask)
    assert layer(x).var().item() < 0.2 * dense
    treatments.rescale(layer, mask)
    assert layer(x).var().item() == pytest.approx(dense, rel=0.1)
