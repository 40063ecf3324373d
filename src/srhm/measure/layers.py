"""A network as measurements use it: a map from dense inputs to its layers, whatever library it was built with.

A measurement takes one of our networks, a PyTorch module, a scikit-learn estimator, or any function of arrays,
for example a JAX function. :func:`layers_of` turns each into the same kind of map.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Integer, Shaped

from ..errors import ArgumentError, check_integer
from ..model.dataset import Dataset
from ..model.params import Params
from ..nets import Network
from ..nets.design import design_of, entering
from ..nets.network import check_scores
from ..nets.stateful import StatefulNetwork

Layers = Callable[[Any], Any]
"""A map from dense inputs [sample, position, channel] ([sample, position] for integers; in the plane pictures, [sample,
row, column, channel] and [sample, row, column]) to its activations: an array [sample, ...], or a list or a mapping of
such arrays, layer by layer from the input to the output, which has one score for each class [sample, class_]. In a
mapping the output is the layer called ``"output"``, at any position (what ``jax.jit`` returns is sorted by name); a
mapping without it holds only hidden layers, of any shape."""

LayerTable = dict[str, dict[str, float]]
"""What was measured in each layer, by the name of the layer and that of the quantity."""


def layers_of(network: Any) -> Layers:
    """Return a network as a map from inputs to layers.

    Parameters
    ----------
    network
        - One of our networks, or another Equinox module with a method ``activations`` that returns its layers by name:
          its hidden layers and its output, compiled. Inputs enter as in its task, and the output of a network that
          predicts symbols is called ``"predictions"``.
        - A PyTorch module: the output of every submodule without submodules of its own, by name, then the output
          of the module; inputs are [sample, channel, position], in the plane [sample, channel, row, column], the layout
          of convolutions. For other layers or another layout see :class:`srhm.torch.ModuleLayers`.
        - A fitted scikit-learn estimator, on inputs [sample, position x channel]: its decision function d (for two
          classes -d and d); if it has none, its class probabilities; if it has none of these either, its predictions
          as 0 and 1 for each class.
        - Any other function: itself.

    Raises
    ------
    ArgumentError
        If it is none of these.

    Examples
    --------
    >>> layers = layers_of(lambda x: [x.sum(axis=1), x.sum(axis=(1, 2))[:, None]])
    >>> {name: values.shape for name, values in record_activations(layers, np.zeros((5, 16, 4))).items()}
    {'layer_1': (5, 4), 'output': (5, 1)}
    """
    if isinstance(network, eqx.Module) and callable(getattr(network, "activations", None)):
        return activations(network)
    if is_module(network):
        from ..torch import ModuleLayers

        module: Any = network
        return ModuleLayers(module)
    if is_estimator(network):
        return lambda x: _decision(network, _flat(x))
    if callable(network):
        return network
    fix = "Give a function of inputs, a PyTorch module or a fitted estimator"
    raise ArgumentError("layers", network, "cannot be called", fix)


class ByPosition:
    """The layers of a network, each position apart: what is measured of layers is then measured at every position.

    Parameters
    ----------
    network
        Any network that :func:`layers_of` takes, whose layers are [sample, position, channel].

    Examples
    --------
    >>> layers = ByPosition(lambda x: {"hidden": x})
    >>> list(record_activations(layers, np.zeros((5, 3, 4))))
    ['hidden_position_1', 'hidden_position_2', 'hidden_position_3']
    """

    def __init__(self, network: Any) -> None:
        self.layers = layers_of(network)
        self.design = design_of(network)

    def __call__(self, x: Any) -> dict[str, Any]:
        """Return the activations of a batch by layer and position; layers without positions are left out."""
        seen = self.layers(x)
        if not isinstance(seen, Mapping):
            seen = {f"layer_{number}": values for number, values in enumerate(seen, start=1)}
        return {
            f"{name}_position_{place + 1}": values[:, place]
            for name, values in seen.items()
            if np.ndim(values) == 3
            for place in range(values.shape[1])
        }


def predictor_of(network: Any) -> Callable[[Any], Any]:
    """Return a network as a map from inputs to outputs [sample, class_], or to class numbers [sample].

    A network is as for :func:`layers_of`. An estimator predicts classes; of a list of layers the last one is the
    output, of a mapping the one called ``"output"``: several layers of which none is called so are an ArgumentError on
    prediction.
    """
    if is_estimator(network):
        return lambda x: network.predict(_flat(x))
    # Ours compute only the output; a module without names of layers keeps none.
    layers = network if isinstance(network, Network | StatefulNetwork) else layers_of(network)
    layers = getattr(layers, "output", layers) if is_module(network) else layers
    design = design_of(network) if layers is network else None

    def predict(x: Any) -> Any:
        answer = layers(x if design is None else design.interface.enter(entering(network, x)))
        if isinstance(answer, Mapping):
            return _output(answer)
        return answer[-1] if _is_list_of_arrays(answer) else answer

    return predict


def activations(net: Any) -> Layers:
    """Return the compiled map from inputs to all layers of a module with a method ``activations``."""
    # As pairs, since JAX sorts a dict by its keys: layer_10 would come before layer_2.
    design = design_of(net)
    enter = (lambda x: x) if design is None else design.interface.enter
    compiled = eqx.filter_jit(lambda net, x: tuple(net.activations(enter(entering(net, x))).items()))
    if design is None or design.interface.kind == "class":
        return lambda x: dict(compiled(net, x))
    # Scores of symbols are no scores of classes, which is what is called the output.
    return lambda x: {
        "predictions" if name == "output" else name: values for name, values in compiled(net, x)
    }


def record_activations(
    layers: Layers, x: Any, params: Params | None = None
) -> dict[str, Shaped[np.ndarray, "sample unit"]]:
    """Return the activations of each layer for a batch of inputs, flattened, with their dtype.

    Layers of a list are called ``"layer_1"`` and so on, the last one ``"output"``, as is a single array; of a mapping
    the layer ``"output"`` comes last. With the model given, the output must be one score for each of its classes.
    """
    seen = layers(x)
    if not isinstance(seen, Mapping):
        *hidden, output = seen if _is_list_of_arrays(seen) else [seen]
        seen = {f"layer_{number}": values for number, values in enumerate(hidden, start=1)}
        seen["output"] = output
    elif "output" in seen:
        seen = {name: values for name, values in seen.items() if name != "output"} | {
            "output": seen["output"]
        }
    if not seen:
        raise ArgumentError("layers", seen, "holds no layer", "Return one array at least")
    flat = {}
    for name, values in seen.items():
        array = as_array("layers", values)
        if array.ndim == 0 or len(array) != len(x):
            raise ArgumentError(
                "layers",
                array.shape,
                f"is the shape of {name} for {len(x)} inputs",
                "Return one row per input",
            )
        if name == "output" and params is not None:
            check_scores("layers", array, len(x), params, _NOT_SCORES)
        flat[name] = array.reshape(len(x), -1)
    return flat


_NOT_SCORES = ', or give what is not the output another name, as in {"features": ...}'


def predicted_classes(answer: Any, count: int, params: Params) -> Integer[np.ndarray, " sample"] | None:
    """Return the classes that a network predicts; None if its answer contains nan: the network diverged.

    The answer is scores [sample, class_], the largest of which counts, or class numbers [sample].
    """
    array, n_c = as_array("predict", answer), params.n_c
    if array.ndim != 1:
        check_scores("predict", array, count, params, ", or class numbers [sample]")
        return None if np.isnan(array).any() else array.argmax(axis=1)
    if len(array) != count:
        problem = f"is the shape returned for {count} inputs of n_c = {n_c} classes"
        raise ArgumentError("predict", array.shape, problem, "Return one class number per input")
    if array.dtype.kind == "f" and np.isnan(array).any():
        return None
    if array.dtype.kind not in "iuf":
        problem = f"is the type of the {count} class numbers returned"
        raise ArgumentError("predict", str(array.dtype), problem, f"Return integers from 0 to {n_c - 1}")
    wrong = (array < 0) | (array >= n_c) | (array != np.floor(array))
    if wrong.any():
        problem = f"is among the class numbers returned for {count} inputs of n_c = {n_c} classes"
        fix = f"Return integers from 0 to {n_c - 1}, or one score per class, {(count, n_c)}"
        raise ArgumentError("predict", array[wrong][0].item(), problem, fix)
    return array.astype(np.int64)


def as_array(argument: str, values: Any) -> np.ndarray:
    """Return what a network returned as an array of numbers, or raise an :class:`~srhm.ArgumentError`."""
    try:
        array = np.asarray(values)
    except (
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:  # rows of different lengths, a tensor with gradients
        problem = f"is returned, which NumPy cannot read ({error})"
        raise ArgumentError(argument, type(values).__name__, problem, "Return an array of numbers") from error
    if array.dtype.kind in "OSUMmc":
        problem = f"is the type of an array of shape {array.shape} returned"
        raise ArgumentError(argument, str(array.dtype), problem, "Return real numbers")
    return array


def tabulate(layers: Sequence[str], **measured: tuple[np.ndarray, np.ndarray] | None) -> LayerTable:
    """Return values and errors [layer, level] by name: ``S=(S, S_error)`` gives ``"S_1"`` and ``"S_1_error"``.

    None means that it was not measured; it has no entry.
    """
    table: LayerTable = {layer: {} for layer in layers}
    for letter, pair in measured.items():
        if pair is not None:
            for layer, values, errors in zip(layers, *pair, strict=True):
                for level, (value, error) in enumerate(zip(values, errors, strict=True), start=1):
                    table[layer] |= {
                        f"{letter}_{level}": float(value),
                        f"{letter}_{level}_error": float(error),
                    }
    return table


def named(prefix: str, values: np.ndarray, errors: np.ndarray) -> dict[str, float]:
    """Return values and errors [layer, level] by name: ``"S_21"`` is layer k = 2, level l = 1, ``"S_21_error"``."""
    return {
        f"{prefix}_{k + 1}{level + 1}{suffix}": float(value)
        for suffix, array in (("", values), ("_error", errors))
        for (k, level), value in np.ndenumerate(array)
    }


def first_inputs(dataset: Dataset, inputs: int, minimum: int) -> int:
    """Return how many of the first inputs of a set are taken; all where it is smaller."""
    count = min(check_integer("inputs", inputs, minimum=minimum), len(dataset))
    if count < minimum:
        fix = f"Use a test set of at least {minimum} points"
        raise ArgumentError("dataset", len(dataset), "inputs are too few", fix)
    return count


def is_module(network: Any) -> bool:
    """Return whether it is a PyTorch module, without importing PyTorch: whoever has a module has imported it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(network, torch.nn.Module)


