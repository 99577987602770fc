"""What other people's packages a command needs, and one line when they are not there.

    edgejoule: flops needs torch, which /usr/bin/python3 does not have; get it with: ...

A board's system Python rarely has them all, and a traceback out of an import says neither what
to install nor for what.
"""

import importlib.util
import os
import sys
from typing import List, Optional, Sequence

HERE = os.path.dirname(os.path.abspath(__file__))
DISTRIBUTIONS = {  # where pip's name is not the module's
    "PIL": "Pillow",
    "jinja2": "Jinja2",
    "jtop": "jetson-stats",
    "pynvml": "nvidia-ml-py",
    "sklearn": "scikit-learn",
}
JETSON = "/etc/nv_tegra_release"


def check(what: str, modules: Sequence[str]) -> None:
    """Nothing, if all these modules can be found; none of them is imported.

    Raises:
        ValueError: names what asked, everything that is missing, and how to get it.
    """
    absent = [name for name in modules if not is_there(name)]
    if absent:
        raise ValueError(_lacking(what, absent))


def is_there(module: str) -> bool:
    """True if a top-level module can be found."""
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # imported already, by somebody who left no spec
        return True


def sentence(what: str, error: Exception) -> Optional[str]:
    """What to say of an import that failed for `what`; None if the fault is our own."""
    module = (getattr(error, "name", None) or "").split(".")[0]
    if module == "edgejoule":
        return None
    if module and isinstance(error, ModuleNotFoundError) and not is_there(module):
        return _lacking(what, [module])
    return "{}: {} cannot be imported by {}: {}; install one that is built for it".format(
        what, module or "a package it needs", sys.executable, " ".join(str(error).split())
    )


def _lacking(what: str, modules: List[str]) -> str:
    return "{} needs {}, which {} does not have; get {} with: {}".format(
        what,
        " and ".join(filter(None, [", ".join(modules[:-1]), modules[-1]])),
        sys.executable,
        "it" if len(modules) == 1 else "them",
        _how(modules),
    )


def _how(modules: List[str]) -> str:
    names = [DISTRIBUTIONS.get(module, module) for module in modules]
    text = "{} -m pip install {}".format(sys.executable, " ".join(names))
    if "torch" in modules and os.path.exists(JETSON):  # pip's torch knows no Jetson's GPU
        text += " (on a Jetson torch comes from NVIDIA's wheels: see the README)"
    own = os.path.join(os.path.dirname(HERE), ".venv")
    if os.path.exists(os.path.join(own, "ready")):  # made by `make`, and not what runs now
        text += ", or run it by {}".format(os.path.join(own, "bin", "python"))
    return text
