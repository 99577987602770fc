"""Every member of a plug-in folder has the interface that its folder's docstring promises."""

import importlib
import inspect

import pytest

from edgejoule import members, plugins
from edgejoule.plugins import KINDS, REQUIRED, ROOT

DATASET = ("TRAIN_IMAGES", "TEST_IMAGES", "LICENCE", "CHECKSUMS")
MORE = {"models": ("INPUT_SHAPE", "CLASSES"), "datasets": DATASET}
MEMBERS = [(kind, name) for kind in KINDS for name in plugins.names(kind)]
SETTINGS = [(kind, name) for kind, name in MEMBERS if kind not in ("adapters", "sections")]
COMMANDS = [
    (package, path.stem)
    for package in ("bench", "devices", "reports")
    for path in sorted((ROOT / package / "commands").glob("[!_]*.py"))
]


@pytest.mark.parametrize("kind,name", MEMBERS)
def test_it_has_the_interface_of_its_folder(kind, name):
    module = plugins.load(kind, name)
    missing = [
        each for each in KINDS[kind].defines + MORE.get(kind, ()) if not hasattr(module, each)
    ]
    assert not missing, "{}: {} lacks {}".format(kind, name, missing)
    assert inspect.getdoc(module), "{}: {} says nothing about itself".format(kind, name)


@pytest.mark.parametrize("package,name", COMMANDS)
def test_a_command_has_arguments_and_runs(package, name):
    module = importlib.import_module("edgejoule.{}.commands.{}".format(package, name))
    assert callable(module.arguments) and callable(module.run) and inspect.getdoc(module)


@pytest.mark.parametrize("kind,name", SETTINGS)
def test_settings_read_from_the_file_are_those_of_the_function(kind, name):
    """Python's own view of a signature, its groups taken apart, is what the syntax tree says."""
    function = KINDS[kind].defines[0]
    real = getattr(plugins.load(kind, name), function)
    if isinstance(plugins.load(kind, name), members.Member):
        real = plugins.load(kind, name).module.build
    keywords = [
        each
        for each in inspect.signature(real).parameters.values()
        if each.kind is each.KEYWORD_ONLY
    ]
    read = plugins.options(kind, name, function)
    expected = {}
    for each in keywords:
        expected.update(asked_by(each))
    assert list(read) == list(expected)
    facts = getattr(plugins.load(kind, name), "facts", {})
    for key, default in expected.items():
        assert read[key] == facts.get(key, default)


def asked_by(parameter):
    """{setting: default} of one keyword-only parameter, without looking at the syntax tree."""
    from edgejoule.prune.settings import Choice, Default, Settings

    kinds = [parameter.annotation] + list(getattr(parameter.annotation, "__args__", None) or ())
    kinds = [each for each in kinds if isinstance(each, type)]
    default = parameter.default
    if any(issubclass(each, Settings) for each in kinds):
        said = default if isinstance(default, Default) else Default([], {})
        fields = kinds[0].__dataclass_fields__.values()
        whole = {each.name: each.default for each in fields}
        whole.update(said.fields)
        required = {key: REQUIRED for key, value in whole.items() if "MISSING" in repr(value)}
        return {
            key: value for key, value in dict(whole, **required).items() if key not in said.fixed
        }
    if any(issubclass(each, Choice) for each in kinds) and isinstance(default, Default):
        default = default.name
    return {parameter.name: REQUIRED if default is inspect.Parameter.empty else default}


@pytest.mark.parametrize("recipe", plugins.names("recipes"))
def test_what_a_recipe_lets_choose_never_shares_a_setting_with_it(recipe):
    own = set(plugins.options("recipes", recipe, "run"))
    kinds = {"criterion": "criteria", "saliency": "saliency", "regularizer": "regularizers"}
    for choice in plugins.choices("recipes", recipe, "run"):
        kind = kinds[choice]
        for name in plugins.names(kind):
            shared = own & set(plugins.options(kind, name, KINDS[kind].defines[0]))
            assert not shared, "{} and {} both take {}".format(recipe, name, shared)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_folder_says_how_to_add_to_it(kind):
    text = (ROOT / KINDS[kind].folder / "__init__.py").read_text(encoding="utf8")
    for name in KINDS[kind].defines[:2]:
        assert name in text, "{}/__init__.py does not name {}".format(KINDS[kind].folder, name)


def test_an_unknown_name_gets_the_nearest_neighbour():
    with pytest.raises(ValueError) as caught:
        plugins.check("criteria", "slimm")
    assert "no criterion called 'slimm'; prune/criteria/ has: " in str(caught.value)
    assert "Did you mean 'slim'?" in str(caught.value)
