"""Begins a plug-in of your own: a file with the right signature, and a test that passes.

    edgejoule new criterion my_criterion        my_methods/criteria/my_criterion.py
    edgejoule new model my_net --in nets        nets/models/my_net.py

A suite finds it with `plugins = ["my_methods"]` beside it; `edgejoule list --plugins my_methods`
shows it. What is written works as it stands: fill in its docstring and change what it does.
"""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from string import Template
from typing import Dict

from edgejoule import plugins
from edgejoule.bench import bundle

SKELETONS = Path(__file__).resolve().parent.parent / "skeletons"
SINGULAR = {kind.singular: name for name, kind in plugins.KINDS.items()}
SETTING = {  # how a suite, or a command, asks for one
    "models": 'model = "{}"',
    "datasets": 'dataset = "{}"',
    "initialisations": '[train] initialisation = "{}"',
    "criteria": 'criterion = "{}"',
    "saliency": 'saliency = "{}"',
    "regularizers": 'regularizer = "{}"',
    "recipes": 'recipe = "{}"',
    "optimisers": '[train] optimiser = "{}"',
    "schedules": '[train] schedule = "{}"',
    "adapters": '[measure] power = "{}"',
    "sections": "(the report shows {} by itself)",
}
CONFTEST = '''"""Lets the tests import this folder by its name, wherever pytest is started."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
'''


def arguments(parser: ArgumentParser) -> None:
    """What `edgejoule new` takes."""
    parser.add_argument("kind", choices=sorted(SINGULAR), help="what to begin")
    parser.add_argument("name", help="its name in a suite: lower case, digits and underscores")
    parser.add_argument(
        "--in",
        dest="folder",
        default="my_methods",
        metavar="FOLDER",
        help="folder of your plug-ins, made if it is not there [my_methods]",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: Namespace) -> int:
    """Exit code 0; nothing that exists is written over."""
    kind, folder = SINGULAR[args.kind], Path(args.folder)
    _refuse(kind, args.name, folder)
    written = _write(_files(args.kind, kind, args.name, folder))
    if args.json:
        print(json.dumps({"written": [str(path) for path in written]}))
        return 0
    for path in written:
        print("wrote {}".format(path))
    print(
        'in a suite beside {0}: plugins = ["{0}"], {1}'.format(
            folder.name, SETTING[kind].format(args.name)
        )
    )
    print("its test: python3 -m pytest {}".format(folder))
    return 0


def _refuse(kind: str, name: str, folder: Path) -> None:
    """Raises a ValueError for what could not be found again under its name."""
    for what, word in (("a plug-in", name), ("a folder of plug-ins", folder.name)):
        if not word.isidentifier() or word != word.lower() or word.startswith("_"):
            raise ValueError(
                "{} is called {!r}; its name is made of lower-case letters, digits and "
                "underscores, and begins with a letter".format(what, word)
            )
    if folder.is_dir() and any((folder / each).is_dir() for each in plugins.KINDS):
        plugins.use([str(folder)])
    if name in plugins.names(kind):
        raise ValueError(
            "there is a {} called {!r}: {}; choose another name".format(
                plugins.KINDS[kind].singular, name, plugins.source(kind, name).path
            )
        )


def _files(singular: str, kind: str, name: str, folder: Path) -> Dict[Path, str]:
    """{path: text} of what is to be written."""
    words = {
        "name": name,
        "title": name.replace("_", " ").capitalize(),
        "package": folder.name,
        "folder": str(folder.resolve()),
    }
    found = {
        folder / kind / (name + ".py"): _filled(singular, words),
        folder / "tests" / "test_{}.py".format(name): _filled(singular + "_test", words),
    }
    if not (folder / "conftest.py").exists():
        found[folder / "conftest.py"] = CONFTEST
    return found


def _filled(skeleton: str, words: Dict[str, str]) -> str:
    text = (SKELETONS / (skeleton + ".txt")).read_text(encoding="utf8")
    return Template(text).substitute(words)


def _write(files: Dict[Path, str]) -> list:
    for path in files:
        if path.exists():
            raise ValueError("{} is there already; nothing was written".format(path))
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        bundle.write_text(path, text)
    return list(files)
