"""What the pages tell a reader to type does what they say, from a clone, on embedded data."""

import pytest
from rigs import doc_blocks

PAGES = [page for page in doc_blocks.pages() if doc_blocks.blocks(page)]
QUICK = [
    page
    for page in PAGES
    if any(doc_blocks.is_run(block, slow=False) for block in doc_blocks.blocks(page))
]
SLOW = [page for page in PAGES if any("slow" in block.notes for block in doc_blocks.blocks(page))]


def name(page):
    return str(page.relative_to(doc_blocks.ROOT))


def go_through(page, folder, slow):
    """Runs a page's blocks in order, as one reader would; all that failed are told."""
    doc_blocks.clone(folder)
    asked = [block for block in doc_blocks.blocks(page) if doc_blocks.is_run(block, slow)]
    wrong = [said for said in (doc_blocks.run(block, folder) for block in asked) if said]
    assert not wrong, "{}, ".format(name(page)) + "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_is_run_or_says_why_not(page):
    for block in doc_blocks.blocks(page):
        where = "{}:{}".format(name(page), block.line)
        assert block.language in doc_blocks.RUN | doc_blocks.SHOWN, where
        assert set(block.notes) <= doc_blocks.NOTES, where
        if "not run" in block.notes:
            assert len(block.notes["not run"].split()) > 2, where + " gives no reason"


@pytest.mark.parametrize("page", doc_blocks.pages(), ids=name)
def test_no_command_stands_outside_a_block(page):
    for number, line in enumerate(page.read_text(encoding="utf8").splitlines(), 1):
        words = line.split() if line.startswith("    ") else []
        assert not words or words[0] not in ("edgejoule", "python3", "make", "pip", "sudo"), number


@pytest.mark.parametrize("page", QUICK, ids=name)
def test_the_quick_blocks_run(page, tmp_path):
    go_through(page, tmp_path, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", SLOW, ids=name)
def test_all_blocks_run(page, tmp_path):
    go_through(page, tmp_path, slow=True)
