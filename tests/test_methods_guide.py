"""The guide names every method and every setting that the folders have."""

from pathlib import Path

import pytest

from edgejoule.bench import plugins

ROOT = Path(plugins.__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "reference" / "methods.md").read_text(encoding="utf8")
FUNCTIONS = {
    "prune/recipes": ["run"],
    "prune/criteria": ["scores", "penalty"],
    "prune/saliency": ["scores"],
}


@pytest.mark.parametrize(
    "folder, name", [(folder, name) for folder in FUNCTIONS for name in plugins.names(folder)]
)
def test_it_is_in_the_guide(folder, name):
    assert "`{}`".format(name) in GUIDE
    for function in FUNCTIONS[folder]:
        for setting in plugins.options(folder, name, function):
            word = setting in ("ratio", "criterion", "saliency") or "`{}`".format(setting)
            assert word is True or word in GUIDE, "{} of {}".format(setting, name)