def is_estimator(network: Any) -> bool:
    """Return whether it has the methods of a scikit-learn classifier; pipelines and searches have them too."""
    return not callable(network) and hasattr(network, "fit") and hasattr(network, "predict")


def _is_list_of_arrays(seen: Any) -> bool:
    """A list of numbers, or of lists of them, is an array itself."""
    return isinstance(seen, list | tuple) and len(seen) > 0 and all(getattr(one, "ndim", 0) for one in seen)


def _output(layers: Mapping[str, Any]) -> Any:
    if "output" in layers or len(layers) == 1:
        return layers["output"] if "output" in layers else next(iter(layers.values()))
    fix = "Call the output 'output'"  # the last one need not be it: jax.jit sorts
    raise ArgumentError("predict", list(layers), "are layers of which none is marked as the output", fix)


def _decision(estimator: Any, x: Any) -> Any:
    for method in ("decision_function", "predict_proba"):
        if hasattr(estimator, method):
            found = np.asarray(getattr(estimator, method)(x))
            return np.stack([-found, found], axis=1) if found.ndim == 1 else found
    if hasattr(estimator, "classes_"):  # a majority vote has them, for example
        return (estimator.predict(x)[:, None] == estimator.classes_).astype(np.float64)
    name = type(estimator).__name__
    fix = "Give a classifier, or a function of inputs"
    raise ArgumentError("layers", name, "has no decision_function, no predict_proba and no classes_", fix)


def _flat(x: Any) -> np.ndarray:
    return np.asarray(x).reshape(len(x), -1)
