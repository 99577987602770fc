"""Packages that import torchvision (timm does), also where its wheel lacks its operators.

The wheel holds C++ operators for one build of torch. Beside another, such as the one for CPUs,
`import torchvision` fails where it describes `torchvision::nms`. The zoo knows how to declare
what is missing, with torch.library; no network that is cut here calls it.
"""

import importlib
import importlib.util
from types import ModuleType

import pytest


def needed(name: str) -> ModuleType:
    """The module of that name, with torchvision imported before; a test without them skips."""
    from edgejoule.bench.zoo import families  # it imports torchvision, which takes seconds

    if families.models() is None or importlib.util.find_spec(name) is None:
        pytest.skip("needs {}".format(name), allow_module_level=True)
    return importlib.import_module(name)
