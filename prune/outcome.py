"""What a recipe hands back."""
from typing import NamedTuple, Optional, Tuple

from torch import nn


class Outcome(NamedTuple):
    """The final model and how it came about.

    `groups` and `mask` refer to the dense model; `groups` is None where single weights were masked
    (then `mask` maps tensor names to masks of their shape). `facts` is plain JSON for the record:
    whatever a recipe knows that no phase shows.
    """

    model: nn.Module
    groups: Optional[list] = None
    mask: Optional[dict] = None
    ticket: Optional[tuple] = None
    notes: Tuple[str, ...] = ()
    facts: Optional[dict] = None
