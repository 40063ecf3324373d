"""The form of samples in PyTorch: encoding, layout, hidden variables, device."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.data import get_worker_info

from ..errors import ArgumentError, check_choice
from ..model.derivation import Derivation, Tree, expand
from ..model.encoding import Encoding, check_encoding, encode
from ..model.grammar import Grammar
from ..model.params import Params

Layout = Literal["positions_first", "channels_first"]
"""The order of axes of dense inputs: [sample, position, channel], or [sample, channel, position], which
`torch.nn.Conv1d` takes; in the plane [sample, channel, row, column], which `torch.nn.Conv2d` takes."""

LAYOUTS = ("positions_first", "channels_first")

DEFAULT_LAYOUT: Layout = "channels_first"
"""The layout of data sets and of modules alike, where inputs have channels."""


@dataclass(frozen=True)
class Form:
    """The form of samples.

    Raises
    ------
    ArgumentError
        If the encoding, the layout or the device does not exist, or a layout is given for an encoding without channels.
    """

    encoding: Encoding = "whitened"
    """See :data:`srhm.Encoding`."""
    layout: Layout | None = None
    """``"channels_first"``, [sample, channel, position], which `torch.nn.Conv1d` takes, or ``"positions_first"``,
    [sample, position, channel]. Default: channels first. In the plane there are rows and columns in the place of
    positions: [sample, channel, row, column], which `torch.nn.Conv2d` takes. The integer encoding has no channels, and
    no layout."""
    latents: bool = False
    """Whether samples include the hidden variables."""
    device: Any = None
    """The device of the tensors, such as ``"cuda"``. Default: the CPU."""

    def __post_init__(self) -> None:
        check_encoding(self.encoding)
        if self.layout is None and self.encoding != "integer":
            object.__setattr__(self, "layout", DEFAULT_LAYOUT)
        if self.layout is not None:
            check_choice("layout", self.layout, LAYOUTS, "is not a layout")
        if self.layout == "channels_first" and self.encoding == "integer":
            problem = "does not fit the encoding 'integer', which has no channels"
            raise ArgumentError("layout", self.layout, problem, "Leave layout out, or use another encoding")
        try:
            device = torch.device("cpu" if self.device is None else self.device)
        except (RuntimeError, TypeError) as error:
            problem = f"is not a device ({str(error).splitlines()[0]})"
            raise ArgumentError("device", self.device, problem, "Use None, 'cpu' or 'cuda'") from None
        object.__setattr__(self, "device", device)

    def check_process(self) -> None:
        """Raise an :class:`~srhm.ArgumentError` in a worker of a DataLoader whose tensors should go to a GPU."""
        if self.device.type != "cpu" and get_worker_info() is not None:
            raise ArgumentError(
                "device",
                str(self.device),
                "cannot be reached from the workers of a DataLoader",
                "Use device=None there, pin_memory=True and batch.to(device, non_blocking=True), or num_workers=0",
            )

    def tensors(self, params: Params, features: Any, positions: Any, labels: Any) -> tuple[Any, ...]:
        """Return the inputs and the labels of some samples as tensors.

        Parameters
        ----------
        params
            The parameters of the model.
        features, positions
            The informative leaves, [sample, s^L].
        labels
            The classes, [sample].

        Returns
        -------
        tuple
            Inputs, float32 in the layout of the form, or int32 [sample, position], in the plane [sample, row, column],
            for the integer encoding; labels, int64 [sample].
        """
        inputs = torch.from_numpy(encode(params, features, positions, self.encoding))
        if self.layout == "channels_first":
            inputs = inputs.movedim(-1, 1).contiguous()
        return self._placed(inputs), self._placed(torch.from_numpy(labels.astype(np.int64)))

    def batches(
        self, grammar: Grammar, derivation: Derivation, size: int | None = None
    ) -> Iterator[tuple[Any, ...]]:
        """Yield derivations as batches of :meth:`tensors`, with their :meth:`hidden` variables if the form has them.

        Parameters
        ----------
        grammar
            The production rules.
        derivation
            The derivations of all batches.
        size
            Number of samples of a batch. Default: all in one batch.
        """
        tree = expand(grammar, derivation)
        hidden = self.hidden(derivation, tree) if self.latents else {}
        count = len(tree.label)
        for first in range(0, max(1, count), size or max(1, count)):
            rows = slice(first, first + size if size else count)
            batch = self.tensors(
                grammar.params, tree.features[0][rows], tree.positions[0][rows], tree.label[rows]
            )
            extra = ({name: values[rows] for name, values in hidden.items()},) if self.latents else ()
            yield *batch, *extra

    def hidden(self, derivation: Derivation, tree: Tree) -> dict[str, torch.Tensor]:
        """Return the hidden variables, int64, by name and level: ``"rules_1"``, ``"features_2"`` and so on.

        Returns
        -------
        dict
            For each level l from 1 to L: ``rules_l`` and ``placements_l``, [sample, node], as in
            :class:`srhm.Derivation`; ``features_l`` and ``positions_l``, [sample, feature], as in
            :class:`~srhm.model.derivation.Tree`.
        """
        parts = {
            "rules": derivation.rules,
            "placements": derivation.placements,
            "features": tree.features,
            "positions": tree.positions,
        }
        return {
            f"{name}_{level}": self._placed(torch.from_numpy(np.ascontiguousarray(values, np.int64)))
            for name, levels in parts.items()
            for level, values in enumerate(levels, start=1)
        }

    def _placed(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(self.device)


def split_samples(batch: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Return the samples of a batch one by one, as views of its tensors."""
    parts = []
    for values in batch:
        if isinstance(values, dict):
            rows = zip(*(one.unbind() for one in values.values()), strict=True)
            parts.append([dict(zip(values, row, strict=True)) for row in rows])
        else:
            parts.append(values.unbind())
    return list(zip(*parts, strict=True))
