"""Starts a module of this very package, whatever stands in the current folder or on PYTHONPATH.

    python3 /path/to/edgejoule/launch.py bench.worker FOLDER

Processes that this package starts are started by this file's path, so that a project with a
`bench/` or an `edgejoule/` of its own runs our code and not its own. Python puts a script's
folder on the path; here that would expose `bench`, `prune`, ... as top-level names.
"""

import importlib.util
import os
import runpy
import sys
from typing import List

HERE = os.path.dirname(os.path.abspath(__file__))


def command(module: str, *words: str) -> List[str]:
    """The command that runs a module of this package, such as "bench.worker", in a new process."""
    return [sys.executable, os.path.join(HERE, "launch.py"), module] + [str(w) for w in words]


def _put_in_place() -> None:
    """Makes `edgejoule` mean the folder of this file, in this process and in those it spawns."""
    if sys.path and os.path.abspath(sys.path[0] or ".") == HERE:
        del sys.path[0]
    spec = importlib.util.spec_from_file_location(
        "edgejoule", os.path.join(HERE, "__init__.py"), submodule_search_locations=[HERE]
    )
    sys.modules["edgejoule"] = package = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)


if "edgejoule" not in sys.modules:  # run by its path, or imported again by a spawned child
    _put_in_place()

if __name__ == "__main__":
    del sys.argv[0]
    runpy.run_module("edgejoule." + sys.argv[0], run_name="__main__", alter_sys=True)
