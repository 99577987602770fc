"""Layerwise: every layer learns to give back what enters it, one after the other, without labels.

The unsupervised layerwise pretraining of the max-affine spline paper's appendix I, table 8 and
figure 9. The paper does not say how; ours is greedy and in the order of the forward pass. A layer
with a ReLU is the encoder, a transposed layer of its shape the decoder, which is thrown away; the
loss is the mean squared error against the layer's input, the optimiser Adam. What enters a layer
comes through the layers that have learned before it, with batch norms over the batch and without
dropout. The last layer keeps its weights: what it should give are the classes.
"""

from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgejoule.bench.training import autoencoders, loading
from edgejoule.prune import cost, macs

if TYPE_CHECKING:
    from edgejoule.bench.training.loop import Trainer

TRAINS = True


def initialise(
    trainer: "Trainer", *, pretrain_epochs: int = 10, pretrain_rate: float = 0.001
) -> Dict[str, List[float]]:
    """Trains each layer for so many epochs; {layer: its loss in each of them}."""
    model, example = trainer.model, trainer.example
    passes, flops = work(model, example, pretrain_epochs=pretrain_epochs)
    trainer.charge(passes * flops * len(trainer.data.train), "layerwise autoencoders")
    # Random numbers of its own: dropout in the training that follows draws from torch's.
    with torch.random.fork_rng([trainer.device] if trainer.device.type == "cuda" else []):
        torch.manual_seed(trainer.seed)
        losses = {
            name: _losses(trainer, layer, pretrain_epochs, pretrain_rate)
            for name, layer in autoencoders.layers(model, example)
        }
    for name, seen in losses.items():
        _check(trainer, name, seen)
    return losses


def work(
    model: nn.Module, example: Tensor, *, pretrain_epochs: int = 10, pretrain_rate: float = 0.001
) -> Tuple[int, float]:
    """(passes over the pictures: epochs for each layer, FLOPs of a picture in the mean of them)."""
    layers = autoencoders.layers(model, example)
    each = [_flops(model, name, layer, example) for name, layer in layers]
    return pretrain_epochs * len(layers), sum(each) / max(1, len(layers))


def _flops(model: nn.Module, name: str, layer: nn.Module, example: Tensor) -> int:
    """FLOPs of a step and picture: forward to the layer, then encoder and decoder in training."""
    before = 0
    for call in macs.observe(model, example).calls:
        if call.name == name:
            break
        before += call.forward
    entering = autoencoders.entering(model, layer, example)
    with torch.random.fork_rng([]):  # a decoder that only is counted draws nothing of the run's
        pair = autoencoders.Autoencoder(layer).to(example.device)
    return 2 * (before // len(example) + cost.count(pair, entering).train_macs)


def _losses(trainer: "Trainer", layer: nn.Module, epochs: int, rate: float) -> List[float]:
    """The mean loss of a layer in each epoch of its training."""
    pair = autoencoders.Autoencoder(layer).to(trainer.device)
    optimiser = torch.optim.Adam(pair.parameters(), rate)
    losses = [_epoch(trainer, layer, pair, optimiser) for _ in range(epochs)]
    for parameter in layer.parameters():
        parameter.grad = None
    return losses


def _epoch(trainer: "Trainer", layer: nn.Module, pair: nn.Module, optimiser: Any) -> float:
    loss_sum = torch.zeros((), device=trainer.device)
    for x in _pictures(trainer):
        entering = autoencoders.entering(trainer.model, layer, x)
        loss = F.mse_loss(pair(entering), entering)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss_sum = loss_sum + loss.detach() * len(x)  # read once an epoch: reading stalls a GPU
    return float(loss_sum) / len(trainer.data.train)


def _pictures(trainer: "Trainer") -> Iterator[Tensor]:
    """The training pictures in batches, in a new order."""
    order = torch.randperm(len(trainer.data.train))
    for x, _ in loading.batches(trainer.data.train, trainer.batch_size, trainer.device, order):
        yield x


def _check(trainer: "Trainer", name: str, losses: List[float]) -> None:
    if losses and not losses[-1] <= losses[0]:  # not so with a NaN either
        trainer.warn(
            "layer {}: the loss of its autoencoder went from {:.4g} to {:.4g}; "
            "lower train.pretrain_rate".format(name, losses[0], losses[-1])
        )
