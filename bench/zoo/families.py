"""torchvision's classification networks, one or two per family; those that this version has.

A torchvision built for CUDA imports beside a CPU torch once the two detection operators that
its fake kernels name are declared; no classification network uses them.
"""

import importlib
import warnings
from types import ModuleType
from typing import Any, List, Optional

import torch
from torch import nn

from edgejoule.bench.zoo.net import Net

PIXELS = 64  # a side, where a network takes any: small pictures prove the same and run faster
SIZES = {
    "alexnet": 224,
    "vgg11_bn": 224,
    "vgg16": 224,
    "inception_v3": 299,
    "vit_b_16": 224,
    "maxvit_t": 224,
}  # pooled to a fixed size, or built for one
NAMES = [
    "alexnet",
    "vgg11_bn",
    "vgg16",
    "resnet18",
    "resnet50",
    "resnext50_32x4d",
    "wide_resnet50_2",
    "densenet121",
    "googlenet",
    "inception_v3",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "shufflenet_v2_x1_0",
    "squeezenet1_1",
    "mnasnet1_0",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "regnet_y_400mf",
    "regnet_x_400mf",
    "convnext_tiny",
    "vit_b_16",
    "swin_t",
    "swin_v2_t",
    "maxvit_t",
]
OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
LIBRARIES: List[Any] = []  # an operator lives as long as the library that declares it


def models() -> Optional[ModuleType]:
    """torchvision.models, None where torchvision is missing or can't be imported."""
    try:
        return importlib.import_module("torchvision.models")
    except ImportError:
        return None
    except RuntimeError:
        return _declared()


def _declared() -> Optional[ModuleType]:
    """torchvision.models after declaring the operators that its compiled half would bring."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in OPERATORS:
        library.define(operator)
    LIBRARIES.append(library)
    try:
        return importlib.import_module("torchvision.models")
    except (ImportError, RuntimeError):
        return None


def _net(found: Optional[ModuleType], name: str) -> Net:
    # else these two draw their weights from scipy, which takes long (scipy/scipy#11299)
    settings = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}

    def build() -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of settings whose default will change
            return getattr(found, name)(**settings)

    size = SIZES.get(name, PIXELS)
    return Net(build, (3, size, size))


_FOUND = models()
NETS = {name: _net(_FOUND, name) for name in NAMES if hasattr(_FOUND, name)}
