"""The initial weights that `train.initialisation` names, drawn or trained."""

from typing import TYPE_CHECKING, Any, Dict, Tuple

from torch import Tensor, nn

from edgejoule import plugins

if TYPE_CHECKING:
    from edgejoule.bench.training.loop import Trainer

PHASE = "pretrain"
OWN = "model"  # also of a record that was written before there was a choice


def drawn(model: nn.Module, train: Dict[str, Any]) -> nn.Module:
    """The model with weights drawn as the train section asks; its own if they are to be trained."""
    module, options = _chosen(train)
    return model if _trains(module) else module.initialise(model, **options)


def pretrain(trainer: "Trainer", train: Dict[str, Any]) -> None:
    """Trains the initial weights, in a phase of its own, if the train section asks for such."""
    module, options = _chosen(train)
    if not _trains(module):
        return
    with trainer.phase(PHASE):
        module.initialise(trainer, **options)
    trainer.replace(trainer.model)  # weights go on to the recipe, momentum does not


def work(train: Dict[str, Any], model: nn.Module, example: Tensor) -> Tuple[int, float]:
    """(passes over the training pictures, FLOPs of one picture in one) of `pretrain`; (0, 0)."""
    module, options = _chosen(train)
    return module.work(model, example, **options) if _trains(module) else (0, 0.0)


def _trains(module: Any) -> bool:
    return getattr(module, "TRAINS", False)  # "package.module:function" has nothing but that one


def _chosen(train: Dict[str, Any]) -> Tuple[Any, Dict[str, Any]]:
    """(module, its own settings) of the train section of a case."""
    name = train.get("initialisation", OWN)
    known = plugins.options("initialisations", name, "initialise")
    return plugins.load("initialisations", name), {key: train[key] for key in known}
