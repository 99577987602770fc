"""Initial weights that several families share."""
from typing import Optional

from torch import nn


def he(model: nn.Module, gamma: float = 1.0, linear_std: Optional[float] = None) -> nn.Module:
    """The same model with weights drawn anew: convolutions N(0, 2 / (k^2 c_out)), norms gamma, 0.

    He et al. (2015, arXiv:1502.01852, section 2.2, the form that keeps gradients' size). Linear
    layers keep torch's own draw unless `linear_std` is given: then N(0, linear_std^2), bias 0.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.weight, gamma)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear) and linear_std is not None:
            nn.init.normal_(module.weight, 0.0, linear_std)
            nn.init.zeros_(module.bias)
    return model
