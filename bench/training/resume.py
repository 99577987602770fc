"""A trainer that goes on where an interrupted attempt stopped, at the boundary of a phase.

The same way it takes over phases that another case has trained (`bench.training.shared`).

Every attempt runs its recipe from the first line. For each phase that the journal holds, nothing is
trained: a call of `train` puts back what the same call left behind in the earlier attempt, that is
the weights, the momentum, the states of the random generators and the records of the epochs. What
the recipe does next with the network (score, cut, rewind) therefore gives what it gave then, and
the first phase that the journal lacks is trained as if nothing had been interrupted.

On a CPU this holds to the last bit. A GPU may add in another order the second time, so scores that
are computed anew may cut other channels than before. That is why the journal has the fingerprint
of the network before each phase and each call: a phase that would begin with another network than
it did is trained again, like all phases after it.

What a recipe learns while it trains (for example in which epoch it drew its ticket) is lost if the
training is not repeated. It hands such things over as `memory`: an object with `state()`, which
returns (tensors, plain JSON), and `restore(tensors, facts)`, which takes them back.
"""

from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Tuple

import torch
from torch import Tensor

from edgejoule.bench.training.journal import Call, Journal, Phase, fingerprint, within
from edgejoule.bench.training.loop import AfterEpoch, Penalty, Trainer
from edgejoule.bench.training.shared import Shelf
from edgejoule.bench.training.stepping import AfterStep
from edgejoule.prune.trainer import Resumable


