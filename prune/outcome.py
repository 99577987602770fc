"""What a recipe hands back."""

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from torch import nn

from edgejoule.prune.groups import Group
from edgejoule.prune.mask import Mask
from edgejoule.prune.tickets import Ticket
from edgejoule.prune.weightmasks.weight_mask import WeightMask


class Outcome(NamedTuple):
    """The final model and how it came about.

    `groups` and `mask` (channels) refer to the dense model, `weight_mask` (single weights) to the
    final one. `facts` is plain JSON for the record: what a recipe knows that no phase shows.
    "masked" there lists the stages trained with masked weights: epochs, weights, kept, and
    training FLOPs per sample as executed (dense) and as a machine that skips zeros would need;
    "changes" there says how often connections were exchanged, where a recipe does that.
    """

    model: nn.Module
    groups: Optional[List[Group]] = None
    mask: Optional[Mask] = None
    ticket: Optional[Ticket] = None
    notes: Tuple[str, ...] = ()
    weight_mask: Optional[WeightMask] = None
    facts: Optional[Dict[str, Any]] = None
