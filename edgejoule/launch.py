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

REFUSED = 4  # the exit code of whatever cannot be done as asked
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
    assert spec is not None and spec.loader is not None  # a .py file always has them
    sys.modules["edgejoule"] = package = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)


def _run(module: str) -> None:
    """Runs a module as if by `python3 -m`; what it cannot import is one line, no traceback."""
    from edgejoule import needs  # only now does the name mean this folder

    try:
        runpy.run_module("edgejoule." + module, run_name="__main__", alter_sys=True)
    except (ImportError, OSError) as error:
        # A library of torch that cannot be loaded is an OSError without a number; one with a
        # number is about a file, and no import's.
        text = None if getattr(error, "errno", None) else needs.sentence(module, error)
        if text is None:
            raise
        print("edgejoule: " + text, file=sys.stderr)
        sys.exit(REFUSED)


if "edgejoule" not in sys.modules:  # run by its path, or imported again by a spawned child
    _put_in_place()

if __name__ == "__main__":
    del sys.argv[0]
    _run(sys.argv[0])
