"""What training a network costs in joules, seconds and FLOPs, and what pruning saves.

The names below are the library; the rest of the package is how it is done, and the command line.
Each is imported when it is first used: a meter needs no torch.

    from edgejoule import Meter, find_groups, flops, shrink
"""

import sys
import types
from importlib import import_module
from typing import TYPE_CHECKING, Any, List

from edgejoule.version import __version__

if TYPE_CHECKING:  # the same names, for type checkers and editors
    from edgejoule.devices.choose import open as open_device
    from edgejoule.devices.clock import Clock
    from edgejoule.devices.meter import Meter
    from edgejoule.devices.reading import DeviceInfo, Reading
    from edgejoule.devices.trace import PowerTrace
    from edgejoule.prune.cost import Cost
    from edgejoule.prune.cost import count as cost
    from edgejoule.prune.cost import train_flops as flops
    from edgejoule.prune.export import load as load_shrunk
    from edgejoule.prune.export import plan as plan_of
    from edgejoule.prune.export import save as save_shrunk
    from edgejoule.prune.fold_constants import fold_constants
    from edgejoule.prune.grouping import find as find_groups
    from edgejoule.prune.groups import Group, Groups
    from edgejoule.prune.mask import Mask, masked
    from edgejoule.prune.optimizer_state import carry_optimizer
    from edgejoule.prune.select import select
    from edgejoule.prune.settings import Criterion, Regularizer, Saliency
    from edgejoule.prune.shrink import shrink

PUBLIC = {  # name: where it is, and what it is called there if it is called otherwise
    "Clock": ("devices.clock", "Clock"),
    "Cost": ("prune.cost", "Cost"),
    "Criterion": ("prune.settings", "Criterion"),
    "DeviceInfo": ("devices.reading", "DeviceInfo"),
    "Group": ("prune.groups", "Group"),
    "Groups": ("prune.groups", "Groups"),
    "Mask": ("prune.mask", "Mask"),
    "Meter": ("devices.meter", "Meter"),
    "PowerTrace": ("devices.trace", "PowerTrace"),
    "Reading": ("devices.reading", "Reading"),
    "Regularizer": ("prune.settings", "Regularizer"),
    "Saliency": ("prune.settings", "Saliency"),
    "carry_optimizer": ("prune.optimizer_state", "carry_optimizer"),
    "cost": ("prune.cost", "count"),
    "find_groups": ("prune.grouping", "find"),
    "flops": ("prune.cost", "train_flops"),
    "fold_constants": ("prune.fold_constants", "fold_constants"),
    "load_shrunk": ("prune.export", "load"),
    "masked": ("prune.mask", "masked"),
    "open_device": ("devices.choose", "open"),
    "plan_of": ("prune.export", "plan"),
    "save_shrunk": ("prune.export", "save"),
    "select": ("prune.select", "select"),
    "shrink": ("prune.shrink", "shrink"),
}
__all__ = [
    "Clock",
    "Cost",
    "Criterion",
    "DeviceInfo",
    "Group",
    "Groups",
    "Mask",
    "Meter",
    "PowerTrace",
    "Reading",
    "Regularizer",
    "Saliency",
    "__version__",
    "carry_optimizer",
    "cost",
    "find_groups",
    "flops",
    "fold_constants",
    "load_shrunk",
    "masked",
    "open_device",
    "plan_of",
    "save_shrunk",
    "select",
    "shrink",
]


class _Package(types.ModuleType):
    """This module, whose public names are looked up late.

    Python 3.6, a TX2's, knows no `__getattr__` of a module (PEP 562).
    """

    def __getattr__(self, name: str) -> Any:
        if name not in PUBLIC:
            raise AttributeError(
                "edgejoule has no {!r}; it has: {}".format(name, ", ".join(__all__))
            )
        module, there = PUBLIC[name]
        found = getattr(import_module("edgejoule." + module), there)
        setattr(self, name, found)
        return found

    def __dir__(self) -> List[str]:
        return sorted(set(__all__) | set(vars(self)))


sys.modules[__name__].__class__ = _Package
