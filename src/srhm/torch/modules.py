"""The layers of a PyTorch module, for every measurement of this library."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from ..errors import ArgumentError, check_choice, name_fix
from .form import DEFAULT_LAYOUT, LAYOUTS, Layout


class ModuleLayers:
    """A map from dense inputs to the layers of a module, for :func:`srhm.measure.sensitivity.sensitivities` and others.

    Forward hooks copy the activations to main memory at once, so that later in-place operations do not change them.
    The module runs in evaluation mode, without gradients, on the device and with the dtype of its parameters;
    afterwards every submodule is in its previous mode, and all hooks are removed.

    Parameters
    ----------
    module
        The module; its first argument is a batch of inputs.
    names
        The submodules whose outputs are the layers, by their names in ``module.named_modules()``, such as ``"conv1"``
        or ``"layers.0"``. Default: all that have no submodules and are called. The output of the module itself is the
        last, ``"output"``; a submodule of that name is ``"output:1"``. If a submodule returns several tensors, the
        first is the layer; the second call of a submodule is a layer of its own, ``"relu:2"``.
    layout
        The layout of the module's inputs: ``"channels_first"`` [sample, channel, position], in the plane [sample,
        channel, row, column], as data sets have by default, or ``"positions_first"``. Inputs without channels, those of
        the encoding ``"integer"``, are passed as int64 [sample, position], or [sample, row, column].

    Raises
    ------
    ArgumentError
        If this is not a module, a name is not that of a submodule, or the layout is unknown; in a call, if the module
        does not accept the inputs.

    Examples
    --------
    >>> net = torch.nn.Sequential(torch.nn.Conv1d(4, 3, 4, 4), torch.nn.ReLU(), torch.nn.Flatten())
    >>> layers = ModuleLayers(net, ["1"])
    >>> {name: values.shape for name, values in layers(np.zeros((5, 16, 4), np.float32)).items()}
    {'1': (5, 3, 4), 'output': (5, 12)}
    """

    def __init__(
        self, module: torch.nn.Module, names: Sequence[str] | None = None, layout: Layout = DEFAULT_LAYOUT
    ) -> None:
        if not isinstance(module, torch.nn.Module):
            raise ArgumentError("module", module, "is not a PyTorch module", "Give a torch.nn.Module")
        check_choice("layout", layout, LAYOUTS, "is not a layout")
        self.module, self.layout = module, layout
        known = dict(module.named_modules())
        del known[""]
        self._all_called = names is not None
        if names is None:
            names = [name for name, part in known.items() if not any(part.children())]
        for name in names:
            if name not in known:
                fix = name_fix(name, known) if known else "Use names=[]"
                raise ArgumentError("names", name, "is not a submodule", fix)
        self.parts = {name: known[name] for name in names}

    def __call__(self, x: Any) -> dict[str, np.ndarray]:
        """Return the layers for a batch of inputs, in the order in which they are computed."""
        kept: dict[str, np.ndarray] = {}
        calls: dict[str, int] = {}

        def keep(name: str) -> Callable[..., None]:
            def hook(part: Any, arguments: Any, output: Any) -> None:
                calls[name] = calls.get(name, 0) + 1
                first = calls[name] == 1 and name != "output"  # which is the name of what the module returns
                kept[name if first else f"{name}:{calls[name]}"] = _array(name, output)

            return hook

        with _hooks(self.parts, keep):
            output = self._compute(x)
        for name in self.parts:
            if name not in calls and self._all_called:
                problem = "was not called by the forward pass"
                raise ArgumentError(
                    "names", name, problem, "Leave it out, or name a submodule that is called"
                )
        return kept | {"output": output}

    def output(self, x: Any) -> np.ndarray:
        """Return only the output of the module."""
        return self._compute(x)

    def _compute(self, x: Any) -> np.ndarray:
        inputs = torch.from_numpy(np.ascontiguousarray(x))
        dense = inputs.ndim == 4 or (inputs.ndim == 3 and inputs.is_floating_point())  # else symbols
        if dense and self.layout == "channels_first":
            inputs = inputs.movedim(-1, 1)
        device, dtype = device_and_type(self.module)
        inputs = inputs.to(device, dtype if dense else torch.int64)
        fix = "If it is not a module of tokens, use an encoding with channels, such as 'whitened'"
        if inputs.is_floating_point():
            fix = "Use encoding='integer' for a module of tokens; see layout for the order of axes"
        with evaluation_mode(self.module), torch.no_grad():
            return _array("output", outputs_of(self.module, inputs, "inputs", fix))


def outputs_of(module: Any, inputs: torch.Tensor, name: str, fix: str) -> Any:
    """Return what a module makes of inputs, of some name; if it does not accept them, that is an ArgumentError."""
    try:
        return module(inputs)
    except (ArgumentError, torch.cuda.OutOfMemoryError):
        raise
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        problem = f"does not accept {name} {tuple(inputs.shape)} of {inputs.dtype} ({first})"
        raise ArgumentError("module", type(module).__name__, problem, fix) from error


def device_and_type(module: torch.nn.Module) -> tuple[torch.device, torch.dtype]:
    """Return the device of a module, and its floating dtype."""
    arrays = [*module.parameters(), *module.buffers()]
    device = arrays[0].device if arrays else torch.device("cpu")
    return device, next((one.dtype for one in arrays if one.is_floating_point()), torch.get_default_dtype())


@contextmanager
def evaluation_mode(module: torch.nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode, and afterwards every submodule back into its previous mode."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


@contextmanager
def _hooks(parts: dict[str, torch.nn.Module], keep: Callable[[str], Any]) -> Iterator[None]:
    handles = []
    try:
        for name, part in parts.items():
            handles.append(part.register_forward_hook(keep(name)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _array(name: str, output: Any) -> np.ndarray:
    """Return a copy of the first tensor of an output, in main memory."""
    while isinstance(output, tuple | list) and output:
        output = output[0]
    if not isinstance(output, torch.Tensor):
        problem = f"returns a {type(output).__name__}"
        raise ArgumentError(
            "names", name, problem, "Name submodules that return a tensor, or a tuple of tensors"
        )
    dtype = torch.float32 if output.dtype == torch.bfloat16 else output.dtype  # which NumPy does not have
    return output.detach().to("cpu", dtype, copy=True).numpy()
