"""Number format, memory layout and compiler of a training: how its network is computed.

float32     32 bits everywhere. Torch lets convolutions of newer GPUs round their factors to TF32
            unless it is told otherwise; here it is told.
tf32        32 bits, factors of products rounded to 10 bits of mantissa (NVIDIA, 8.0 and newer).
float16     Mixed: layers that torch's autocast trusts with it compute in 16 bits, weights and
            their steps stay in 32. The loss is scaled up so that small gradients do not vanish
            (Micikevicius et al., 2018, arXiv:1710.03740).
bfloat16    Mixed as well; it has the range of float32, so that nothing is scaled.

The loss is computed in float32 always. Scores of a criterion are those of the network in float32:
what a method removes does not depend on the format that it is trained in, but for the weights.
"""

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Optional

import torch
from torch import Tensor, nn

MIXED = {"float16": torch.float16, "bfloat16": torch.bfloat16}
ON_GPUS = ("tf32", "float16")  # a CPU knows no TF32, and only new versions of torch its float16
SINCE = {"tf32": (8, 0), "bfloat16": (8, 0)}  # compute capability of the first GPU that has it
BACKEND = "inductor"  # of torch.compile; tests take one that needs no C++ compiler


class Arithmetic:
    """Computes a network's answers and takes its steps as the settings say.

    Settings are those of the section train: `precision`, `memory_format`, `compile`, `cudnn`.

    Raises:
        ValueError: this device or this torch cannot do what they ask.
    """

    def __init__(self, settings: Dict[str, Any], device: torch.device) -> None:
        check(settings, device)
        self.scaler: Any = None  # of the loss; None where it needs no scale
        if settings["precision"] == "float16":
            self.scaler = scaler(device.type)
        self._device = device
        self._mixed: Optional[torch.dtype] = MIXED.get(settings["precision"])
        self._last = settings["memory_format"] == "channels_last"
        self._compiles = settings["compile"]
        self._forward: Optional[Callable[..., Tensor]] = None  # compiled; None: as it stands
        if device.type == "cuda":
            _set_backends(settings)

    def prepare(self, model: nn.Module) -> None:
        """Lays the weights out, and forgets what was compiled for the network before.

        To be called before an optimiser is made: it may exchange what the parameters hold.
        """
        if self._last:
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stubs
        if self._compiles:
            # All networks of one class share a limit of compilations, beyond which torch computes
            # uncompiled without a word; a recipe that cuts in steps would reach it.
            torch.compiler.reset()
            self._forward = torch.compile(model.forward, backend=BACKEND)

    def logits(
        self, model: nn.Module, x: Tensor, answer: Optional[Callable[[Tensor], Tensor]] = None
    ) -> Tensor:
        """The model's answers [n, classes] to x [n, c, h, w], in float32.

        `answer(x)` may stand for the model's own call, where somebody looks on.
        """
        answer = answer or model
        if self._last and x.dim() == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        with _forward_of(model, self._forward):
            if self._mixed is None:
                return answer(x)
            with torch.autocast(self._device.type, dtype=self._mixed):
                answers = answer(x)
        return answers.float()

    def backward(self, loss: Tensor) -> None:
        """Gradients of the loss, scaled where the format needs it; `step` takes the scale off."""
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()

    def step(
        self, optimizer: torch.optim.Optimizer, before: Optional[Callable[[], None]] = None
    ) -> None:
        """One step of the optimiser; `before` sees and changes the gradients without any scale.

        With float16 a step is left out whose gradients are not finite, and the scale falls.
        """
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)
        if before is not None:
            before()
        if self.scaler is None:
            optimizer.step()
            return
        self.scaler.step(optimizer)
        self.scaler.update()

    def state(self) -> Dict[str, Tensor]:
        """What later steps depend on besides weights and optimiser: the scale of the loss."""
        known = {} if self.scaler is None else self.scaler.state_dict()
        return {
            name: torch.tensor(float(value), dtype=torch.float64) for name, value in known.items()
        }

    def restore(self, state: Dict[str, Tensor]) -> None:
        """Takes back what `state` gave in an earlier attempt."""
        if self.scaler is None:
            return
        known = self.scaler.state_dict()
        # counters are whole numbers, and a tensor of floats is what was kept
        known.update({name: type(known[name])(value.item()) for name, value in state.items()})
        self.scaler.load_state_dict(known)


def check(settings: Dict[str, Any], device: torch.device) -> None:
    """Nothing, if this device and this torch can do what the settings ask.

    Raises:
        ValueError: which setting they cannot follow, and what to do.
    """
    name = settings["precision"]
    if device.type != "cuda" and name in ON_GPUS:
        raise ValueError(
            "train.precision = {!r} needs a CUDA device, the training is on {!r}; "
            '"float32" and "bfloat16" work there'.format(name, device.type)
        )
    if device.type != "cuda" and settings["cudnn"] != "default":
        raise ValueError(
            "train.cudnn = {!r} needs a CUDA device, the training is on {!r}; leave it out "
            "there".format(settings["cudnn"], device.type)
        )
    if device.type == "cuda" and name in SINCE:
        _check_capability(name, torch.cuda.get_device_capability(device))
    if settings["compile"] and not hasattr(torch, "compile"):
        raise ValueError(
            "train.compile = true needs torch 2.0 or newer, here is {}; leave it out".format(
                torch.__version__
            )
        )


def _check_capability(name: str, found: Any) -> None:
    if tuple(found) < SINCE[name]:
        raise ValueError(
            "train.precision = {!r} needs a GPU of compute capability {}.{} or newer, this one has "
            '{}.{}; "float32" and "float16" work on it'.format(name, *(SINCE[name] + tuple(found)))
        )


def scaler(kind: str) -> Any:
    """A scaler of losses for one kind of device, such as "cuda"."""
    new = getattr(getattr(torch, "amp", None), "GradScaler", None)  # torch 2.3 and newer
    return torch.cuda.amp.GradScaler() if new is None else new(kind)


def _set_backends(settings: Dict[str, Any]) -> None:
    """Switches of the whole process; a case has a process of its own."""
    rounded = settings["precision"] == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = rounded
    torch.backends.cudnn.allow_tf32 = rounded
    torch.backends.cudnn.benchmark = settings["cudnn"] == "benchmark"
    torch.backends.cudnn.deterministic = settings["cudnn"] == "deterministic"


@contextmanager
def _forward_of(model: nn.Module, forward: Optional[Callable[..., Tensor]]) -> Iterator[None]:
    """Inside, calling the model calls `forward`; None: its own.

    The call and not the module is exchanged, so that names of tensors, tracing, copies and hooks
    on the network (which hold masks and count steps) are those of a network that is not compiled.
    """
    if forward is None:
        yield
        return
    model.forward = forward
    try:
        yield
    finally:
        del model.forward
