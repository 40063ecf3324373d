"""Tasks that predict symbols, for any PyTorch module: tokens, targets, exact floors, and losses over them."""

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Integer

from ..errors import ArgumentError, check_integer
from ..inference.floors import summed_surprisal
from ..model.dataset import Dataset
from ..model.encoding import MASKED
from ..model.grammar import Grammar
from ..model.params import Params
from ..model.plane import in_tree_order
from ..model.sequences import (
    BLOCK,
    Predicted,
    blank_last,
    check_masking_rate,
    check_rate,
    hidden_count,
    hidden_positions,
    level_symbols,
)
from ..model.stream import Stream
from ..randomness import Key
from .finite import Indexed, TorchDataset
from .form import Form
from .modules import ModuleLayers, device_and_type, evaluation_mode, outputs_of
from .tasks import Samples, ShownTask, latent_task, masked_task, next_task

IGNORED = -100
"""The target where nothing is predicted, which `torch.nn.functional.cross_entropy` leaves out."""


@dataclass(frozen=True, eq=False)
class SymbolScores:
    """The loss of a module at each place, over its exact floor, on the same samples; in nats."""

    loss_by_place: Float[np.ndarray, " place"]
    """The mean cross-entropy at each place; nan where nothing is predicted, or an output is not a number."""
    floor_by_place: Float[np.ndarray, " place"]
    """The mean loss of the exact predictor, the least possible on average."""
    counts: Int[np.ndarray, " place"]
    """The number of predictions at each place."""
    error: float
    """The fraction of predictions whose largest score is another symbol's; nan if an output is not a number."""

    @property
    def loss(self) -> float:
        """The mean loss of all predictions."""
        return self._mean(self.loss_by_place)

    @property
    def floor(self) -> float:
        """The mean loss of the exact predictor."""
        return self._mean(self.floor_by_place)

    @property
    def excess(self) -> float:
        """How far the mean loss is above its floor."""
        return self.loss - self.floor

    @property
    def excess_by_place(self) -> Float[np.ndarray, " place"]:
        """How far the loss is above its floor at each place."""
        return self.loss_by_place - self.floor_by_place

    def _mean(self, values: np.ndarray) -> float:
        counted = self.counts > 0
        return float((values[counted] * self.counts[counted]).sum() / self.counts.sum())


