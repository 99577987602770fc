"""The pages agree with the code: links, generated reference, quoted messages, the version."""

import ast
import importlib
import re
import sys

import pytest
from rigs import doc_blocks

import edgejoule
from edgejoule import command_line, plugins
from edgejoule.bench import settings

ROOT = doc_blocks.ROOT
DOCS = ROOT / "docs"
LINK = re.compile(r"!?\[[^]]*\]\(([^)\s]+)\)")
DIFFERS = "..."  # stands in a quoted message for what is not always the same
LEAST = 10  # letters of a message that a quotation must have in common with the code


@pytest.fixture(scope="module", autouse=True)
def scripts():
    """Puts the scripts of docs/ on the path, as Sphinx does."""
    sys.path.insert(0, str(DOCS))
    yield
    sys.path.remove(str(DOCS))


def prose(page):
    """A page without its fenced blocks and inline code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf8"), flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(page):
    """What a link's #fragment may be: the headings as GitHub and the site write them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", doc_blocks.pages(), ids=lambda page: page.name)
def test_every_relative_link_resolves(page):
    for target in LINK.findall(prose(page)):
        path, _, fragment = target.partition("#")
        if "://" in target:
            continue
        found = (page.parent / path).resolve() if path else page
        assert found.exists() or found.name in doc_blocks.GENERATED, target
        if fragment and found.exists():
            assert fragment in anchors(found), target


def test_every_page_is_reached_from_the_home_page():
    listed = {
        path
        for block in doc_blocks.blocks(DOCS / "index.md")
        for line in block.text.splitlines()
        for path in DOCS.glob(line.strip() + ".md" if line and line[0] != ":" else "none")
    }
    assert listed >= set(doc_blocks.pages()) - set(ROOT.glob("*.md")) - {DOCS / "index.md"}


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    importlib.import_module("generate").write(folder)
    return {path.name: path.read_text(encoding="utf8") for path in folder.iterdir()}


def test_the_generated_pages_are_those_that_git_ignores(generated):
    assert sorted(generated) == sorted(doc_blocks.GENERATED)
    ignored = (ROOT / ".gitignore").read_text().split()
    assert all("/docs/reference/" + name in ignored for name in generated)


@pytest.mark.parametrize("name", [each.name for each in command_line.COMMANDS])
def test_every_command_and_option_is_in_the_reference(name, generated, capsys):
    with pytest.raises(SystemExit):
        command_line.main([name, "--help"])
    section = generated["commands.md"].split("\n## {}\n".format(name))[1].split("\n## ")[0]
    for option in re.findall(r"--[a-z-]+", capsys.readouterr().out.split("\n\n")[0]):
        assert option in section, option


def test_every_setting_is_in_the_reference_with_its_meaning(generated):
    meanings = importlib.import_module("settings_page").MEANINGS
    for key in list(settings.TRAIN) + list(settings.MEASURE):
        assert "| `{}` |".format(key) in generated["settings.md"]
        assert meanings.get(key), "docs/settings_page.py says nothing of {}".format(key)
    for folder in settings.PLUGINS.values():
        for name in plugins.names(folder):
            assert "| `{}` |".format(name) in generated["settings.md"], name


def test_the_api_page_follows_what_the_package_offers(generated):
    public = [name for name in edgejoule.__all__ if not name.startswith("__")]
    assert public and all("\n## {}\n".format(name) in generated["api.md"] for name in public)


@pytest.mark.parametrize(
    "text, asked",
    [
        ('<script src="https://cdn.example/x.js"></script>', ["https://cdn.example/x.js"]),
        ("<link rel='stylesheet' href='//fonts.example/a.css'>", ["//fonts.example/a.css"]),
        ('<link href="https://f.example" rel="preconnect">', ["https://f.example"]),
        ("a { background: url(https://i.example/a.png) }", ["https://i.example/a.png"]),
        ('@import "https://s.example/a.css";', ["https://s.example/a.css"]),
        ('<a href="https://example.org">read</a> <script src="_static/x.js">', []),
        ('<link rel="canonical" href="https://example.org/">', []),
    ],
)
def test_what_a_page_would_fetch_is_found(text, asked):
    assert importlib.import_module("offline").requests(text) == asked


def sentences():
    """What the code may print: every text in it, with `DIFFERS` for its placeholders."""
    for package in ("bench", "prune", "devices", "reports", "edgejoule"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
                text = getattr(node, "s", None) if sys.version_info < (3, 8) else _text(node)
                if isinstance(text, str) and len(text) >= LEAST:
                    yield re.sub(r"\{[^{}]*\}", DIFFERS, text)


def _text(node):
    return node.value if isinstance(node, ast.Constant) else None


def says(sentence, quoted):
    """True if a quotation's parts occur in a sentence of the code, in order."""
    place = 0
    for part in [part.strip() for part in quoted.split(DIFFERS) if part.strip()]:
        place = sentence.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True


def test_the_messages_that_are_explained_are_those_of_the_code():
    known = list(sentences())
    for block in doc_blocks.blocks(DOCS / "troubleshooting.md"):
        for line in block.text.splitlines() if block.language == "text" else []:
            assert any(says(text, line) for text in known), line


def test_one_version_everywhere():
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.M).group(1)
    newest = re.search(r"^## (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.M).group(1)
    assert [cited, newest] == [edgejoule.__version__] * 2
    packaging = (ROOT / "pyproject.toml").read_text()
    assert 'dynamic = ["version"]' in packaging
    assert 'version = { attr = "edgejoule.version.__version__" }' in packaging
