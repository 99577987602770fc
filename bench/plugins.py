"""Names become modules: see `edgejoule.plugins`. (Until every caller asks there.)"""

from edgejoule import plugins
from edgejoule.plugins import KINDS, PATH, REQUIRED, ROOT, nearest, use  # noqa: F401


def _k(folder):
    return folder.split("/")[-1]


def names(folder):
    return plugins.names(_k(folder))


def check(folder, name):
    return plugins.check(_k(folder), name)


def load(folder, name):
    return plugins.load(_k(folder), name)


def options(folder, name, function):
    return plugins.options(_k(folder), name, function)
