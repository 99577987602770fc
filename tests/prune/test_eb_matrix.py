"""The epoch matrix: what a search records of all its epochs, and the heat map of it."""

import re

import numpy as np
import pytest
import torch
from rigs import bundles
from rigs.fake_trainer import FakeTrainer
from rigs.pages import HOSTILE, bare, outline

from edgejoule.prune.mask import Mask
from edgejoule.prune.recipes import early_bird
from edgejoule.prune.signcodes import codes, epoch_matrix, epoch_sampler, signs
from edgejoule.reports import gather, page
from edgejoule.reports.figures import heat_map
from edgejoule.reports.sections import eb_matrix


def packed(rows):
    return signs.pack(np.asarray(rows, np.float32))


def full(facts):
    """The square matrix of a record's lower triangle."""
    count = len(facts["epochs"])
    square = np.zeros((count, count))
    for i, row in enumerate(facts["below"]):
        square[i + 1, : i + 1] = square[: i + 1, i + 1] = row
    return square


def followed(states, **options):
    """A trail over states {layer: rows of 0 and 1}."""
    found = epoch_sampler.Trail(**options)
    for state in states:
        found.see({name: ([packed(rows)], np.size(rows)) for name, rows in state.items()})
    return found


def test_small_states_are_kept_whole_and_exact():
    dice = np.random.RandomState(0)
    states = [{"a": dice.rand(3, 70) > 0.5, "b": dice.rand(3, 20) > 0.5} for _ in range(4)]
    facts = followed(states).facts(3)
    assert facts["epochs"] == [1, 2, 3, 4] and facts["held"] == 3
    assert facts["sampled_bits"] is None
    for i in range(4):
        for j in range(4):
            shares = [np.mean(states[i][name] != states[j][name]) for name in "ab"]
            assert full(facts)[i, j] == pytest.approx(np.mean(shares), abs=6e-5)
    bits = full(followed(states, weights="bit_mean").facts(3))[0, 1]
    both = [np.hstack([state["a"], state["b"]]) for state in states]
    assert bits == pytest.approx(np.mean(both[0] != both[1]), abs=6e-5)


def test_large_states_are_estimated_within_the_error_of_the_sample():
    dice = np.random.RandomState(1)
    rows = dice.rand(200, 500) > 0.5
    other = rows ^ (dice.rand(200, 500) < 0.2)
    facts = followed([{"a": rows}, {"a": other}]).facts(3)
    assert facts["sampled_bits"] == 64 * epoch_sampler.WORDS
    assert full(facts)[1, 0] == pytest.approx(np.mean(rows != other), abs=0.03)


def test_words_come_from_the_right_block():
    blocks = [np.arange(6, dtype=np.uint64).reshape(2, 3), np.arange(6, 10, dtype=np.uint64)]
    assert epoch_sampler.taken(blocks, np.array([0, 5, 6, 9])).tolist() == [0, 5, 6, 9]


def test_a_long_search_is_thinned_and_keeps_its_ends(monkeypatch):
    monkeypatch.setattr(epoch_sampler, "MOST", 8)
    facts = followed([{"a": [[i % 2]]} for i in range(50)]).facts(3)
    assert len(facts["epochs"]) <= 8 and facts["epochs"][0] == 1 and facts["epochs"][-1] == 50
    assert facts["epochs"] == sorted(set(facts["epochs"]))
    assert [len(row) for row in facts["below"]] == list(range(1, len(facts["epochs"])))
    assert followed([{"a": [[1]]}]).facts(3) is None


def test_masks_are_exact():
    found = epoch_sampler.Trail(first=0, words=None)
    masks = [Mask({"b": torch.rand(300) > 0.5, "a": torch.rand(9000) > 0.5}) for _ in range(3)]
    for mask in masks:
        found.see_mask(mask)
    facts = found.facts(5)
    assert facts["epochs"] == [0, 1, 2] and facts["sampled_bits"] is None
    assert full(facts)[2, 0] == pytest.approx(masks[2].distance(masks[0]), abs=6e-5)


@pytest.mark.parametrize(
    "detector, first, held", [("spline", 1, 3), ("spline_code", 1, 4), ("mask", 0, 5)]
)
def test_a_search_records_its_matrix(detector, first, held):
    """Next to the diagonal stand the distances of the ticket, where it compares neighbours."""
    options = {} if detector == "mask" else {"probe_images": 8}
    outcome = early_bird.run(
        FakeTrainer(epochs=7), ratio=0.5, criterion="l2", detector=detector, epsilon=0.0, **options
    )
    facts, seen = outcome.facts["epoch_matrix"], outcome.ticket.distances
    assert facts["epochs"] == list(range(first, 8)) and facts["held"] == held
    assert len(facts["epochs"]) == len(seen)
    for i, row in enumerate(facts["below"]):
        assert all(0 <= value <= 1 for value in row)
        looked = row[-1:] if detector == "spline" else row[-(held - 1) :]
        assert max(looked) == pytest.approx(seen[i + 1], abs=6e-5)


def test_a_search_of_one_epoch_has_no_matrix():
    outcome = early_bird.run(FakeTrainer(epochs=3), ratio=0.5, criterion="l2", latest=1)
    assert outcome.facts is None


