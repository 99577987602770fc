"""Label rules for recurrent layers and attention.

The gates of an LSTM or GRU are copies of the hidden units one below the other, so a unit leaves
all of them. All layers and directions of one module share one hidden size, so their units are
tied.
"""

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import torch

from edgejoule.prune.tracing.labelled import Labelled, Vector, axes_of, is_zero
from edgejoule.prune.tracing.operation import Call
from edgejoule.prune.tracing.rules_compute import mixed
from edgejoule.prune.tracing.tracer import Rule, Tracer


def recurrent(tracer: Tracer, call: Call) -> Tuple[Labelled, ...]:
    """The rule of lstm, gru, rnn_tanh, rnn_relu on padded input: (output, hidden[, cell])."""
    source, state, weights, biased, layers, _, _, both, batch_first = call.args
    states = list(state) if isinstance(state, (tuple, list)) else [state]
    directions = 2 if both else 1
    each = len(weights) // (layers * directions)  # w_in, w_hidden and, maybe, their biases
    if each != (4 if biased else 2):
        raise ValueError("projected hidden states")
    hidden: Vector = None
    out = axes_of(source)[-1]
    for layer in range(layers):
        rows = [weights[(layer * directions + d) * each :][:each] for d in range(directions)]
        heads = [_layer(tracer, source, out, tensors) for tensors in rows]
        for head in heads if hidden is None else [hidden, *heads]:
            tracer.unify(heads[0], head)
        hidden = heads[0]
        out = None if hidden is None else np.tile(hidden, directions)  # they stand side by side
    _states(tracer, states, hidden)
    size, lead = weights[1].shape[1], source.shape[:-1]
    batch = source.shape[0 if batch_first else 1]
    result = [tracer.emit(list(lead) + [size * directions], source.dtype, [None, None, out], True)]
    result += [
        tracer.emit([layers * directions, batch, size], source.dtype, [None, None, hidden], True)
        for _ in states
    ]
    tracer.produce(hidden)
    return tuple(result)


def _layer(
    tracer: Tracer, source: torch.Tensor, entering: Vector, tensors: Sequence[torch.Tensor]
) -> Vector:
    """The labels of the hidden units of one layer in one direction."""
    w_in, w_hidden = tensors[0], tensors[1]
    hidden = axes_of(w_hidden)[1]
    mixed(tracer, source, entering, w_in, axes_of(w_in)[1])
    for tensor in tensors:
        gates = axes_of(tensor)[0]
        if gates is None or hidden is None:  # a hidden size of 1 has no labels
            tracer.freeze(tensor, "has gates of fixed size")
        else:
            tracer.unify(tracer.tie(gates.reshape(-1, hidden.size)), hidden)
    gates = axes_of(w_in)[0]
    return None if gates is None or hidden is None else gates[: hidden.size]


def _states(tracer: Tracer, states: List[torch.Tensor], hidden: Vector) -> None:
    """First states: zeros made by the module itself follow its hidden size, others must match."""
    for state in states:
        if type(state) is Labelled:
            tracer.unify(state.axes[-1], hidden, "starts from a state of fixed size")
        elif state.numel() and bool((state != 0).any()):
            tracer.freeze_axis(hidden, "starts from a state of fixed size")


def cell(tracer: Tracer, call: Call) -> Any:
    """The rule of lstm_cell, gru_cell, rnn_tanh_cell, rnn_relu_cell."""
    source, state, tensors = call.args[0], call.args[1], [t for t in call.args[2:] if t is not None]
    states = list(state) if isinstance(state, (tuple, list)) else [state]
    hidden = _layer(tracer, source, axes_of(source)[-1], tensors)
    _states(tracer, states, hidden)
    tracer.produce(hidden)
    shape = list(source.shape[:-1]) + [tensors[1].shape[1]]
    result = [
        tracer.emit(
            shape, source.dtype, [None] * (source.dim() - 1) + [hidden], all(map(_null, states))
        )
        for _ in states
    ]
    return tuple(result) if len(result) > 1 else result[0]


def _null(state: torch.Tensor) -> bool:
    return type(state) is not Labelled or is_zero(state)


def attention(tracer: Tracer, call: Call) -> Labelled:
    """scaled_dot_product_attention: queries meet keys over channels, values keep theirs."""
    query, key, value = call.args[:3]
    _scaled(tracer, call, query, key)
    for left, right in zip(key.shape[:-1], value.shape[:-1]):
        if left != right:
            raise ValueError("keys and values of different shape")
    for tensor in (query, key, value):
        for vector in axes_of(tensor)[:-1]:
            tracer.freeze_axis(vector, "lies along heads or tokens of attention")
    axes = [None] * (query.dim() - 1) + [axes_of(value)[-1]]
    return tracer.emit(
        list(query.shape[:-1]) + [value.shape[-1]], query.dtype, axes, is_zero(value)
    )


def _scaled(tracer: Tracer, call: Call, query: torch.Tensor, key: torch.Tensor) -> None:
    """The default scale is 1/sqrt(channels), which a cut would change."""
    if call.kwargs.get("scale") is None:
        for tensor in (query, key):
            tracer.freeze_axis(axes_of(tensor)[-1], "scales attention by its number")
    else:
        mixed(tracer, query, axes_of(query)[-1], key, axes_of(key)[-1])


def fresh_states(call: Call) -> Tuple[torch.Tensor, ...]:
    """Zero states that a recurrent module made itself.

    They are constants, but their size follows the hidden size.
    """
    state = call.args[1]
    return tuple(state) if isinstance(state, (tuple, list)) else (state,)


LAYERS = ("lstm", "gru", "rnn_tanh", "rnn_relu")
CELLS = ("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
RULES: Dict[str, Rule] = dict.fromkeys(LAYERS, recurrent)
RULES.update(dict.fromkeys(CELLS, cell))
RULES["scaled_dot_product_attention"] = attention
