"""What the layers of a group emit, channel by channel, while the network runs."""

from contextlib import contextmanager
from typing import Any, Dict, Iterable, Iterator, List, Sequence

from torch import Tensor, nn

from edgejoule.prune.groups import Group
from edgejoule.prune.scoring.gate_gradients import Site, site


def sites(
    model: nn.Module, groups: Sequence[Group], after_norm: bool = True
) -> Dict[str, List[Site]]:
    """Per group, the modules that emit its channels and the channels' positions there.

    That is the unit's batch norm if it has one, with `after_norm` False the layer before it. A
    group that no layer emits (an index that selects among a stream) is missing.
    """
    found = {
        group.name: [
            site(model, group, unit if after_norm else unit._replace(norm=None))
            for unit in group.units
        ]
        for group in groups
    }
    made = {name: [each for each in some if each is not None] for name, some in found.items()}
    return {name: some for name, some in made.items() if some}


def modules(found: Dict[str, List[Site]]) -> List[str]:
    """The modules of all sites, each once, in order."""
    return list(dict.fromkeys(module for some in found.values() for module, _ in some))


@contextmanager
def recorded(model: nn.Module, names: Iterable[str]) -> Iterator[Dict[str, List[Tensor]]]:
    """Inside, what each named module puts out is appended to its list; clear them between runs."""
    kept: Dict[str, List[Tensor]] = {name: [] for name in names}
    hooks = [
        model.get_submodule(name).register_forward_hook(_keeper(some))
        for name, some in kept.items()
    ]
    try:
        yield kept
    finally:
        for hook in hooks:
            hook.remove()


def by_channel(module: nn.Module, values: Tensor, positions: Tensor) -> Tensor:
    """A module's output as [n, channels, everything else of each]; `positions` [channels, each]."""
    # a linear layer's channels lie along the last axis, those of all others along axis 1
    values = values.transpose(1, -1) if isinstance(module, nn.Linear) else values
    chosen = values[:, positions.to(values.device)]
    return chosen.flatten(2)


def _keeper(kept: List[Tensor]) -> Any:
    def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
        # an activation behind the layer may write over its output in place
        kept.append(output.clone() if not output.requires_grad else output)

    return hook
