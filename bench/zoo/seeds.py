"""The networks of bench/models, at sizes that a proof needs.

Those for ImageNet take smaller pictures here: a proof runs each network dozens of times.
"""

from edgejoule import plugins
from edgejoule.bench.zoo.net import Net

SMALL = 64  # pixels; adaptive pooling makes the size free


def _net(name: str) -> Net:
    module = plugins.load("models", name)
    c, h, w = module.INPUT_SHAPE
    shape = (c, min(h, SMALL), min(w, SMALL)) if h > SMALL else (c, h, w)
    return Net(module.build, shape)


NETS = {name: _net(name) for name in plugins.names("models")}
