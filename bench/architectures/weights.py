"""Initial weights that several families share."""

import math
from typing import Iterator, Optional, Tuple

from torch import Tensor, nn
from torch.nn.modules import conv, rnn

LAYERS = (nn.Conv2d, nn.Linear)
WEIGHTED = (conv._ConvNd, nn.Linear, rnn.RNNBase)
TRUNCATED_STD = 0.87962566103423978  # of N(0, 1) truncated at two deviations


def he(model: nn.Module, gamma: float = 1.0, linear_std: Optional[float] = None) -> nn.Module:
    """The same model with weights drawn anew: convolutions N(0, 2 / (k^2 c_out)), norms gamma, 0.

    He et al. (2015, arXiv:1502.01852, section 2.2, the form that keeps gradients' size). Linear
    layers keep torch's own draw unless `linear_std` is given: then N(0, linear_std^2), bias 0.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            _zero_bias(module)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.weight, gamma)  # one half is network slimming's
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear) and linear_std is not None:
            nn.init.normal_(module.weight, 0.0, linear_std)
            nn.init.zeros_(module.bias)
    return model


def orthogonal(model: nn.Module, slope: float) -> nn.Module:
    """The same model with orthogonal weights, sized for leaky ReLUs of that slope.

    Saxe et al. (2014, arXiv:1312.6120). The last linear layer has no activation and no gain;
    biases keep torch's own draw, U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
    """
    layers = [module for module in model.modules() if isinstance(module, LAYERS)]
    for layer in layers:
        gain = 1.0 if layer is layers[-1] else nn.init.calculate_gain("leaky_relu", slope)
        nn.init.orthogonal_(layer.weight, gain)
    return model


def glorot(model: nn.Module) -> nn.Module:
    """The same model with weights N(0, 2 / (fan_in + fan_out)), and biases 0.

    Glorot and Bengio (2010), in the Gaussian form that the lottery tickets start from.
    """
    for layer in model.modules():
        if isinstance(layer, LAYERS):
            nn.init.xavier_normal_(layer.weight)
            _zero_bias(layer)
    return model


def variance_scaling(model: nn.Module) -> nn.Module:
    """The same model with weights N(0, 1 / fan_in) truncated at two deviations, and biases 0.

    The draw of SNIP (Lee et al., 2019, arXiv:1810.02340), which is TensorFlow's: the deviation
    before truncation is larger so that after it the variance is 1 / fan_in.
    """
    for layer in model.modules():
        if isinstance(layer, LAYERS):
            fan_in = layer.weight[0].numel()
            std = 1 / (TRUNCATED_STD * math.sqrt(fan_in))
            nn.init.trunc_normal_(layer.weight, 0.0, std, -2 * std, 2 * std)
            _zero_bias(layer)
    return model


def matrices(model: nn.Module) -> Iterator[Tensor]:
    """The weights of all convolutions, linear and recurrent layers, in the model's order."""
    for layer in model.modules():
        if isinstance(layer, WEIGHTED):
            # a recurrent layer has several, and vectors beside them
            yield from (each for each in layer.parameters(recurse=False) if each.dim() > 1)


def fans(weight: Tensor) -> Tuple[int, int]:
    """(inputs, outputs) of one unit of a weight [outputs, inputs, ...], kernels counted whole."""
    pixels = weight[0][0].numel()
    return weight.shape[1] * pixels, weight.shape[0] * pixels


def draw(weight: Tensor, deviation: float, shape: str) -> None:
    """Draws a weight with this standard deviation; `shape` is "normal" or "uniform"."""
    if shape == "normal":
        nn.init.normal_(weight, 0.0, deviation)
    else:
        reach = math.sqrt(3.0) * deviation  # of a uniform variable: half its width
        nn.init.uniform_(weight, -reach, reach)


def zero_biases(model: nn.Module) -> nn.Module:
    """The same model, the biases of its convolutions, linear and recurrent layers 0."""
    for layer in model.modules():
        if isinstance(layer, WEIGHTED):
            for each in layer.parameters(recurse=False):
                if each.dim() == 1:
                    nn.init.zeros_(each)
    return model


def _zero_bias(layer: nn.Module) -> None:
    if isinstance(layer.bias, nn.Parameter):
        nn.init.zeros_(layer.bias)
