"""Random shifts and mirrors of a batch: what comes in is black, and a seed fixes the draw."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgejoule.bench.training import augmentation

BLACK = torch.tensor([-2.0, -3.0, -4.0]).view(3, 1, 1)


def draw(seed):
    return torch.Generator().manual_seed(seed)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 5), st.integers(2, 9), st.integers(2, 9), st.integers(0, 6), st.integers(0, 999)
)
def test_a_shift_is_a_crop_of_the_padded_picture(n, h, w, pad, seed):
    x = torch.randn(n, 3, h, w)
    padded = BLACK.expand(n, 3, h + 2 * pad, w + 2 * pad).clone()
    padded[:, :, pad : pad + h, pad : pad + w] = x
    shifted = augmentation.shifted(x, draw(seed), pad, BLACK)
    for before, after in zip(padded, shifted):
        crops = [
            before[:, top : top + h, left : left + w]
            for top in range(2 * pad + 1)
            for left in range(2 * pad + 1)
        ]
        assert any(torch.equal(after, crop) for crop in crops)


@pytest.mark.parametrize("scale", [2, 7])
def test_a_shift_of_a_resized_picture_is_the_resized_shift(scale):
    """Pixels that are repeated `scale` times: shifted and enlarged, in either order."""
    x = torch.randn(20, 3, 8, 8)

    def enlarged(pictures):
        return pictures.repeat_interleave(scale, 2).repeat_interleave(scale, 3)

    first = enlarged(augmentation.shifted(x, draw(3), 2, BLACK))
    assert torch.equal(first, augmentation.shifted(enlarged(x), draw(3), 2, BLACK, scale))


def test_every_shift_is_drawn():
    x = torch.arange(25.0).view(1, 1, 5, 5).expand(400, 1, 5, 5)
    shifted = augmentation.shifted(x, draw(0), 1, torch.full((1, 1, 1), -1.0))
    assert len({tuple(picture.flatten().tolist()) for picture in shifted}) == 9


def test_a_mirror_swaps_a_share_left_to_right():
    x = torch.randn(2000, 1, 1, 3)
    mirrored = augmentation.mirrored(x, draw(0), 0.2)
    swapped = (mirrored == x.flip(3)).flatten(1).all(1)
    kept = (mirrored == x).flatten(1).all(1)
    assert bool((swapped ^ kept).all())
    assert float(swapped.float().mean()) == pytest.approx(0.2, abs=0.04)


@pytest.mark.parametrize("share", [0, 1])
def test_nobody_or_everybody_is_mirrored(share):
    x = torch.randn(5, 2, 3, 4)
    assert torch.equal(augmentation.mirrored(x, draw(0), share), x.flip(3) if share else x)


def test_a_seed_fixes_the_batch_and_the_input_is_left_alone():
    augment = augmentation.crops_and_flips(2, 0.5, (0.5,), (0.25,))
    x = torch.randn(20, 1, 6, 6)
    before = x.clone()
    first, second, other = augment(x, draw(1)), augment(x, draw(1)), augment(x, draw(2))
    assert torch.equal(first, second) and not torch.equal(first, other)
    assert torch.equal(x, before)


def test_what_comes_in_is_a_black_pixel_after_normalisation():
    augment = augmentation.crops_and_flips(3, 0, (0.5, 0.4), (0.25, 0.2))
    shifted = augment(torch.full((50, 2, 4, 4), 9.0), draw(0))
    assert set(shifted[:, 0].flatten().tolist()) == {9.0, -2.0}
    assert set(shifted[:, 1].flatten().tolist()) == {9.0, -2.0}


def test_no_padding_and_no_flips_change_nothing():
    x = torch.randn(3, 1, 4, 4)
    assert torch.equal(augmentation.crops_and_flips(0, 0, (0.5,), (0.5,))(x, draw(0)), x)
