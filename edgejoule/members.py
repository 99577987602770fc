"""What stands for a module where a name is not that of a file: a family's member, a function."""

from typing import Any


class Member:
    """One of a family: what its MEMBERS say of it, and its family's `build` with it filled in.

    Positional parameters of `build` beyond classes and channels are the member's own; what it
    says of a keyword-only parameter is that setting's default.
    """

    def __init__(self, module: Any, name: str):
        self.module, self.facts = module, module.MEMBERS[name]
        self.__doc__ = module.__doc__

    def __getattr__(self, name: str) -> Any:
        if name in self.facts:
            return self.facts[name]
        return getattr(self.module, name)

    def build(self, classes: int = 0, channels: int = 0, **settings: Any) -> Any:
        """The network; without arguments for the shape that it was made for."""
        own = {key: value for key, value in self.facts.items() if not key.isupper()}
        own.update(settings)
        return self.module.build(classes or self.CLASSES, channels or self.INPUT_SHAPE[0], **own)


class Renamed:
    """A module in which one function goes by the name that its kind wants."""

    def __init__(self, module: Any, wanted: str, given: str):
        if not hasattr(module, given):
            raise ValueError("{} has no {}".format(module.__name__, given))
        self._module, self._names = module, {wanted: given}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, self._names.get(name, name))