def test_the_matrix_is_that_of_whole_codes():
    """Codes of every epoch, kept whole, agree with the sample of them."""
    trainer, kept = FakeTrainer(epochs=4), []
    images = codes.probes(trainer, "train", 40)

    class Watching(epoch_sampler.Trail):
        def see(self, layers):
            kept.append(codes.codes(trainer.model, images))
            super().see(layers)

    found = Watching()
    original, early_bird.Trail = early_bird.Trail, lambda **options: found
    try:
        early_bird.run(trainer, ratio=0.5, criterion="l2", epsilon=0.0, probe_images=40)
    finally:
        early_bird.Trail = original
    shares = [
        epoch_matrix.matrix([each.words[name] for each in kept])
        / (kept[0].bits[name] * len(kept[0].words[name]))
        for name in kept[0].bits
    ]
    assert np.abs(full(found.facts(3)) - np.mean(shares, axis=0)).max() < 0.05


# The section


def facts(count, held=3, bits=8192):
    """States that drift apart evenly and settle."""
    place = [1 - 0.5**i for i in range(count)]
    return {
        "epoch_matrix": {
            "epochs": list(range(1, count + 1)),
            "held": held,
            "sampled_bits": bits,
            "below": [
                [round(abs(place[i] - place[j]), 4) for j in range(i)] for i in range(1, count)
            ],
        }
    }


def searched(label="early-bird spline 0.5", seed=0, **changes):
    return bundles.record(label, seed=seed, **dict({"facts": facts(5)}, **changes))


def section(tmp_path, *records):
    return str(eb_matrix.render(gather.report(bundles.write(tmp_path, list(records)))))


def test_the_heat_map_has_a_cell_per_pair_and_says_every_number(tmp_path):
    text = section(tmp_path, bundles.record(), searched(seed=0), searched(seed=1))
    assert text.count("<svg") == 1 and "seed 0" in text and "seed 1" not in text
    titles = re.findall(r"<title>(epochs [^<]*)</title>", text)
    assert len(titles) == 25 and "epochs 1 and 2: 0.5" in titles and "epochs 3 and 3: 0" in titles
    assert titles.count("epochs 2 and 1: 0.5") == 1
    assert "estimated from 8\u202f192 bits" in text
    assert re.findall(r'fill="(#\w+)"><title>epochs 2 and 2', text) == [heat_map.COLOURS[0]]
    assert re.findall(r'fill="(#\w+)"><title>epochs 1 and 5', text) == [heat_map.COLOURS[-1]]


def test_the_ring_stands_round_the_states_of_the_ticket(tmp_path):
    """The ticket of the record was drawn after 2 epochs and holds 3 states: those there are."""
    text = section(tmp_path, searched())
    assert "ticket, drawn after epoch 2" in text
    ring = re.search(r'<rect class="ring" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', text)
    assert [float(each) for each in ring.groups()] == [44.0, 30.0, 116.0]
    lost = dict(bundles.record("early-bird spline 0.5")["ticket"], epoch=None)
    assert 'class="ring"' not in section(tmp_path / "b", searched(ticket=lost))


def test_the_figure_is_bounded_however_long_the_search(tmp_path):
    text = section(tmp_path, searched(facts=facts(160)))
    assert text.count("<rect") <= heat_map.MOST**2 + 12 and len(text) < 200000
    assert "epochs 1–5 and 6–10" in text


def test_without_a_matrix_there_is_no_section(tmp_path):
    root = bundles.suite(tmp_path, facts=None)
    assert eb_matrix.render(gather.report(root)) == ""
    assert eb_matrix.TITLE not in page.page(gather.report(root))


@pytest.mark.parametrize(
    "change, words",
    [
        ({"below": [[0.1], [0.2]]}, "no triangle"),
        ({"below": 3}, "no triangle"),
        ({"epochs": [1, 2, 2, 4, 5]}, "ascend"),
        ({"epochs": "12345"}, "no list"),
        ({"epochs": list(range(9000))}, "no list"),
        ({"held": -1}, "no number"),
        ({"held": True}, "no number"),
        ({"held": 10**40}, "no number"),
        ({"below": None}, "no triangle"),
        ({"below": [[0.1], [0.2, float("nan")], [0.1] * 3, [0.1] * 4]}, "no number from 0 to 1"),
        ({"below": [[0.1], [0.2, 7], [0.1] * 3, [0.1] * 4]}, "no number from 0 to 1"),
        ({"below": [[0.1], [0.2, HOSTILE], [0.1] * 3, [0.1] * 4]}, "no number from 0 to 1"),
    ],
)
def test_a_corrupt_matrix_is_one_sentence(tmp_path, change, words):
    broken = {"epoch_matrix": dict(facts(5)["epoch_matrix"], **change)}
    text = page.page(
        gather.report(bundles.write(tmp_path, [bundles.record(), searched(facts=broken)]))
    )
    assert "cannot be drawn" in text and words in outline(text).text
    assert "<script" not in bare(text) and text.count("matrix-") == 0


@pytest.mark.parametrize("broken", [{"epoch_matrix": 3}, {"epoch_matrix": {}}, [], 7, None, {}])
def test_odd_facts_do_no_harm(tmp_path, broken):
    text = page.page(gather.report(bundles.write(tmp_path, [searched(facts=broken)])))
    assert ("lacks epochs" in text) == (broken in ({"epoch_matrix": 3}, {"epoch_matrix": {}}))


def test_the_page_stays_whole_with_it(tmp_path):
    text = page.page(gather.report(bundles.write(tmp_path, [bundles.record(), searched()])))
    parsed = outline(text)
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) and "epochs-against-epochs" in ids
    assert not any("style" in attributes for _, attributes in parsed.tags)
