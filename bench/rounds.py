"""The rounds of an iterative run, kept in its bundle: every round's mask, accuracy, and weights.

    rounds.json   accuracy and kept weights of each round, the masked tensors' shapes, a digest
    rounds.npz    the arrays, readable by numpy.load alone

Round 0 is the network before the first mask, round k what was trained after the k-th. Of
rounds.npz, `KK/mask/NAME` holds the mask of round KK over tensor NAME as bits (numpy.packbits of
the flattened tensor, 1 = kept), and `KK/weights/NAME`, where a run was asked for them, every
parameter and buffer at the end of that round. Free of torch; numpy is needed for the arrays alone.

    kept = rounds.read("runs/masks/lenet-mnist-...")
    kept.accuracies                  # by round
    kept.masks("conv2.weight")       # bool [rounds + 1, 16, 6, 3, 3]
"""

import hashlib
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

from edgejoule.bench import bundle

LIST, ARRAYS = "rounds.json", "rounds.npz"
SCHEMA = 1
ANCIENT = (1980, 1, 1, 0, 0, 0)  # a clock's time in the archive would make equal rounds differ

Array = Any  # a numpy.ndarray: whoever lists rounds does without numpy


class Round(NamedTuple):
    """What is known of a round without its arrays."""

    number: int
    accuracy: float  # of the test set after the round's training, fraction
    weights: int  # that a mask may remove
    kept: int  # of them
    has_weights: bool  # rounds.npz has the network's parameters too


class Rounds:
    """The rounds of one bundle; arrays are read when they are asked for.

    Args:
        folder: the bundle.
        rounds: what rounds.json says of each, in order.
        shapes: {tensor name: shape} of the masked tensors.
        digest: SHA-256 of rounds.npz, as rounds.json has it.
    """

    def __init__(
        self,
        folder: Path,
        rounds: Tuple[Round, ...],
        shapes: Dict[str, Tuple[int, ...]],
        digest: str,
    ) -> None:
        self.folder, self.rounds, self.shapes, self._digest = folder, rounds, shapes, digest
        self._open: Optional[Any] = None

    @property
    def accuracies(self) -> List[float]:
        """Accuracy on the test set by round, from round 0."""
        return [each.accuracy for each in self.rounds]

    def masks(self, layer: str) -> Array:
        """The masks of one tensor by round, bool [rounds + 1, *shape]; True is kept."""
        import numpy

        return numpy.stack([self.mask(each.number)[layer] for each in self.rounds])

    def mask(self, number: int) -> Dict[str, Array]:
        """{tensor name: bool [shape]} of one round; True is kept.

        Raises:
            ValueError: there is no such round, or the file of arrays is not the one of this run.
        """
        import numpy

        arrays = self._arrays(number)
        found = {}
        for name, shape in self.shapes.items():
            bits = numpy.unpackbits(arrays[_key(number, "mask", name)])
            count = int(numpy.prod(shape, dtype=int))
            found[name] = bits[:count].reshape(shape).astype(bool)
        return found

    def weights(self, number: int) -> Dict[str, Array]:
        """{name: array} of all parameters and buffers at the end of one round.

        Raises:
            ValueError: the run did not keep them, there is no such round, or the file is damaged.
        """
        arrays = self._arrays(number)
        if not self.rounds[number].has_weights:
            raise ValueError(
                "bundle {} kept no weights of its rounds; run it with "
                "prune.keep_weights = true".format(self.folder)
            )
        prefix = _key(number, "weights", "")
        return {
            name[len(prefix) :]: arrays[name] for name in arrays.files if name.startswith(prefix)
        }

    def _arrays(self, number: int) -> Any:
        """The open archive, once it proved to be the one that rounds.json speaks of."""
        import numpy

        if not 0 <= number < len(self.rounds):
            raise ValueError(
                "bundle {} has no round {}; its rounds are 0 to {}".format(
                    self.folder, number, len(self.rounds) - 1
                )
            )
        if self._open is None:
            path = self.folder / ARRAYS
            if not path.is_file() or _sha256(path) != self._digest:
                raise ValueError(
                    "bundle {}: {} is missing or not the one its run wrote; copy the bundle "
                    "again, or run the case again".format(self.folder, ARRAYS)
                )
            self._open = numpy.load(str(path), allow_pickle=False)
        return self._open


