"""Module attributes that repeat a tensor's size: brought in line after a cut."""

from typing import Any, Callable, Tuple

from torch import nn

from edgejoule.prune.computed_weights import stored


def resize(module: nn.Module, original: nn.Module) -> None:
    """Set the sizes that a module states to those of its tensors.

    `original` is the module before the cut.
    """
    for kind, name, rule in _RULES:
        if not isinstance(module, kind):
            continue
        tensor = stored(module, name)
        # a norm without scale still has statistics to read its size off
        if tensor is not None or (rule is _normalised and name in module._parameters):
            rule(module, original)


def _convolution(module: Any, original: Any) -> None:
    out, inner = _shape(module)[:2]
    depthwise = original.groups > 1 and original.groups == original.in_channels
    module.groups = out * original.groups // original.out_channels if depthwise else original.groups
    module.in_channels, module.out_channels = inner * module.groups, out


def _transposed(module: Any, original: Any) -> None:
    inner, out = _shape(module)[:2]
    depthwise = original.groups > 1 and original.groups == original.in_channels
    module.groups = inner if depthwise else original.groups
    module.in_channels, module.out_channels = inner, out * module.groups


def _linear(module: Any, original: Any) -> None:
    module.out_features, module.in_features = _shape(module)


def _shape(module: Any) -> Tuple[int, ...]:
    """The shape of a layer's weight, even of one that is computed before every run."""
    tensor = stored(module, "weight")
    assert tensor is not None, "a layer without a weight states no sizes"
    return tuple(tensor.shape)


def _normalised(module: Any, original: Any) -> None:
    for tensor in (module.weight, module.running_mean):
        if tensor is not None:
            module.num_features = tensor.shape[0]


def _grouped(module: Any, original: Any) -> None:
    # a group for every channel goes with its channel; other groups stay in number
    each = original.num_groups == original.num_channels
    module.num_channels = module.weight.shape[0]
    module.num_groups = module.num_channels if each else original.num_groups


def _embedding(module: Any, original: Any) -> None:
    module.num_embeddings, module.embedding_dim = module.weight.shape


def _recurrent(module: Any, original: Any) -> None:
    rows, inner = module.weight_ih_l0.shape
    module.input_size = inner
    module.hidden_size = rows * original.hidden_size // original.weight_ih_l0.shape[0]


def _cell(module: Any, original: Any) -> None:
    module.input_size, module.hidden_size = module.weight_ih.shape[1], module.weight_hh.shape[1]


def _slopes(module: Any, original: Any) -> None:
    module.num_parameters = module.weight.numel()


_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_RULES: Tuple[Tuple[Any, str, Callable[[Any, Any], None]], ...] = (
    ((nn.Conv1d, nn.Conv2d, nn.Conv3d), "weight", _convolution),
    (_TRANSPOSED, "weight", _transposed),
    (nn.Linear, "weight", _linear),
    (nn.modules.batchnorm._NormBase, "weight", _normalised),
    (nn.GroupNorm, "weight", _grouped),
    (nn.Embedding, "weight", _embedding),
    (nn.RNNBase, "weight_ih_l0", _recurrent),
    (nn.RNNCellBase, "weight_ih", _cell),
    (nn.PReLU, "weight", _slopes),
)
