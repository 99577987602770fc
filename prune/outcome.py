"""What a recipe hands back."""

from typing import NamedTuple, Optional, Tuple

from torch import nn


class Outcome(NamedTuple):
    """The final model and how it came about.

    `groups` and `mask` (channels) refer to the dense model, `weight_mask` (single weights) to the
    final one. `facts` is plain JSON for the record: what a recipe knows that no phase shows.
    "masked" there lists the stages trained with masked weights: epochs, weights, kept, and
    training FLOPs per sample as executed (dense) and as a machine that skips zeros would need.
    """

    model: nn.Module
    groups: Optional[list] = None
    mask: Optional[dict] = None
    ticket: Optional[tuple] = None
    notes: Tuple[str, ...] = ()
    weight_mask: Optional[dict] = None
    facts: Optional[dict] = None