class Writer:
    """Writes the rounds of one run as they end, so that they need no memory.

    Args:
        folder: where the attempt works; nothing is written before the first round.
    """

    def __init__(self, folder: Union[str, Path]) -> None:
        self._folder = Path(folder)
        self._rounds: List[Round] = []
        self._shapes: Dict[str, Tuple[int, ...]] = {}
        self._archive: Optional[zipfile.ZipFile] = None

    def add(self, mask: Mapping[str, Array], accuracy: float, weights: Mapping[str, Array]) -> None:
        """Writes the next round: {tensor name: bool array}, a fraction, {name: array} or {}."""
        import numpy

        if self._archive is None:
            self._archive = zipfile.ZipFile(str(self._part), "w", allowZip64=True)
            self._shapes = {name: tuple(flags.shape) for name, flags in mask.items()}
        number = len(self._rounds)
        for name, flags in mask.items():
            self._put(_key(number, "mask", name), numpy.packbits(flags.astype(bool).ravel()))
        for name, value in weights.items():
            # plus 0: a masked weight is 0 or -0 by the sign of what it was, and which of them may
            # change when a run is resumed, though no computation can tell them apart
            self._put(_key(number, "weights", name), value + value.dtype.type(0))
        self._rounds.append(
            Round(
                number,
                float(accuracy),
                sum(int(flags.size) for flags in mask.values()),
                sum(int(flags.sum()) for flags in mask.values()),
                bool(weights),
            )
        )

    def close(self) -> None:
        """Makes the files whole: the arrays first, then the list that vouches for them."""
        if self._archive is None:
            return
        self._archive.close()
        self._archive = None
        with open(str(self._part), "rb") as file:
            os.fsync(file.fileno())
        digest = _sha256(self._part)
        os.replace(str(self._part), str(self._folder / ARRAYS))
        document = {
            "schema": SCHEMA,
            "arrays": ARRAYS,
            "sha256": digest,
            "tensors": [{"name": name, "shape": list(s)} for name, s in self._shapes.items()],
            "rounds": [each._asdict() for each in self._rounds],
        }
        bundle.write_text(self._folder / LIST, json.dumps(document, indent=1) + "\n")

    @property
    def _part(self) -> Path:
        return self._folder / (ARRAYS + ".part")

    def _put(self, name: str, array: Array) -> None:
        import numpy

        whole = io.BytesIO()
        numpy.lib.format.write_array(whole, numpy.asarray(array), allow_pickle=False)
        assert self._archive is not None
        self._archive.writestr(zipfile.ZipInfo(name + ".npy", ANCIENT), whole.getvalue())


def read(folder: Union[str, Path]) -> Rounds:
    """The rounds of a bundle.

    Raises:
        ValueError: it kept none, or they cannot be read.
    """
    path = Path(folder) / LIST
    try:
        document = json.loads(path.read_text(encoding="utf8"))
        if document["schema"] > SCHEMA:
            raise ValueError(
                "schema {}, this version reads up to {}; update edgejoule".format(
                    document["schema"], SCHEMA
                )
            )
        rounds = tuple(_round(place, each) for place, each in enumerate(document["rounds"]))
        shapes = {
            str(each["name"]): tuple(int(size) for size in each["shape"])
            for each in document["tensors"]
        }
        return Rounds(Path(folder), rounds, shapes, str(document["sha256"]))
    except FileNotFoundError:
        raise ValueError(
            "bundle {} holds no rounds; iterative_masks and lottery keep them".format(folder)
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError("bundle {}: {}: {}".format(folder, LIST, error)) from None


def _round(place: int, found: Dict[str, Any]) -> Round:
    """One entry of the list, its values of the kinds that they should be."""
    if found["number"] != place:
        raise ValueError("round {!r} stands in place {}".format(found["number"], place))
    return Round(
        place,
        float(found["accuracy"]),
        int(found["weights"]),
        int(found["kept"]),
        bool(found["has_weights"]),
    )


def _key(number: int, kind: str, name: str) -> str:
    return "{:02d}/{}/{}".format(number, kind, name)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(str(path), "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
