"""Every module of a plug-in folder has the interface that its folder's docstring promises."""

import inspect
from pathlib import Path

import pytest

from edgejoule.bench import plugins

ROOT = Path(plugins.__file__).resolve().parent.parent
INTERFACES = {
    "bench/models": ("INPUT_SHAPE", "CLASSES", "build"),
    "bench/datasets": (
        "CLASSES",
        "INPUT_SHAPE",
        "TRAIN_IMAGES",
        "TEST_IMAGES",
        "LICENCE",
        "CHECKSUMS",
        "load",
    ),
    "prune/criteria": ("scores",),
    "prune/saliency": ("scores",),
    "prune/recipes": ("run",),
    "devices/adapters": ("present", "open"),
    "bench/commands": ("arguments", "run"),
    "devices/commands": ("arguments", "run"),
    "reports/commands": ("arguments", "run"),
    "reports/sections": ("TITLE", "render"),
}
MEMBERS = [(folder, name) for folder in INTERFACES for name in plugins.names(folder)]
FUNCTIONS = {
    "bench/models": ["build"],
    "bench/datasets": ["load"],
    "prune/recipes": ["run"],
    "prune/saliency": ["scores"],
    "prune/criteria": ["scores", "penalty"],
}
SETTINGS = [
    (folder, name, function) for folder, name in MEMBERS for function in FUNCTIONS.get(folder, [])
]


@pytest.mark.parametrize("folder,name", MEMBERS)
def test_it_has_the_interface_of_its_folder(folder, name):
    module = plugins.load(folder, name)
    missing = [each for each in INTERFACES[folder] if not hasattr(module, each)]
    assert not missing, "{}/{}.py lacks {}".format(folder, name, missing)
    assert inspect.getdoc(module), "{}/{}.py says nothing about itself".format(folder, name)


@pytest.mark.parametrize("folder,name,function", SETTINGS)
def test_settings_read_from_the_file_are_those_of_the_function(folder, name, function):
    real = getattr(plugins.load(folder, name), function, None)
    if real is None:
        assert plugins.options(folder, name, function) == {}
        return
    keywords = {
        p.name: p.default
        for p in inspect.signature(real).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    }
    read = plugins.options(folder, name, function)
    assert set(read) == set(keywords)
    for key, default in keywords.items():
        wanted = plugins.REQUIRED if default is inspect.Parameter.empty else default
        assert read[key] == wanted


@pytest.mark.parametrize("recipe", plugins.names("prune/recipes"))
def test_a_criterion_and_a_recipe_never_share_a_setting(recipe):
    own = set(plugins.options("prune/recipes", recipe, "run"))
    for criterion in plugins.names("prune/criteria"):
        for function in FUNCTIONS["prune/criteria"]:
            shared = own & set(plugins.options("prune/criteria", criterion, function))
            assert not shared, "{} and {} both take {}".format(recipe, criterion, shared)


@pytest.mark.parametrize("folder", sorted(INTERFACES))
def test_every_folder_says_how_to_add_to_it(folder):
    text = (ROOT / folder / "__init__.py").read_text(encoding="utf8")
    for name in INTERFACES[folder]:
        assert name in text, "{}/__init__.py does not name {}".format(folder, name)


def test_an_unknown_name_gets_the_nearest_neighbour():
    with pytest.raises(ValueError) as caught:
        plugins.check("prune/criteria", "slimm")
    assert "no criterion called 'slimm'" in str(caught.value)
    assert "Did you mean 'slim'?" in str(caught.value)
