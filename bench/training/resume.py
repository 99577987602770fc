"""A trainer that goes on where an earlier attempt stopped, at the boundary of a phase.

The recipe runs again from its first line. In a phase of the journal nothing is trained: each call
of `train` leaves the network, the optimiser and the random numbers as it left them then, so what
the recipe does with them (scores, cuts, rewinds) comes out the same, bit by bit on a CPU. A GPU
need not repeat its sums: a phase that would begin with another network than it did is done again.
What a caller learned while it trained is in its `memory`: an object with `state()`, which
returns (tensors, plain JSON), and `restore(tensors, facts)`.
"""

from contextlib import contextmanager

import torch

from edgejoule.bench.training.journal import Call, Phase, fingerprint
from edgejoule.bench.training.loop import Trainer

MOMENTUM = "momentum_buffer"


class ResumingTrainer(Trainer):
    """A `Trainer` with a journal; `resumed` names the phases that it did not have to do again."""

    def __init__(self, journal, *args):
        self._journal, self._number = journal, 0
        self._past, self._calls, self.resumed = None, [], []
        super().__init__(*args)

    @contextmanager
    def phase(self, name):
        """Everything inside is charged to this phase, or was in an earlier attempt."""
        number, self._number = self._number, self._number + 1
        entry = fingerprint(self.model)
        past = self._journal.phase(number) if len(self.resumed) == number else None
        if past is None or past.entry != entry:
            with self._kept(number, name, entry):
                yield
            return
        self.progress.say("phase {}: taken from an earlier attempt".format(name))
        self._past = list(past.calls)
        yield
        self._past = None
        self.ledger.phases.append(past.record)
        self.resumed.append(name)

    @contextmanager
    def _kept(self, number, name, entry):
        self._calls = []
        with super().phase(name):
            yield
        calls = [_with_memory(call, memory) for call, memory in self._calls]
        self._journal.keep(number, Phase(entry, self.ledger.phases[-1], calls))

    def train(
        self, epochs, first=0, total=None, penalty=None, after_epoch=None, memory=None
    ) -> int:
        """As `Trainer.train`; in a phase of the journal, what it left then."""
        if self._past is not None:
            return self._again(self._past.pop(0), memory)
        entry = fingerprint(self.model)
        seen, warned = len(self.ledger.epochs), len(self.warnings)
        done = super().train(epochs, first, total, penalty, after_epoch)
        self._calls.append(
            (
                Call(
                    entry,
                    self._state(),
                    done,
                    self.ledger.epochs[seen:],
                    self.warnings[warned:],
                    None,
                ),
                memory,
            )
        )
        return done

    def _again(self, call, memory) -> int:
        if call.entry != fingerprint(self.model):
            self._journal.remove()
            raise RuntimeError(
                "this device does not repeat what it computed in an earlier "
                "attempt; the next attempt starts over"
            )
        own = {name: value for name, value in call.tensors.items() if name.startswith("model.")}
        self.model.load_state_dict({name[len("model.") :]: value for name, value in own.items()})
        if call.done:
            self.model.eval()  # as the last look at the test set left it
        self._set_momentum(call.tensors)
        self._set_chance(call.tensors)
        self.ledger.epochs += call.epochs
        self.warnings += call.warnings
        if memory is not None:
            memory.restore(_within(call.tensors, "memory."), call.memory)
        return call.done

    def _state(self):
        """Copies of everything that training goes on from."""
        found = {
            "model." + name: value.detach().clone()
            for name, value in self.model.state_dict().items()
        }
        for place, parameter in enumerate(self._parameters()):
            buffer = self.optimizer.state.get(parameter, {}).get(MOMENTUM)
            if buffer is not None:
                found["momentum.{}".format(place)] = buffer.detach().clone()
        found["chance.torch"] = torch.get_rng_state()
        found["chance.order"], found["chance.noise"] = (
            self._order.get_state(),
            self._noise.get_state(),
        )
        if self.device.type == "cuda":
            found["chance.cuda"] = torch.cuda.get_rng_state(self.device)
        return found

    def _set_momentum(self, tensors):
        for place, parameter in enumerate(self._parameters()):
            buffer = tensors.get("momentum.{}".format(place))
            if buffer is not None:
                self.optimizer.state[parameter][MOMENTUM] = buffer.to(parameter.device)

    def _set_chance(self, tensors):
        torch.set_rng_state(tensors["chance.torch"])
        self._order.set_state(tensors["chance.order"])
        self._noise.set_state(tensors["chance.noise"])
        if "chance.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["chance.cuda"], self.device)

    def _parameters(self):
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]


def _with_memory(call: Call, memory) -> Call:
    if memory is None:
        return call
    tensors, facts = memory.state()
    more = {"memory." + name: value for name, value in tensors.items()}
    return call._replace(tensors=dict(call.tensors, **more), memory=facts)


def _within(tensors, prefix):
    return {
        name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)
    }
