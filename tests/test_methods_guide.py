"""The guide names every method and every setting that the folders have."""

from pathlib import Path

import pytest

from edgejoule import plugins

ROOT = Path(plugins.__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "reference" / "methods.md").read_text(encoding="utf8")
FUNCTIONS = {
    "recipes": "run",
    "criteria": "scores",
    "saliency": "scores",
    "regularizers": "penalty",
    "initialisations": "initialise",
}


@pytest.mark.parametrize(
    "kind, name", [(kind, name) for kind in FUNCTIONS for name in plugins.names(kind)]
)
def test_it_is_in_the_guide(kind, name):
    assert "`{}`".format(name) in GUIDE
    for setting in plugins.options(kind, name, FUNCTIONS[kind]):
        word = setting in ("ratio", "criterion", "saliency") or "`{}`".format(setting)
        assert word is True or word in GUIDE, "{} of {}".format(setting, name)
