"""NVML's functions behind one door: `asked` must be answered, `told` may be "not told".

A driver that is older than the binding lacks functions, a GPU may not serve those there are, and
the binding says so in three ways: its own NVMLError, an error for functions whose newest version
is missing which is no NVMLError, and a plain AttributeError where the binding is the older one.
"""

from contextlib import suppress
from types import ModuleType
from typing import Any, Optional

from edgejoule.devices.vendors import container

WAY_IN = "--gpus all (NVIDIA's container toolkit), or --runtime nvidia on a Jetson"


class Library:
    """The module pynvml, initialised; every call of NVML goes through here."""

    def __init__(self, pynvml: ModuleType):
        self._nvml: Any = pynvml
        mismatch = getattr(pynvml, "NVMLLibraryMismatchError", AttributeError)
        self._errors = (self._nvml.NVMLError, mismatch, AttributeError)

    def asked(self, name: str, *arguments: Any) -> Any:
        """The answer; once more after `nvmlInit` if a library here has shut NVML down.

        Raises:
            RuntimeError: NVML refuses; the message says how.
        """
        try:
            return self._call(name, arguments)
        except self._errors as error:
            if getattr(error, "value", None) != self._nvml.NVML_ERROR_UNINITIALIZED:
                raise RuntimeError(self._sentence(name, error)) from None
        try:
            self._nvml.nvmlInit()
            return self._call(name, arguments)
        except self._errors as error:
            raise RuntimeError(self._sentence(name, error)) from None

    def told(self, name: str, *arguments: Any) -> Any:
        """The answer; None if NVML does not tell: whoever lacks one fact may know the next."""
        try:
            return self.asked(name, *arguments)
        except RuntimeError:
            return None

    def refusal(self, code: int) -> Optional[str]:
        """What a return code of NVML's means; None for success."""
        if code == self._nvml.NVML_SUCCESS:
            return None
        return "nvml: {}".format(self._nvml.NVMLError(code))

    def close(self) -> None:
        """Let NVML go; it counts who holds it."""
        with suppress(*self._errors):  # somebody in this process shut it down already
            self._nvml.nvmlShutdown()

    def _call(self, name: str, arguments: Any) -> Any:
        answer = getattr(self._nvml, name)(*arguments)
        return answer.decode() if isinstance(answer, bytes) else answer  # of older bindings

    def _sentence(self, name: str, error: Exception) -> str:
        missing = self._nvml.NVML_ERROR_FUNCTION_NOT_FOUND
        if isinstance(error, self._nvml.NVMLError) and getattr(error, "value", None) != missing:
            return "nvml: {}".format(error)
        return "nvml: driver and pynvml do not both know {}; the older needs an update".format(name)


def load() -> Library:
    """NVML, initialised; `close()` gives it back.

    Raises:
        RuntimeError: there is no binding, no library or no driver.
    """
    try:
        import pynvml
    except ImportError:
        raise RuntimeError(
            "nvml: no module pynvml; get it with: pip install nvidia-ml-py"
        ) from None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise RuntimeError("nvml: {}{}".format(error, container.hint(WAY_IN))) from None
    return Library(pynvml)
