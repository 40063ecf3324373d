"""The layer-wise statistical learner: patches that occur with the classes equally often are synonyms.

It does without a network what a network does according to the paper's argument for the sample complexity: patches
are grouped by how often they occur with each class, each patch is replaced by its group, and so on level by level.
At the top, a patch means the class with which it occurred.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer, Shaped
from numpy.typing import ArrayLike

from ..errors import ArgumentError, check_instance, check_integer
from ..model.dataset import Batch, Dataset
from ..model.encoding import check_leaves
from ..model.params import Params
from ..model.plane import in_tree_order
from .observations import Observations, observed_features, observed_patches
from .stage import Stage


@dataclass(frozen=True)
class LayerwiseLearner:
    """What the learner knows, and how it groups. It always knows the parameters of the model.

    Raises
    ------
    ArgumentError
        If `sweeps` is below 1, or both `shifts_first` and `knows_positions` are true.

    Examples
    --------
    >>> from srhm import Grammar, Params, split
    >>> sets = split(Grammar(Params(n_c=6, v=6, m=6, s=2, s0=1, L=2), seed=0), P=6000, P_test=1000)
    >>> LayerwiseLearner(shared=True).fit(sets.train).error(sets.test)
    0.0
    """

    knows_positions: bool = False
    """Whether blanks are removed for it: a patch is then its s-tuple, at its slot of the tree. Otherwise it
    gets raw patches, and a tuple in another placement, or elsewhere in the input, is another patch."""
    shared: bool = False
    """Whether patches at all positions are counted together (like a CNN, with one set of weights) or separately
    (like an LCN)."""
    shifts_first: bool = False
    """Whether features are first grouped over the places of their sub-patch, and then tuples without their
    placements; otherwise placements and synonyms are grouped in one step. Needs sparsity A."""
    sweeps: int = 1
    """Rounds of grouping at each level. The first groups by the class alone, as in the paper's argument; further
    ones by the class together with the previous groups of the siblings."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sweeps", check_integer("sweeps", self.sweeps, minimum=1))
        if self.shifts_first and self.knows_positions:
            problem = "has no effect where positions are known"
            raise ArgumentError(
                "shifts_first", True, problem, "Use shifts_first or knows_positions, not both"
            )

    def fit(self, dataset: Dataset) -> "LayerwisePredictor":
        """Learn from a training set; the same set gives the same predictor.

        The time grows as the square of the number of distinct patches at a position: up to v m, times the
        placements if these are not known. With more than one sweep it also grows with the number of contexts, up
        to n_c v^(s-1) and more.

        Raises
        ------
        ArgumentError
            If `shifts_first` is used with sparsity B, or the model has too many distinct patches to number.
        """
        check_instance(Dataset, dataset=dataset)
        params = dataset.params
        self._check(params)
        labels = dataset.labels.astype(np.int64)
        stages: list[Stage] = []

        def learn(observations: Observations) -> Integer[np.ndarray, "sample item"]:
            stages.append(Stage.learned(observations, labels, self.sweeps))
            return stages[-1].groups_of(observations.key)

        _climb(self, params, dataset.features, dataset.positions, learn)
        return LayerwisePredictor(params, self, tuple(stages))

    def _check(self, params: Params) -> None:
        if self.shifts_first and params.sparsity == "B":
            problem = "needs sub-patches, which sparsity B lacks"
            raise ArgumentError("shifts_first", True, problem, "Use shifts_first=False, or sparsity A")
        patches = max(
            level.v**level.s * (1 if self.knows_positions else level.placements) for level in params.levels
        )
        if params.d * patches >= 2**62:
            raise ArgumentError("dataset", params, "has 2^62 patches or more", "Use a smaller v, s, s0 or L")


@dataclass(frozen=True, eq=False)
class LayerwisePredictor:
    """A fitted :class:`LayerwiseLearner`."""

    params: Params
    """The parameters of the model."""
    learner: LayerwiseLearner
    """The learner that was fitted."""
    stages: tuple[Stage, ...]
    """What was learned, from level 1 up."""

    def groups(self, data: Dataset | Batch) -> list[Integer[np.ndarray, "sample node"]]:
        """Return the group of every informative patch, for each level l an array [sample, s^(L-l)].

        Only if the statistics are shared can groups at different positions be compared. -1 marks a patch that did
        not occur in training, or has such a part. The groups of level L are classes.

        Raises
        ------
        ArgumentError
            If the data are of another model than the training set.
        """
        if isinstance(data, Dataset) and data.params != self.params:
            fix = f"Give data of {self.params}, the model of the training set"
            raise ArgumentError("data", data.params, "is another model", fix)
        check_leaves(self.params, data.features, data.positions)
        stages = iter(self.stages)
        features, positions = np.asarray(data.features), np.asarray(data.positions)
        return _climb(
            self.learner,
            self.params,
            features,
            positions,
            lambda observed: next(stages).groups_of(observed.key),
        )

    def predict(self, data: Dataset | Batch) -> Integer[np.ndarray, " sample"]:
        """Return the class of every sample; class 0, as a guess, if a part of it never occurred in training."""
        check_instance((Dataset, Batch), data=data)
        return np.maximum(self.groups(data)[-1][:, 0], 0)

    def error(self, data: Dataset | Batch) -> float:
        """Return the fraction of misclassified samples."""
        return float((self.predict(data) != data.labels).mean())

    def __call__(self, inputs: ArrayLike) -> Integer[np.ndarray, " sample"]:
        """Return the class of every input in the ``"integer"`` encoding, for :func:`srhm.measure.test_error`.

        Raises
        ------
        ArgumentError
            If an input does not have d positions, s^L of them informative.
        """
        params = self.params
        symbols: np.ndarray = in_tree_order(params, np.asarray(inputs))
        informative = symbols >= 0
        if symbols.shape[1:] != (params.d,) or (informative.sum(axis=1) != params.num_leaves).any():
            raise ArgumentError(
                "inputs",
                symbols.shape,
                f"are not inputs with {params.num_leaves} of {params.d} positions informative",
                "Give the 'integer' encoding of data of this model",
            )
        shape = len(symbols), params.num_leaves
        positions = np.nonzero(informative)[1].reshape(shape)
        features = symbols[informative].reshape(shape)
        return self.predict(Batch(features, positions, np.zeros(len(symbols), np.int64)))


def _climb(
    learner: LayerwiseLearner,
    params: Params,
    features: Shaped[np.ndarray, "sample leaf"],
    positions: Shaped[np.ndarray, "sample leaf"],
    group: Callable[[Observations], Integer[np.ndarray, "sample item"]],
) -> list[Integer[np.ndarray, "sample node"]]:
    """Group the observations of each level, the groups being the symbols of the next; return those of patches."""
    symbols, places = features.astype(np.int64), positions.astype(np.int64)
    groups = []
    for level in range(1, params.L + 1):
        numbers, above = params.level(level), None if level == params.L else params.level(level + 1)
        shape = len(symbols), numbers.nodes, numbers.s
        symbols, places = symbols.reshape(shape), places.reshape(shape)
        placed = not learner.knows_positions
        if (
            learner.shifts_first and above is not None
        ):  # at the top there are few enough patches to know them all
            symbols = group(observed_features(numbers, symbols, places, shared=learner.shared)).reshape(shape)
            placed = False
        observations = observed_patches(
            numbers,
            above,
            symbols,
            places,
            by_slot=learner.knows_positions,
            placed=placed,
            shared=learner.shared,
        )
        symbols, places = group(observations), places[..., 0] // numbers.patch
        groups.append(symbols)
    return groups
