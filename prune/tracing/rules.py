"""Which rule answers which operation.

Without a rule everything that enters an operation is frozen.
"""

from typing import Any, Dict, Tuple

import torch

from edgejoule.prune.tracing import (
    rules_compute,
    rules_elementwise,
    rules_layout,
    rules_norm,
    rules_recurrent,
    rules_slice,
    rules_spatial,
)
from edgejoule.prune.tracing.labelled import SAMPLE, Labelled, axes_of, replaced
from edgejoule.prune.tracing.operation import Call
from edgejoule.prune.tracing.tracer import Rule, Tracer

RULES: Dict[str, Rule] = {}
for _family in (
    rules_elementwise,
    rules_layout,
    rules_slice,
    rules_compute,
    rules_norm,
    rules_spatial,
    rules_recurrent,
):
    RULES.update(_family.RULES)

# what may be asked of a labelled tensor, since its shape, dtype and device are true
_METADATA = (
    "size dim numel nelement ndimension stride is_contiguous is_floating_point is_complex "
    "get_device element_size storage_offset data_ptr register_hook is_same_size is_signed "
    "get:shape get:ndim get:dtype get:device get:is_cuda get:requires_grad get:grad_fn get:grad "
    "get:layout get:is_sparse get:is_quantized get:is_leaf get:is_nested get:is_mkldnn "
    "get:is_meta get:is_mps get:is_xpu get:is_ipu get:names get:output_nr get:is_cpu "
    "set:requires_grad get:is_inference is_inference is_conj is_neg is_nonzero_static "
    "get:_version get:itemsize get:nbytes __len__ new_zeros new_ones new_empty new_tensor "
    "set:grad get:is_vulkan get:is_xla __hash__ has_names retain_grad"
)
METADATA = frozenset(_METADATA.split())

# what asks for values, which a labelled tensor doesn't have
_READS = (
    "__bool__ __int__ __float__ __index__ __complex__ __contains__ __array__ item tolist numpy "
    "is_nonzero equal allclose nonzero unique masked_select argwhere unique_consecutive"
)
READS = frozenset(_READS.split())

_SHAPED = rules_layout.SHAPED | rules_slice.SHAPED | rules_spatial.SHAPED


def settings(call: Call) -> tuple:
    """The arguments that a smaller model must repeat.

    Sizes and numbers of groups show in the labels instead.
    """
    if call.name in _SHAPED:
        return ()
    if call.name == "group_norm" and rules_norm.per_channel(call):
        return ("per channel", str(call.bound(_GROUP_NORM)["eps"]))
    if call.name.startswith("conv"):
        bound = call.bound(_CONVOLUTION[call.name.startswith("conv_transpose")])
        bound.pop("groups")
        return tuple(
            str(bound[name]) for name in sorted(bound) if not isinstance(bound[name], torch.Tensor)
        )
    return call.settings()


_GROUP_NORM = "input num_groups weight bias eps"
_CONVOLUTION = (
    "input weight bias stride padding dilation groups",
    "input weight bias stride padding output_padding groups dilation",  # transposed
)


def constants(call: Call) -> Tuple[torch.Tensor, ...]:
    """Tensors of true values that must be the same in a smaller model."""
    exempt: Tuple[torch.Tensor, ...] = ()
    if call.name in rules_recurrent.LAYERS + rules_recurrent.CELLS:
        exempt = rules_recurrent.fresh_states(call)
    return tuple(
        plain(t) for t in call.tensors() if _true(t) and not any(t is state for state in exempt)
    )


def _true(tensor: torch.Tensor) -> bool:
    """Whether a tensor holds values that don't depend on the input.

    An index with labels is no constant: it is cut, not repeated.
    """
    if type(tensor) is Labelled:
        return tensor.solid and all(vector is None for vector in tensor.axes)
    return tensor.grad_fn is None


def unknown(tracer: Tracer, call: Call, detail: str = "") -> Any:
    """The result of an operation without a rule; everything that enters it is frozen.

    It is run on made-up values to learn the shapes.
    """
    for tensor in call.tensors():
        tracer.freeze(tensor, "enters {!r}, for which there is no rule{}".format(call.name, detail))
        first = axes_of(tensor)[0] if tensor.dim() > 1 else None
        if first is not None and isinstance(tensor, Labelled) and tensor.learned:
            tracer.lost.append(int(first[0]))
    if call.name == "setitem":
        return None
    real = call.func(*replaced(call.args, _values), **replaced(call.kwargs, _values))
    return replaced(real, lambda t: tracer.emit(t.shape, t.dtype, [None] * t.dim()))


def really(tracer: Tracer, call: Call) -> Any:
    """An operation on true values only: computed, its result true again and without labels."""
    for tensor in call.tensors():
        tracer.freeze(tensor, "is computed with as a number")
    result = call.func(*replaced(call.args, plain), **replaced(call.kwargs, plain))
    return replaced(
        result,
        lambda t: tracer.dress(t.as_subclass(Labelled), axes_of(t), learned=True, solid=True),
    )


def plain(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor without its labels."""
    return tensor.as_subclass(torch.Tensor) if type(tensor) is Labelled else tensor


def _values(tensor: torch.Tensor) -> torch.Tensor:
    """A writable stand-in with storage; NaN would spread, so a common number takes its place.

    Whole numbers that nobody knows become 0, the one index that is inside of every axis.
    """
    unknown_index = type(tensor) is Labelled and not tensor.solid
    tensor = plain(tensor).detach().cpu().clone(memory_format=torch.contiguous_format)
    if tensor.dtype.is_floating_point:
        return tensor.nan_to_num_(SAMPLE)
    return tensor.zero_() if unknown_index else tensor
