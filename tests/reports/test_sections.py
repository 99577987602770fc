"""Every file in reports/sections keeps the folder's promise, whatever the suite holds."""

import pytest
from markupsafe import Markup
from rigs import bundles

from edgejoule.reports import gather, page

SECTIONS = page.sections()
NAMES = [module.__name__.split(".")[-1] for module in SECTIONS]
EMPTY_TOO = {"cautions", "raw_files"}  # they speak of what is not there


@pytest.mark.parametrize("module", SECTIONS, ids=NAMES)
def test_interface(module):
    """A title, a place, and a docstring for whoever adds the next one."""
    assert module.TITLE and isinstance(module.ORDER, int) and module.__doc__
    assert module.render.__doc__


def test_titles_and_places_are_distinct():
    """Titles become anchors."""
    assert len({page.slug(module.TITLE) for module in SECTIONS}) == len(SECTIONS)
    assert len({module.ORDER for module in SECTIONS}) == len(SECTIONS)


@pytest.mark.parametrize("module", SECTIONS, ids=NAMES)
def test_it_renders_markup(module, tmp_path):
    """A whole suite gives every section something to show."""
    report = gather.report(bundles.suite(tmp_path, power="module"))
    made = module.render(report)
    assert isinstance(made, Markup) and len(made) > 30


@pytest.mark.parametrize("module", SECTIONS, ids=NAMES)
def test_it_is_left_out_where_there_is_nothing(module, tmp_path):
    """No run, no figure."""
    report = gather.report(bundles.write(tmp_path, [], missing=[("a", "slim 0.5")]))
    assert bool(module.render(report)) == (module.__name__.split(".")[-1] in EMPTY_TOO)


@pytest.mark.parametrize(
    "name, words",
    [
        ("early_bird", "ticket drawn after 2 epochs"),
        ("kept_layers", "stages.1"),
        ("pareto", "Energy per epoch"),
        ("epoch_curves", "J per epoch"),
        ("environment", "git.commit"),
        ("raw_files", "../resnet20-digits-dense-s0-0123abcd/run.json"),
        ("cautions", "No run warned"),
    ],
)
def test_what_it_shows(name, words, tmp_path):
    """One thing that only this section knows."""
    report = gather.report(bundles.suite(tmp_path, power="module"))
    assert words in SECTIONS[NAMES.index(name)].render(report)


def test_dense_alone_has_no_early_bird_and_no_layers(tmp_path):
    """Sections about pruning vanish from a suite that does not prune."""
    report = gather.report(bundles.suite(tmp_path, methods=bundles.METHODS[:1]))
    for name in ("early_bird", "kept_layers", "pareto"):
        assert SECTIONS[NAMES.index(name)].render(report) == ""


def test_warnings_are_said_once_with_their_runs(tmp_path):
    """And what only shows side by side: other versions, other seeds."""
    records = [
        bundles.record(seed=0, warnings=["hot", "hot"]),
        bundles.record(seed=1),
        bundles.record("slim 0.5", seed=0, warnings=["hot"]),
    ]
    records[1]["environment"]["packages"]["torch"] = "1.10.1"
    records[1]["warnings"] = []
    made = SECTIONS[NAMES.index("cautions")].render(gather.report(bundles.write(tmp_path, records)))
    assert made.count("Hot.") == 1 and "2 runs" in made
    assert "packages.torch (2.13.0 and 1.10.1)" in made
    assert "not run with the same seeds" in made


def test_never_settled_is_drawn_without_a_ticket(tmp_path):
    """The search ended, the distance stayed above the threshold."""
    document = bundles.record("early-bird spline 0.5")
    document["ticket"].update(epoch=None, distances=[None, 0.5, 0.4])
    report = gather.report(bundles.write(tmp_path, [document]))
    made = SECTIONS[NAMES.index("early_bird")].render(report)
    assert "never settled below 0.15" in made and 'class="ticket' not in made
