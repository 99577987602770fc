"""A suite of very many methods: the page draws the first of them and says so, files hold all."""

import re

import pytest
from rigs import bundles
from rigs.pages import outline

from edgejoule.reports import excerpt, files, gather, page
from edgejoule.reports.figures import pareto_plot
from edgejoule.reports.sections import raw_files

COUNT = 120


def methods(count):
    """Dense training and methods that search and cut, one per ratio."""
    return bundles.METHODS[:1] + tuple(
        (
            "early-bird slim {:.3f}".format(each / count),
            {"recipe": "early_bird", "criterion": "slim", "ratio": each / count},
        )
        for each in range(1, count)
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """120 methods with a seed each."""
    return gather.report(
        bundles.suite(tmp_path_factory.mktemp("many"), (0,), "module", methods(COUNT), epochs=2)
    )


@pytest.fixture(scope="module")
def made(report):
    """Its page."""
    return page.page(report)


def _section(made, anchor):
    return re.search('<h2 id="{}".*?</section>'.format(anchor), made, re.S).group()


@pytest.mark.parametrize("anchor", ["epoch-by-epoch", "early-bird-search", "what-was-kept"])
def test_the_first_methods_are_drawn_and_the_rest_is_told(made, anchor):
    """Dense among them where it has something to show."""
    section = _section(made, anchor)
    whole = COUNT if anchor == "epoch-by-epoch" else COUNT - 1
    assert "{} of {} methods are drawn".format(excerpt.METHODS, whole) in section
    drawn = section.count("<figure>") or len(re.findall('<th scope="col">', section)) - 1
    assert drawn == excerpt.METHODS


def test_few_methods_are_drawn_whole(tmp_path):
    """And nothing is said."""
    few = gather.report(bundles.suite(tmp_path, (0, 1), "module"))
    drawn, left_out = excerpt.methods(few)
    assert len(drawn) == len(bundles.METHODS) and left_out == ""


def test_many_seeds_are_told_too(tmp_path):
    """A figure of twelve lines can be read, one of two hundred not."""
    seeds = gather.report(bundles.suite(tmp_path, range(12), "module", bundles.METHODS[:2]))
    assert "10 of up to 12 seeds" in excerpt.methods(seeds)[1]
    assert outline(page.page(seeds)).text.count("10 of up to 12 seeds") >= 1


def test_every_block_has_its_share(tmp_path):
    """Two boards: neither pushes the other out of the page."""
    records = [
        bundles.record(
            label,
            prune,
            0,
            "module",
            1,
            case_id=name + label.replace(" ", "-"),
            device=bundles.device("module", name=name),
        )
        for name in ("TX2", "Orin")
        for label, prune in methods(40)
    ]
    drawn = excerpt.methods(gather.report(bundles.write(tmp_path, records)))[0]
    blocks = [method["block"] for method in drawn]
    assert [blocks.count(block) for block in dict.fromkeys(blocks)] == [12, 12]


def test_phases_are_whole_in_the_file_alone(report, made, tmp_path):
    """100 methods in the page."""
    assert "of the first 100 of 120 methods; table.md has all" in _section(
        made, "where-the-cost-goes"
    )
    written = files.write(report, tmp_path)["markdown"].read_text(encoding="utf8")
    phases = written[written.index("### Phases") :]
    assert phases.count("early-bird slim") == COUNT - 1 and "of the first" not in phases


def test_labels_name_dense_and_the_front(report, made):
    """The others show on hovering."""
    section = _section(made, "accuracy-against-cost")
    figure = re.search("<svg.*?</svg>", section, re.S).group()
    assert figure.count('class="name"') <= pareto_plot.MOST_NAMES
    assert ">dense</text>" in figure and figure.count('class="mark') == COUNT


def test_the_list_of_runs_ends_and_says_so(report, monkeypatch):
    """All are in runs.csv."""
    monkeypatch.setattr(raw_files, "MOST", 50)
    made = raw_files.render(report)
    assert made.count("<tr><th") == 50 + 1 and "The first 50 of 120 runs" in made
