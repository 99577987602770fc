"""Dynamic sparse training: a mask whose connections are exchanged while its weights are trained.

A method says what happens between the gradients and the step, after the step or after an epoch;
everything else is common: absent weights are zero whatever the optimiser does, all that it keeps of
a connection is forgotten when that goes and when it comes, and the mask, chance and what the method
has noted are kept with the training, so that it goes on bit by bit after an interruption.
"""

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Tuple

import torch
from torch import Tensor, nn

from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import weight_mask
from edgejoule.prune.weightmasks.sparse_work import Tally
from edgejoule.prune.weightmasks.weight_mask import WeightMask

Rule = Callable[["Rewiring"], None]


class Rewiring:
    """A mask in training, the steps begun and the `changes`: exchanges of connections so far.

    Args:
        trainer: trains the network.
        mask: the connections to begin with.
        chance: the CPU generator of whatever is drawn.
        before: called in every step when the gradients are there, dense ones.
        after: called in every step when the weights have moved.
        after_epoch: called when an epoch was trained and evaluated.

    `notes` are what the method has to remember, as plain JSON.
    """

    def __init__(
        self,
        trainer: Trainer,
        mask: WeightMask,
        chance: torch.Generator,
        before: Optional[Rule] = None,
        after: Optional[Rule] = None,
        after_epoch: Optional[Rule] = None,
    ) -> None:
        self.trainer, self.mask, self.chance = trainer, WeightMask(mask), chance
        self._before, self._after, self._after_epoch = before, after, after_epoch
        self.steps = self.changes = 0
        self.notes: Dict[str, Any] = {}
        self._needs_all = self._stays = False  # of the present step
        self._kept = {name: int(flags.sum()) for name, flags in mask.items()}
        self.tally = Tally(dict.fromkeys(mask, 0), dict.fromkeys(mask, 0), 0)

    def weight(self, name: str) -> Tensor:
        """A masked weight tensor of the network, without its history."""
        return self.trainer.model.get_parameter(name).detach()

    def gradient(self, name: str) -> Optional[Tensor]:
        """The dense gradient of a weight tensor in this step, None if it has none."""
        return self.trainer.model.get_parameter(name).grad

    def needs_dense_gradients(self) -> None:
        """Counts this step as one in which absent weights' gradients are asked for."""
        self._needs_all = True

    def replace_step(self) -> None:
        """Lets no weight move in this step: what happens now stands in its place."""
        self._stays = True

    def change(self, masks: Mapping[str, Tensor]) -> None:
        """Exchanges connections: those that come or go are zero and new to the optimiser."""
        moved = {name: self.mask[name] != flags for name, flags in masks.items()}
        moved = {name: flags for name, flags in moved.items() if bool(flags.any())}
        # one that asked for all gradients was an exchange even if it found nothing better
        self.changes += bool(moved) or self._needs_all
        for name, flags in moved.items():
            self.mask[name], self._kept[name] = masks[name], int(masks[name].sum())
            self._clear(self.trainer.model.get_parameter(name), flags)

    def step_begun(self, model: nn.Module) -> None:
        """What the trainer calls between backward pass and step."""
        self.steps += 1
        self._needs_all = self._stays = False
        kept = dict(self._kept)
        if self._before is not None:
            self._before(self)
        sizes = {name: flags.numel() for name, flags in self.mask.items()}
        self.tally.add(kept, sizes if self._needs_all else kept)
        if self._stays:
            for parameter in model.parameters():
                parameter.grad = None
        else:
            self._mask_gradients(model)

    def step_ended(self, model: nn.Module) -> None:
        """What the trainer calls after the step."""
        if self._after is not None:
            self._after(self)

    def epoch_ended(self, epoch: int) -> None:
        """What the trainer calls after each epoch."""
        if self._after_epoch is not None:
            self._after_epoch(self)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside, absent weights of the network are zero in every forward pass, and afterwards."""
        model = self.trainer.model

        def apply(*_: Any) -> None:
            weight_mask.apply(model, self.mask)  # running means may have filled them

        apply()
        hook = model.register_forward_pre_hook(apply)
        try:
            yield
        finally:
            hook.remove()
            apply()

    def state(self) -> Tuple[Dict[str, Tensor], Dict[str, Any]]:
        """(tensors, plain facts) to keep; see `prune.trainer.Resumable`."""
        tensors = {"mask." + name: flags.clone() for name, flags in self.mask.items()}
        return dict(tensors, chance=self.chance.get_state()), {
            "steps": self.steps,
            "changes": self.changes,
            "notes": self.notes,
            "tally": self.tally.facts(),
        }

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Takes back what `state` gave in an earlier attempt."""
        for name, flags in self.mask.items():
            self.mask[name] = tensors["mask." + name].to(flags.device)
            self._kept[name] = int(self.mask[name].sum())
        self.chance.set_state(tensors["chance"])
        self.steps, self.changes = facts["steps"], facts["changes"]
        self.notes, self.tally = facts["notes"], Tally(**facts["tally"])

    def _mask_gradients(self, model: nn.Module) -> None:
        """So that no momentum gathers for what is absent."""
        for name, flags in self.mask.items():
            gradient = model.get_parameter(name).grad
            if gradient is not None:
                gradient.mul_(flags)

    def _clear(self, parameter: nn.Parameter, moved: Tensor) -> None:
        """Zero, for the flagged weights and for all that the optimiser keeps of each of them."""
        with torch.no_grad():
            parameter.masked_fill_(moved, 0)
            for value in self.trainer.optimizer.state.get(parameter, {}).values():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    value.masked_fill_(moved, 0)
