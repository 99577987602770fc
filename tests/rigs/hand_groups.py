"""Channel groups written by hand, for tests of what consumes groups."""

from edgejoule.prune.groups import Group, Slice, Unit


def slices(tensor, axis, channels, first=0):
    return Slice(tensor, axis, tuple((first + each,) for each in range(channels)))


def group(model, producer, norm=None, consumers=()):
    """The group of one producer's output channels, its norm and the in-axes of its consumers."""
    module = model.get_submodule(producer)
    channels = module.weight.shape[0]
    names = [producer + ".weight"] + [producer + ".bias"] * (module.bias is not None)
    names += (
        []
        if norm is None
        else [norm + "." + each for each in ("weight", "bias", "running_mean", "running_var")]
    )
    found = [slices(name, 0, channels) for name in names]
    found += [slices(name + ".weight", 1, channels) for name in consumers]
    return Group(producer, channels, tuple(found), (Unit(producer, norm),))
