"""The sign codes as torch operators, so that torch.compile keeps them in its graph.

`register()` makes `torch.ops.edgejoule.pack`, `.hamming` and `.cdist` on torch 2.4 and newer. They
take tensors of any device; codes are int64 tensors [rows, words] with the bits of the uint64 ones.
They have no gradients: a sign has none.
"""

from typing import Any, Union

import numpy as np
import torch

from edgejoule.prune.signcodes import signs


def register() -> Any:
    """The namespace `torch.ops.edgejoule` with our operators in it.

    Raises:
        RuntimeError: this torch cannot take operators written in Python.
    """
    if not possible():
        raise RuntimeError(
            "signs: operators need torch.library.custom_op of torch 2.4; this is "
            "torch {}; call edgejoule.prune.signcodes.signs instead".format(torch.__version__)
        )
    if not hasattr(torch.ops.edgejoule, "pack"):  # torch refuses to register a name twice
        for function, shape in ((pack, packed), (hamming, paired), (cdist, crossed)):
            name = "edgejoule::" + function.__name__
            torch.library.custom_op(name, function, mutates_args=()).register_fake(shape)
    return torch.ops.edgejoule


def possible() -> bool:
    """Whether this torch can take operators written in Python."""
    return hasattr(getattr(torch, "library", None), "custom_op")


def pack(x: torch.Tensor) -> torch.Tensor:
    """Sign codes int64 [rows, words] of a tensor [rows, bits]."""
    return tensor(signs.pack(x))


def hamming(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Distances int64 [rows] of the rows of two sets of codes."""
    return tensor(signs.hamming(words(a), words(b)))


def cdist(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Distances int64 [rows_a, rows_b] of all rows to all rows."""
    return tensor(signs.cdist(words(a), words(b), dtype=np.int64))


def packed(x: torch.Tensor) -> torch.Tensor:
    """What `pack` returns, without its values."""
    return x.new_empty((x.shape[0], (x.shape[1] + 63) // 64), dtype=torch.int64)


def paired(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """What `hamming` returns, without its values."""
    return a.new_empty(a.shape[:1])


def crossed(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """What `cdist` returns, without its values."""
    return a.new_empty((a.shape[0], b.shape[0]))


def words(codes: torch.Tensor) -> Union[np.ndarray, torch.Tensor]:
    """Codes as `prune.signcodes.signs` takes them: a CPU tensor as an array of uint64."""
    # torch has no uint64 before 2.3, so codes travel as int64 with the same bits
    return codes if codes.is_cuda else codes.contiguous().numpy().view(np.uint64)


def tensor(result: Union[np.ndarray, torch.Tensor]) -> torch.Tensor:
    """A result of `prune.signcodes.signs` as a tensor, uint64 as int64 with the same bits."""
    return result if isinstance(result, torch.Tensor) else torch.from_numpy(result.view(np.int64))
