"""A case cut short, for `--quick`: two epochs, and all that counts in epochs fitted to them.

Free of torch. What a suite's methods do after epoch 8 or rewind to epoch 6 would otherwise refuse
a training of two.
"""

from typing import Any, Dict, Optional

from edgejoule import plugins
from edgejoule.bench.training.lengths import length

EPOCHS = 2
# at most so many of what counts epochs: a rewinding or a warm-up leaves one for what follows it
MOST = {
    "rewind_epoch": EPOCHS - 1,
    "warmup_epochs": EPOCHS - 1,
    "retrain_epochs": EPOCHS,
    "pretrain_epochs": EPOCHS,
    "tune_epochs": EPOCHS,
    "latest": EPOCHS,
}
BETWEEN = "between"  # ThiNet's counts epochs and is whole; that of other recipes is a share of them
STEPS = ("rewind_step", "warmup_steps")  # at most those of one epoch
# the fewest events that a share above one half needs come after the first epoch, all of them
DURING = {"timing": "algorithm", "first_event": None, "interval": 1, "steps": 0}


def shortened(sections: Dict[str, Dict]) -> Dict[str, Dict]:
    """The resolved sections of a case whose training has `EPOCHS` epochs, all settings fitted."""
    images = plugins.constant("datasets", sections["dataset"]["name"], "TRAIN_IMAGES")
    steps = length(sections["train"], int(str(images))).per_epoch
    return dict(
        sections,
        train=_fitted(sections["train"], steps),
        prune=_fitted(_events(sections["prune"]), steps),
    )


def _events(prune: Dict) -> Dict:
    # a recipe without `when` that has events always prunes during training
    during = "first_event" in prune and prune.get("when", "during") == "during"
    return dict(prune, **DURING) if during else prune


def _fitted(table: Dict, steps: int) -> Dict:
    most = dict(MOST, **dict.fromkeys(STEPS, steps))
    if isinstance(table.get(BETWEEN), int):
        most[BETWEEN] = EPOCHS
    return {key: _at_most(value, most.get(key)) for key, value in table.items()}


def _at_most(value: Any, most: Optional[int]) -> Any:
    """The value, or `most` in its own type where that is less; what is not set stays so."""
    return value if value is None or most is None else type(value)(min(value, most))
