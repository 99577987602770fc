"""Accuracies and scoring samples: whole pictures, and with the data what the weights reach."""

import hashlib
from typing import Any, Dict, List, Optional, Sequence

import torch

from edgejoule import plugins
from edgejoule.bench import environment
from edgejoule.bench.data import Data
from edgejoule.bench.training import loading
from edgejoule.bench.verify.evidence import Evidence
from edgejoule.bench.verify.network import Networks
from edgejoule.bench.verify.outcome import Outcome

ONE_PICTURE = 1.5  # pictures whose two best classes may tie in another order of summing
ELSEWHERE = 0.002  # share of them that another processor or version may see in another way
ROUNDED = 0.01  # and of those that a network computed in fewer bits: here it computes in float32


def shares(found: Evidence, outcome: Outcome) -> None:
    """Every accuracy is a whole number of pictures over all of them."""
    source = plugins.load("datasets", found.record.case["dataset"]["name"])
    for number, epoch in enumerate(found.record.epochs):
        what = "epochs[{}].".format(number)
        _share(what + "accuracy", epoch["accuracy"], source.TEST_IMAGES, outcome)
        seen = epoch.get("samples") or source.TRAIN_IMAGES
        _share(what + "train_accuracy", epoch["train_accuracy"], seen, outcome)
    _share("accuracy", found.record.accuracy, source.TEST_IMAGES, outcome)


def samples(found: Evidence, pictures: int, outcome: Outcome) -> None:
    """The digests of the scoring samples, which seed and batch size determine.

    `pictures` is the size of the training split; a sample may also be of the test split.
    """
    stored = found.record.environment.get("samples")
    if not stored:
        return
    if found.record.case["train"].get("validation"):
        outcome.skip("scoring samples", "images were held out, and which is not drawn again here")
        return
    # as `bench.training.loop.Trainer` draws them
    drawing = torch.Generator().manual_seed(found.record.case["train"]["seed"] + 2)
    told = (found.record.environment.get("packages") or {}).get("torch")
    source = plugins.load("datasets", found.record.case["dataset"]["name"])
    batch = found.record.case["train"]["batch_size"]
    for number, digest in enumerate(stored):
        known = _drawn(digest, (pictures, source.TEST_IMAGES), batch, drawing)
        if not known and told != str(torch.__version__):
            outcome.skip("scoring samples", "another torch drew them")
            return
        outcome.same("environment.samples[{}]".format(number), known, True, "a draw of that seed")


def check(found: Evidence, networks: Networks, root: Optional[str], outcome: Outcome) -> None:
    """The final accuracy again: the weights of the bundle on the test set."""
    data = _data(found.record.case["dataset"], root, outcome)
    if data is None or networks.final is None or found.weights is None:
        outcome.skip("accuracy", "it needs data, plan and weights")
        return
    told = _accuracy(networks, data, found.record.case["train"]["batch_size"])
    pictures = len(data.test)
    margin = ONE_PICTURE / pictures
    if found.record.case["train"].get("precision", "float32") != "float32":
        margin = max(margin, ROUNDED)
    if not _same_machine(found):
        margin = max(margin, ELSEWHERE)
    outcome.near("accuracy", found.record.accuracy, told, "the weights on the test set", margin)


def _share(what: str, stored: Any, pictures: int, outcome: Outcome) -> None:
    whole = round(stored * pictures) / pictures
    outcome.near(what, stored, whole, "whole pictures of {}".format(pictures))
    outcome.within(what, stored, 0, 1, "a share")


def _drawn(digest: str, sizes: Sequence[int], batch: int, drawing: torch.Generator) -> bool:
    """Whether the generator's next draw from a split of one of these sizes has the digest.

    Afterwards the generator is where that draw left it: each size takes another number of steps.
    """
    state = drawing.get_state()
    for size in sizes:
        drawing.set_state(state)
        if digest in _digests(torch.randperm(size, generator=drawing), batch):
            return True
    return False


def _digests(order: torch.Tensor, batch: int) -> List[str]:
    """Digests of the first so many batches of an order, for every number of batches."""
    counts = range(batch, len(order) + batch, batch)
    return [hashlib.sha256(order[:n].numpy().tobytes()).hexdigest()[:16] for n in counts]


def _data(table: Dict[str, Any], root: Optional[str], outcome: Outcome) -> Optional[Data]:
    options = {key: value for key, value in table.items() if key not in ("name", "root")}
    if "download" in options:
        options["download"] = False  # looking back fetches nothing
    try:
        return plugins.load("datasets", table["name"]).load(root or table["root"], **options)
    except Exception as error:  # a data set is anybody's code
        why = " ".join(str(error).split())[:300]
        outcome.skip("accuracy from the weights", "the data are not here: {}".format(why))
        return None


def _accuracy(networks: Networks, data: Data, batch: int) -> float:
    model = networks.final
    assert model is not None
    model.eval()
    with torch.no_grad():
        right = sum(
            int((model(x).argmax(1) == y).sum())
            for x, y in loading.batches(data.test, batch, "cpu")
        )
    return right / len(data.test)


def _same_machine(found: Evidence) -> bool:
    """True if the run computed as we do: the same torch and processor, and no GPU."""
    theirs = found.record.environment
    torch_ = theirs.get("torch") or {}
    return (
        (theirs.get("packages") or {}).get("torch") == str(torch.__version__)
        and theirs.get("processor") == environment.processor()
        and not torch_.get("gpu")
    )