class ResumingTrainer(Trainer):
    """A `Trainer` with a journal; `resumed` names the phases that it took over from there.

    With a `shelf` it also takes phases over from other cases, and leaves them its own; `shared`
    says which: suite, case_id and finished_utc of the case, number and name of the phase.
    `arguments` are those of `Trainer`.
    """

    def __init__(self, journal: Journal, *arguments: Any) -> None:
        self._journal = journal
        self._begun = 0  # phases that the recipe has asked for
        self._replayed: Optional[List[Call]] = None  # left in a phase that is taken over, else None
        self._calls: List[Tuple[Call, Optional[Resumable]]] = []  # made in a phase that is trained
        self._unbroken = True  # until a phase has to be trained
        self._last: Phase  # the last one that was trained
        self.resumed: List[str] = []
        self.shelf: Optional[Shelf] = None
        self.shared: List[Dict[str, Any]] = []
        super().__init__(*arguments)

    @contextmanager
    def phase(self, name: str, work: Optional[Dict[str, Any]] = None) -> Iterator[None]:
        """Context manager: everything inside belongs to this phase, trained now or taken over."""
        number, self._begun = self._begun, self._begun + 1
        own = self._journal.phase(number)
        # Only an unbroken row from the first phase on: after one that had to be trained again,
        # later ones began with another network.
        if self._unbroken and own is not None and own.entry == fingerprint(self.model):
            self.resumed.append(name)
            with self._taken(own, "phase {}: taken from an earlier attempt".format(name)):
                yield
        elif work is not None and self.shelf is not None:
            with self._shared(self.shelf, number, name, work):
                yield
        else:
            with self._trained(name):
                yield
            self._journal.keep(number, self._last)

    @contextmanager
    def _shared(self, shelf: Shelf, number: int, name: str, work: Dict[str, Any]) -> Iterator[None]:
        """A phase that other cases may have too: trained by the first that comes to it."""
        words = "phase {}: waiting for another case that trains the same".format(name)
        # the number too: the records of its epochs are counted through all phases
        work = dict(work, phase=name, number=number, before=len(self.ledger.epochs))
        with shelf.held(work, self._state(), lambda: self.progress.say(words)) as loan:
            past = loan.phase()
            if past is None:
                with self._trained(name):
                    yield
                loan.keep(self._last)
                return
            if loan.own:
                self.resumed.append(name)
            else:
                self.shared.append(dict(loan.source(), phase=number, name=name))
            said = "phase {}: trained and measured before, by {case_id}"
            with self._taken(past, said.format(name, **loan.source())):
                yield

    @contextmanager
    def _taken(self, past: Phase, sentence: str) -> Iterator[None]:
        """A phase of which nothing is trained: its record and what each call left behind."""
        self.progress.say(sentence)
        self._replayed = list(past.calls)
        yield
        self._replayed = None
        self.ledger.phases.append(past.record)

    @contextmanager
    def _trained(self, name: str) -> Iterator[None]:
        """A phase that is trained and measured; afterwards `_last` is what to keep of it."""
        self._unbroken, self._calls, entry = False, [], fingerprint(self.model)
        with super().phase(name):
            yield
        # Memories are read now and not after `train`: a recipe may learn until its phase ends.
        calls = [_with_memory(call, memory) for call, memory in self._calls]
        self._last = Phase(entry, self.ledger.phases[-1], calls)

    def train(
        self,
        epochs: int,
        first: int = 0,
        total: Optional[int] = None,
        penalty: Optional[Penalty] = None,
        after_epoch: Optional[AfterEpoch] = None,
        memory: Optional[Resumable] = None,
        after_step: Optional[AfterStep] = None,
    ) -> int:
        """As `Trainer.train`; in a phase that is taken over, what this call left behind then."""
        if self._replayed is not None:
            return self._replay(self._replayed.pop(0), memory)
        entry = fingerprint(self.model)
        seen, warned = len(self.ledger.epochs), len(self.warnings)
        done = super().train(epochs, first, total, penalty, after_epoch, after_step=after_step)
        call = Call(
            entry, self._state(), done, self.ledger.epochs[seen:], self.warnings[warned:], None
        )
        self._calls.append((call, memory))
        return done

    def _replay(self, call: Call, memory: Optional[Resumable]) -> int:
        """Puts back what a call of `train` left behind; the epochs that it trained.

        Raises:
            RuntimeError: within this phase the recipe arrived at another network than then.
        """
        if call.entry != fingerprint(self.model):
            # Half of the phase is replayed already, and no record could tell how it was measured.
            self._journal.remove()
            raise RuntimeError(
                "this device does not repeat what it computed in an earlier "
                "attempt; the next attempt starts over"
            )
        self.model.load_state_dict(within(call.tensors, "model."))
        if call.done:
            self.model.eval()  # as the last evaluation left it
        self._set_optimizer(call.tensors)
        self.arithmetic.restore(within(call.tensors, "scale."))
        if self.stepper.averages is not None and call.done:
            self.stepper.averages.put_back(within(call.tensors, "own."))
        self._set_generators(within(call.tensors, "chance."))
        self.ledger.epochs += call.epochs
        self.warnings += call.warnings
        if memory is not None:
            memory.restore(within(call.tensors, "memory."), call.memory or {})
        return call.done

    def _state(self) -> Dict[str, Tensor]:
        """Copies of all that later training depends on: network, momentum, scale, chance."""
        found = {
            "model." + name: value.detach().clone()
            for name, value in self.model.state_dict().items()
        }
        # a parameter that never had a gradient has no state
        for place, state in self.stepper.optimizer.state_dict()["state"].items():
            for name, value in state.items():
                found.update(_kept("{}.{}".format(place, name), value))
        averages = self.stepper.averages
        if averages is not None and averages.own is not None:
            found.update({"own." + name: each for name, each in averages.own.items()})
        found.update({"scale." + name: each for name, each in self.arithmetic.state().items()})
        found["chance.torch"] = torch.get_rng_state()  # dropout draws from it
        found["chance.order"] = self._shuffling.get_state()
        found["chance.noise"] = self._augmenting.get_state()
        found["chance.sampling"] = self._sampling.get_state()
        found["chance.drawing"] = self._drawing.get_state()
        if self.device.type == "cuda":
            found["chance.cuda"] = torch.cuda.get_rng_state(self.device)
        return found

    def _set_optimizer(self, tensors: Dict[str, Tensor]) -> None:
        """Puts back what the optimiser knew of every parameter: tensors, and numbers as such."""
        state: Dict[int, Dict[str, Any]] = {}
        for kind, read in (("tensor.", Tensor.clone), ("number.", Tensor.item)):
            for name, value in within(tensors, kind).items():
                place, _, key = name.partition(".")
                state.setdefault(int(place), {})[key] = read(value)
        # torch's own way knows which tensors stay on the processor, such as a count of steps
        groups = self.stepper.optimizer.state_dict()["param_groups"]
        self.stepper.optimizer.load_state_dict({"state": state, "param_groups": groups})

    def _set_generators(self, states: Dict[str, Tensor]) -> None:
        torch.set_rng_state(states["torch"])
        self._shuffling.set_state(states["order"])
        self._augmenting.set_state(states["noise"])
        self._sampling.set_state(states["sampling"])
        self._drawing.set_state(states["drawing"])
        if "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"], self.device)


def _kept(name: str, value: Any) -> Dict[str, Tensor]:
    """One entry of an optimiser's state, to be found again under a name that tells its kind.

    Raises:
        ValueError: it is neither a tensor nor a number.
    """
    if value is None:
        return {}
    if isinstance(value, Tensor):
        return {"tensor." + name: value.detach().clone()}
    if isinstance(value, (int, float)):  # steps are counted by a number before torch 1.12
        kind = torch.float64 if isinstance(value, float) else torch.int64
        return {"number." + name: torch.tensor(value, dtype=kind)}
    raise ValueError(
        "the optimiser keeps {!r:.60} as {}; an optimiser that goes on after an interruption "
        "keeps tensors and numbers".format(value, name)
    )


def _with_memory(call: Call, memory: Optional[Resumable]) -> Call:
    if memory is None:
        return call
    tensors, facts = memory.state()
    more = {"memory." + name: value for name, value in tensors.items()}
    return call._replace(tensors=dict(call.tensors, **more), memory=facts)
