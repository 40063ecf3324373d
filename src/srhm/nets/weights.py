"""The weights of trained networks: files of safetensors, named by the SHA-256 of their content."""

import hashlib
import re
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..errors import ArgumentError, import_extra
from ..files import user_path, write_atomically


def save_weights(folder: str | Path, net: Any) -> str:
    """Write all arrays of a network into a file, and return the SHA-256 that names it.

    The same weights are always the same file; each array is named by its place in the network, such as
    ``.layers[0].weight``.

    Parameters
    ----------
    folder
        The folder, :attr:`Store.weights_folder <srhm.store.Runs.weights_folder>` of a store; made if
        missing.
    net
        The network, an Equinox module or any tree of arrays.

    Returns
    -------
    str
        The SHA-256 of the file, 64 hexadecimal digits.
    """
    save = import_extra("safetensors.numpy", "lab").save
    content = save({name: np.ascontiguousarray(array) for name, array in _arrays(net).items()})
    digest = hashlib.sha256(content).hexdigest()
    path = weights_file(folder, digest)
    if not path.exists():
        write_atomically(path, content)
    return digest


def load_weights(folder: str | Path, digest: str, template: Any) -> Any:
    """Return a network with the weights of a file.

    Parameters
    ----------
    folder
        The folder.
    digest
        The SHA-256 of the file, from :func:`save_weights` or :attr:`Run.weights <srhm.study.runs.Run>`.
    template
        A network with arrays of the same names, shapes and types, such as a new one of the run's specification.

    Raises
    ------
    ArgumentError
        If there is no such file, its content has another SHA-256, or it does not fit the template.
    """
    library, arrays_of = import_extra("safetensors", "lab"), import_extra("safetensors.numpy", "lab").load
    content = read_weights(folder, digest)
    try:
        found = arrays_of(content)
    except (library.SafetensorError, ValueError, KeyError) as error:
        raise ArgumentError(
            "digest", digest, "is not a file of safetensors", "Save the weights anew"
        ) from error
    wanted = _arrays(template)
    fix = "Give a network of the specification that was trained"
    if found.keys() != wanted.keys():
        odd = ", ".join(sorted(found.keys() ^ wanted.keys()))
        raise ArgumentError(
            "template", type(template).__name__, f"and the file differ in the arrays {odd}", fix
        )
    for name, array in wanted.items():
        if (array.shape, array.dtype) != (found[name].shape, found[name].dtype):
            kinds = [f"{one.dtype}{list(one.shape)}" for one in (array, found[name])]
            raise ArgumentError("template", f"{name}: {kinds[0]}", f"is {kinds[1]} in the file", fix)
    arrays, rest = eqx.partition(template, eqx.is_array)
    leaves = [jnp.asarray(found[name]) for name in wanted]
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(arrays), leaves), rest)


def weights_file(folder: str | Path, digest: str) -> Path:
    """Return the file of some weights.

    Raises
    ------
    ArgumentError
        If the digest is not a SHA-256.
    """
    if not is_digest(digest):
        raise ArgumentError("digest", digest, "is not a SHA-256", "Give 64 digits of 0-9a-f")
    return user_path(folder) / f"{digest}.safetensors"


def read_weights(folder: str | Path, digest: str) -> bytes:
    """Return the content of a file of weights, which has the SHA-256 of its name.

    Raises
    ------
    ArgumentError
        If there is no such file, or its content has another SHA-256.
    """
    path = weights_file(folder, digest)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ArgumentError(
            "digest", digest, f"has no file in {folder}", "Name the folder it is in"
        ) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise ArgumentError(
            "digest", digest, f"is not the SHA-256 of {path}, which was changed", "Restore it from a copy"
        )
    return content


def _arrays(net: Any) -> dict[str, np.ndarray]:
    """Return the arrays of a network by their places, in the order of the tree."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(net, eqx.is_array))
    return {jax.tree_util.keystr(path): np.asarray(array) for path, array in leaves}


def is_digest(value: Any) -> bool:
    """Return whether a value is a SHA-256 in hexadecimal digits, which is safe as the name of a file."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None
