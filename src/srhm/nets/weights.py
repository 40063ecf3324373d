"""Networks in safetensors files: single ones, or the weights of a run, named by the SHA-256 of their content."""

import hashlib
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ..errors import ArgumentError, import_extra
from ..files import user_path, write_atomically
from ..model.params import Params
from .design import design_of
from .interface import Interface
from .spec import NetSpec

_FORMAT = 1
"""Version of the files of :func:`save`."""


def save(net: Any, path: str | Path) -> None:
    """Write a network to a file: its weights, its specification and its model.

    The same network gives the same file. No store is needed; :func:`load` reads the file.

    Parameters
    ----------
    net
        A network of :func:`srhm.nets.build`, trained or not.
    path
        The file, such as ``"cnn.safetensors"``. It is written atomically; an existing one is replaced. Missing folders
        are created.

    Raises
    ------
    ArgumentError
        If the network is not one of :func:`srhm.nets.build`, or the file cannot be written.
    MissingExtraError
        If safetensors is not installed.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from pathlib import Path
    >>> from srhm import Params
    >>> from srhm.nets import build
    >>> net, path = build("cnn", Params(v=4, s0=1, L=2), width=8), Path(tempfile.mkdtemp()) / "cnn.safetensors"
    >>> save(net, path)
    >>> found = load(path)
    >>> found.design == net.design, np.array_equal(found.readout, net.readout)
    (True, True)
    """
    design = design_of(net)
    if design is None:
        problem = "does not know what it was built for, so its file could not be read"
        fix = "Save a network of srhm.nets.build; any other with eqx.tree_serialise_leaves"
        raise ArgumentError("net", type(net).__name__, problem, fix)
    write = import_extra("safetensors.numpy", "lab").save
    head = {"format": _FORMAT, "params": design.params.to_dict(), "spec": design.spec.to_dict()}
    if design.interface.kind != "class":
        head["interface"] = asdict(design.interface)
    # One entry alone: safetensors writes several in any order.
    content = write(_contiguous(net), metadata={"srhm": json.dumps(head, sort_keys=True)})
    try:
        write_atomically(user_path(path), content)
    except OSError as error:
        problem = f"cannot be written ({error.strerror or error})"
        raise ArgumentError("path", str(path), problem, "Name a file that can be written") from error


def load(path: str | Path) -> Any:
    """Return the network of a file of :func:`save`.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Any
        A network of :func:`srhm.nets.build` with the weights of the file, in their dtype.

    Raises
    ------
    ArgumentError
        If the file does not exist or was not written by :func:`save`, its family is not registered, or its weights have
        64 bits and ``jax_enable_x64`` is not set.
    MissingExtraError
        If safetensors is not installed.
    """
    safetensors = import_extra("safetensors", "lab")
    name, fix = str(path), "Give a file that srhm.nets.save wrote"
    try:
        with safetensors.safe_open(user_path(path), framework="numpy") as file:
            head = json.loads((file.metadata() or {})["srhm"])
            found = {one: file.get_tensor(one) for one in file.keys()}  # noqa: SIM118 (not a dictionary)
        if head["format"] != _FORMAT:
            raise ValueError(f"format {head['format']}, and this version of srhm reads {_FORMAT}")
        content = head["params"], head["spec"], head.get("interface")
    except OSError as error:
        raise ArgumentError("path", name, f"cannot be read ({error.strerror or error})", fix) from error
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ArgumentError("path", name, f"does not hold a network ({error})", fix) from error
    params, spec = Params.from_dict(content[0]), NetSpec.from_dict(content[1])
    interface = content[2] and Interface(**content[2])
    dtype = "float64" if any(array.dtype == np.float64 for array in found.values()) else "float32"
    template = eqx.filter_eval_shape(lambda: spec.build(params, dtype=dtype, interface=interface))
    return _filled(template, found, "path", name, fix)


def save_weights(folder: str | Path, net: Any) -> str:
    """Write all arrays of a network into a file, and return the SHA-256 that names it, in hexadecimal digits.

    The same weights are always the same file; each array is named by its place in the network, such as
    ``.layers[0].weight``. The folder is made if it is missing.
    """
    write = import_extra("safetensors.numpy", "lab").save
    content = write(_contiguous(net))
    digest = hashlib.sha256(content).hexdigest()
    path = weights_file(folder, digest)
    if not path.exists():
        write_atomically(path, content)
    return digest


def load_weights(folder: str | Path, digest: str, template: Any) -> Any:
    """Return a network with the weights of the file of a digest.

    The template has arrays of the same names, shapes and types, such as a new network of the specification. What does
    not fit is an :class:`~srhm.ArgumentError`.
    """
    library, arrays_of = import_extra("safetensors", "lab"), import_extra("safetensors.numpy", "lab").load
    content = read_weights(folder, digest)
    try:
        found = arrays_of(content)
    except (library.SafetensorError, ValueError, KeyError) as error:
        raise ArgumentError(
            "digest", digest, "is not a safetensors file", "Save the weights again"
        ) from error
    fix = "Give a network of the specification that was trained"
    return _filled(template, found, "template", type(template).__name__, fix)


def _filled(template: Any, arrays_by_name: dict[str, np.ndarray], argument: str, value: str, fix: str) -> Any:
    """Return the template with these arrays, or raise an error about an argument."""
    wanted = _arrays(template)
    if arrays_by_name.keys() != wanted.keys():
        odd = ", ".join(sorted(arrays_by_name.keys() ^ wanted.keys()))
        raise ArgumentError(argument, value, f"and the file differ in the arrays {odd}", fix)
    for name, array in wanted.items():
        if (array.shape, array.dtype) != (arrays_by_name[name].shape, arrays_by_name[name].dtype):
            kinds = [f"{one.dtype}{list(one.shape)}" for one in (array, arrays_by_name[name])]
            raise ArgumentError(argument, f"{name}: {kinds[0]}", f"is {kinds[1]} in the file", fix)
    arrays, rest = eqx.partition(template, _is_array)
    leaves = [jax.device_put(arrays_by_name[name]) for name in wanted]
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(arrays), leaves), rest)


def weights_file(folder: str | Path, digest: str) -> Path:
    """Return the file of some weights, by their SHA-256."""
    if not is_digest(digest):
        raise ArgumentError("digest", digest, "is not a SHA-256", "Give 64 digits of 0-9a-f")
    return user_path(folder) / f"{digest}.safetensors"


def read_weights(folder: str | Path, digest: str) -> bytes:
    """Return the content of a file of weights, which must have the SHA-256 of its name."""
    path = weights_file(folder, digest)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ArgumentError(
            "digest", digest, f"has no file in {folder}", "Name the folder it is in"
        ) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise ArgumentError(
            "digest", digest, f"is not the SHA-256 of {path}, which has changed", "Restore it from a copy"
        )
    return content


def _arrays(net: Any) -> dict[str, Any]:
    """Return the arrays of a network, or their shapes, by their paths, in the order of the tree."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(net, _is_array))
    return {jax.tree_util.keystr(path): array for path, array in leaves}


def _contiguous(net: Any) -> dict[str, np.ndarray]:
    return {name: np.asarray(array, order="C") for name, array in _arrays(net).items()}


def _is_array(leaf: Any) -> bool:
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def is_digest(value: Any) -> bool:
    """Return whether a value is a SHA-256 in hexadecimal digits, which is safe as the name of a file."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None