class SymbolDataset(Indexed):
    """Inputs and targets of a task that predicts symbols, for any PyTorch module, with the exact floor of its loss.

    Make one with :meth:`next_symbols`, :meth:`masked_symbols` or :meth:`latents`; the tasks are those of the same names
    in :mod:`srhm.training`, with the same inputs and targets. A sample is

    - the tokens that enter, int64 [position]: 0 to v - 1 for the features, v for a blank, v + 1 for a hidden symbol and
      for a beginning-of-sequence symbol;
    - the targets, int64 [place]: symbols, a blank being the last, or classes; -100 where nothing is predicted, which
      `torch.nn.functional.cross_entropy` leaves out;
    - where something is predicted, bool [place].

    Samples and batches are taken by number as from a :class:`TorchDataset`, by a DataLoader with any number of workers.
    Hidden positions are a function of the epoch and the number of a sample. Those of epoch 0, the first, are the ones
    of the test sets of :func:`srhm.training.train`.

    Parameters
    ----------
    source, count
        A :class:`srhm.Dataset`, or a :class:`srhm.Stream` and the number of its samples; see :class:`TorchDataset`.
    task
        What is predicted, as the methods above make it.
    device
        The device of the tensors, such as ``"cuda"``. Default: the CPU. Workers cannot use a GPU.

    Examples
    --------
    >>> import srhm
    >>> params = srhm.Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
    >>> sets = srhm.split(srhm.Grammar(params, seed=0), P=100, P_test=50)
    >>> data = SymbolDataset.next_symbols(sets.test)
    >>> inputs, targets, mask = data[0]
    >>> inputs.tolist()
    [5, 4, 4, 4, 4, 2, 4, 4, 2, 2, 4, 4, 1, 4, 4, 4]
    >>> targets.tolist()
    [4, 4, 4, 4, 2, 4, 4, 2, 2, 4, 4, 1, 4, 4, 4, 4]
    >>> data.tokens, data.scores, data.floor_by_place()[:4].round(3)
    (6, 5, array([0.884, 0.724, 0.665, 0.25 ]))
    """

    def __init__(
        self, source: Dataset | Stream, task: Any, count: int | None = None, device: Any = None
    ) -> None:
        if not isinstance(task, ShownTask):
            fix = "Use SymbolDataset.next_symbols(source), .masked_symbols(source) or .latents(source)"
            raise ArgumentError("task", task, "is not a task of this class", fix)
        self.samples = TorchDataset(source, count, "integer", latents=task.level is not None)
        self.count, self.task, self.form = self.samples.count, task, Form("integer", device=device)
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self._floors: tuple[int, Any, Any] | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make a copy, whose epoch a worker shares with the original."""
        vars(self).update(state)
        self._epoch.share_memory_()

    @classmethod
    def next_symbols(
        cls,
        source: Dataset | Stream,
        count: int | None = None,
        *,
        positions: Predicted = "all",
        first: bool = True,
        start: bool | None = None,
        device: Any = None,
    ) -> "SymbolDataset":
        """Predict every next symbol from those before it, or the last one from all others.

        Parameters
        ----------
        source, count, device
            As for the class.
        positions
            ``"all"``: inputs and targets are one position apart, for a causal module. ``"last"``: the last symbol
            alone, hidden in the input.
        first
            Whether the first symbol is predicted too, of which nothing is known.
        start
            Whether inputs begin with a beginning-of-sequence symbol, of the token v + 1; else they have d - 1
            positions. Default: where the first symbol is predicted.

        Raises
        ------
        ArgumentError
            If an option is unknown or does not fit the others, or the source does not contain these samples.
        """
        return cls(source, next_task(_params(source), positions, first, start), count, device)

    @classmethod
    def masked_symbols(
        cls, source: Dataset | Stream, count: int | None = None, *, rate: float = 0.15, device: Any = None
    ) -> "SymbolDataset":
        """Predict hidden symbols from the others; of every sample equally many are hidden.

        Other ones are hidden after :meth:`set_epoch`, and always the same ones without it, as a test set needs.

        Parameters
        ----------
        source, count, device
            As for the class.
        rate
            The share of the positions that are hidden, rounded to a whole number of positions, one at least.

        Raises
        ------
        ArgumentError
            If the rate is not above 0 and below 1 or hides every position, or the source does not contain these
            samples.
        """
        rate = check_masking_rate(rate)
        params = _params(source)
        return cls(source, masked_task(params, hidden_count(params, rate)), count, device)

    @classmethod
    def latents(
        cls,
        source: Dataset | Stream,
        count: int | None = None,
        *,
        level: int = 2,
        rate: float = 0.0,
        device: Any = None,
    ) -> "SymbolDataset":
        """Predict the symbols at all positions of one level, or the class, from whole inputs or what a mask leaves.

        Parameters
        ----------
        source, count, device
            As for the class.
        level
            The level, from 1, the input, to L; L + 1 is the class.
        rate
            The share of the input's positions that are hidden, as for :meth:`masked_symbols`; 0 hides none.

        Raises
        ------
        ArgumentError
            If there is no such level, the rate is not from 0 and below 1 or hides every position, or the source does
            not contain these samples.
        """
        params, rate = _params(source), check_rate(rate)
        level = check_integer("level", level, minimum=1, maximum=params.L + 1)
        return cls(
            source, latent_task(params, level, hidden_count(params, rate) if rate else 0), count, device
        )

    @property
    def params(self) -> Params:
        """The parameters of the model."""
        return self.samples.params

    @property
    def labels(self) -> np.ndarray:
        """The classes of all samples, int64 [sample], as for a batch sampler."""
        return self.samples.labels

    @property
    def tokens(self) -> int:
        """The number of different tokens: v + 2, or v + 1 where no input has a hidden or a beginning symbol."""
        return self.params.level(1).v + 1 + self.task.hides

    @property
    def scores(self) -> int:
        """The number of scores of a place: v + 1, with the blank, or n_c for the class."""
        return self.task.scores

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, and so which positions are hidden; this also reaches persistent workers.

        Raises
        ------
        ArgumentError
            If the epoch is not from 0 to 2^32 - 1.
        """
        self._epoch.fill_(check_integer("epoch", epoch, minimum=0, maximum=2**32 - 1))

    def tokens_of(self, inputs: Integer[np.ndarray, "sample *shape"]) -> torch.Tensor:
        """Return what enters a module, int64 [sample, position], for inputs of the ``"integer"`` encoding, none hidden.

        They are moved by one position as the task does it, but no random positions are hidden.
        """
        seen, _ = self.task.shown(Samples(in_tree_order(self.params, np.asarray(inputs))))
        return self._tokens(seen)

    def layers(
        self, module: torch.nn.Module, names: Sequence[str] | None = None
    ) -> Callable[[Any], dict[str, np.ndarray]]:
        """Return a map from inputs to hidden layers of a module of this task, for measurements.

        With ``encoding="integer"`` :func:`srhm.measure.sensitivity.sensitivities` takes it.

        Parameters
        ----------
        module
            The module, of tokens [sample, position].
        names
            Its submodules whose outputs are the layers, as for :class:`ModuleLayers`. Its own output is not one.

        Raises
        ------
        ArgumentError
            As for :class:`ModuleLayers`.
        """
        recorded = ModuleLayers(module, names)

        def hidden(inputs: Any) -> dict[str, np.ndarray]:
            found = recorded(self.tokens_of(inputs).cpu().numpy())
            del found["output"]
            return found

        return hidden

    def floor_by_place(self) -> Float[np.ndarray, " place"]:
        """Return the mean loss of the exact predictor at each place, on these samples and masks, in nats.

        It is computed once for each epoch, in float64; nan where nothing is predicted. No module can have a smaller
        loss on average; on a finite set one may, by chance or if it has seen the set.
        """
        sums, counts = self._floor()
        return _ratio(sums, counts)

    def measure(self, module: Any, batch_size: int = BLOCK) -> SymbolScores:
        """Measure the loss of a module at each place, over its floor, on all samples with the masks of this epoch.

        Parameters
        ----------
        module
            A module, run in evaluation mode on its own device, or any function, of the tokens [sample, position]. It
            returns the scores [sample, place, symbol], before the softmax; [sample, symbol] will do for one place.
            Scores beyond those of the symbols, for tokens that are never predicted, are allowed.
        batch_size
            Number of samples in a batch.

        Raises
        ------
        ArgumentError
            If the module does not accept the tokens, or its output does not have the shape above.
        """
        size = check_integer("batch_size", batch_size, minimum=1)
        if not callable(module):
            raise ArgumentError("module", module, "cannot be called", "Give a torch.nn.Module")
        is_module = isinstance(module, torch.nn.Module)
        device = device_and_type(module)[0] if is_module else self.form.device
        sums, counts, wrong = np.zeros(()), np.zeros((), int), 0
        with evaluation_mode(module) if is_module else nullcontext(), torch.no_grad():
            for first in range(0, self.count, size):
                inputs, targets, mask = (part.cpu() for part in self[first : first + size])
                scores = self._scores(module, inputs.to(device), targets)
                flat = scores.flatten(0, 1), targets.flatten()
                losses = torch.nn.functional.cross_entropy(*flat, ignore_index=IGNORED, reduction="none")
                sums = sums + losses.view(targets.shape).sum(dim=0).numpy()
                counts = counts + mask.sum(dim=0).numpy()
                wrong += int(((scores.argmax(dim=2) != targets) & mask).sum())
        loss = _ratio(sums, counts)
        broken = np.isnan(loss[counts > 0]).any()
        return SymbolScores(
            loss, self.floor_by_place(), counts, math.nan if broken else wrong / int(counts.sum())
        )

    def _scores(self, module: Any, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        fix = f"Use {self.tokens} tokens and {inputs.shape[1]} positions"
        scores = outputs_of(module, inputs, "tokens", fix)
        samples, places = targets.shape
        shape = tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores).__name__
        if places == 1 and isinstance(scores, torch.Tensor) and scores.ndim == 2:
            scores = scores[:, None]
        fits = isinstance(scores, torch.Tensor) and scores.ndim == 3 and scores.shape[:2] == targets.shape
        if not fits or scores.shape[2] < self.scores:
            fix = f"Return ({samples}, {places}, {self.scores}): sample, place, the scores of every symbol"
            raise ArgumentError("module", shape, "is the output for this task", fix)
        return scores.to("cpu", torch.float64)

    def _batch(self, rows: np.ndarray) -> tuple[torch.Tensor, ...]:
        self.form.check_process()
        seen, targets = self._examples(rows)
        wanted = torch.from_numpy(np.where(targets < 0, IGNORED, targets).astype(np.int64))
        wanted = wanted.to(self.form.device)
        return self._tokens(seen), wanted, wanted != IGNORED

    def _tokens(self, seen: np.ndarray) -> torch.Tensor:
        v = self.params.level(1).v
        tokens = np.where(seen == MASKED, v + 1, blank_last(seen, v)).astype(np.int64)
        return torch.from_numpy(tokens).to(self.form.device)

    def _examples(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the symbols that enter and the targets, -1 where nothing is predicted, of some samples."""
        symbols, labels, *latents = self.samples[rows]
        symbols = in_tree_order(self.params, symbols)
        level, of_level = self.task.level, None
        if level is not None:
            features, positions = (
                latents[0][f"{name}_{level}"].numpy() for name in ("features", "positions")
            )
            of_level = level_symbols(self.params, level, features, positions)

        def masks(count: int) -> np.ndarray:
            block, row = np.divmod(rows.astype(np.uint32), np.uint32(BLOCK))
            return hidden_positions(
                Key(np.uint32(self._epoch.item()), block[:, None]), row, self.params.d, count
            )

        return self.task.shown(Samples(symbols.numpy(), labels.numpy(), of_level, masks))

    def _floor(self) -> tuple[Any, Any]:
        epoch = int(self._epoch) if self.task.count else 0
        if self._floors is None or self._floors[0] != epoch:
            sums, counts = np.zeros(()), np.zeros((), int)
            grammar = self._grammar
            for first in range(0, self.count, BLOCK):
                seen, targets = self._examples(np.arange(first, min(first + BLOCK, self.count)))
                total, count = summed_surprisal(self.task.exact(grammar, seen), targets)
                sums, counts = sums + total, counts + count
            self._floors = epoch, sums, counts
        return self._floors[1:]

    @property
    def _grammar(self) -> Grammar:
        source = self.samples.source
        return source.grammar if isinstance(source, Stream) else source.stream.grammar


def _ratio(sums: Any, counts: Any) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return sums / counts


def _params(source: Any) -> Params:
    if not isinstance(source, Dataset | Stream):
        problem = "is not a source of samples"
        raise ArgumentError("source", source, problem, "Give a srhm.Dataset or a srhm.Stream")
    return source.params
