"""The layer-wise statistical learner: synonyms are what goes with the class in the same way.

It does what the paper's argument for the sample complexity says a network does, without a network: patches are
grouped by how often they are seen with each class, each patch is replaced by its group, and so on level by level;
at the top, a patch is the class that it was seen with.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer, Shaped

from ..errors import ArgumentError, check_instance, check_integer
from ..model.dataset import Batch, Dataset
from ..model.encoding import check_leaves
from ..model.params import Params
from .seeing import Seen, features_seen, patches_seen
from .stage import Stage


@dataclass(frozen=True)
class LayerwiseLearner:
    """What the learner knows, and how it groups. It always knows the numbers of the model.

    Raises
    ------
    ArgumentError
        If `sweeps` is below 1, or `shifts_first` is asked of a learner that knows the positions.

    Examples
    --------
    >>> from srhm import Grammar, Params, split
    >>> sets = split(Grammar(Params(n_c=6, v=6, m=6, s=2, s0=1, L=2), seed=0), P=6000, P_test=1000)
    >>> LayerwiseLearner(shared=True).fit(sets.train).error(sets.test)
    0.0
    """

    knows_positions: bool = False
    """Whether blanks are taken away for it: a patch is then its s-tuple, at its slot of the tree. Otherwise it
    sees raw patches, and a tuple in another placement, or elsewhere in the input, is another patch."""
    shared: bool = False
    """Whether patches of all places are counted together (as a CNN has one set of weights) or each place by
    itself (as an LCN)."""
    shifts_first: bool = False
    """Whether features are first grouped over the places of their sub-patch, and then tuples without their
    placements; otherwise placements and synonyms are grouped at once. Needs sparsity A."""
    sweeps: int = 1
    """Rounds of grouping at each level. The first is by the class alone, the paper's argument; further ones
    are by the class together with the groups that the siblings were put in before."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sweeps", check_integer("sweeps", self.sweeps, least=1))
        if self.shifts_first and self.knows_positions:
            problem = "leaves nothing to learn where positions are known"
            raise ArgumentError("shifts_first", True, problem, "Use one of the two")

    def fit(self, dataset: Dataset) -> "LayerwisePredictor":
        """Learn from a training set; the same set gives the same predictor.

        The time grows as the square of the number of different patches at a place, of which there are up to v m,
        times the placements where these are not known; with more than one sweep also as the number of
        contexts, up to n_c v^(s-1) and more.

        Raises
        ------
        ArgumentError
            If `shifts_first` meets sparsity B, or the model has too many different patches to number.
        """
        check_instance(Dataset, dataset=dataset)
        params = dataset.params
        self._check(params)
        labels = dataset.labels.astype(np.int64)
        stages: list[Stage] = []

        def learn(seen: Seen) -> Integer[np.ndarray, "sample item"]:
            stages.append(Stage.learned(seen, labels, params, self.sweeps))
            return stages[-1].groups_of(seen.key)

        _climb(self, params, dataset.features, dataset.positions, learn)
        return LayerwisePredictor(params, self, tuple(stages))

    def _check(self, params: Params) -> None:
        if not params.uniform:
            fix = "Use a model with one v, m, s and s0 for all levels"
            raise ArgumentError(
                "dataset", params, "has levels that differ, which this learner does not take", fix
            )
        if self.shifts_first and params.sparsity == "B":
            problem = "needs sub-patches, which sparsity B does not have"
            raise ArgumentError("shifts_first", True, problem, "Use shifts_first=False, or sparsity A")
        placements = 1 if self.knows_positions else params.placements
        if params.d * placements * params.v**params.s >= 2**62:
            raise ArgumentError("dataset", params, "has 2^62 patches or more", "Use a smaller v, s, s0 or L")


@dataclass(frozen=True, eq=False)
class LayerwisePredictor:
    """A fitted :class:`LayerwiseLearner`."""

    params: Params
    """The numbers of the model."""
    learner: LayerwiseLearner
    """What was fitted."""
    stages: tuple[Stage, ...]
    """What was learned, from level 1 up."""

    def groups(self, data: Dataset | Batch) -> list[Integer[np.ndarray, "sample node"]]:
        """Return the group of every informative patch, for each level l an array [sample, s^(L-l)].

        Groups of different places have nothing to do with each other unless the statistics are shared. -1
        stands for a patch that was not seen in training or has such a part. The groups of level L are classes.

        Raises
        ------
        ArgumentError
            If the data are of another model than those that were learned from.
        """
        if isinstance(data, Dataset) and data.params != self.params:
            fix = f"Give data of {self.params}, which it learned from"
            raise ArgumentError("data", data.params, "is another model", fix)
        check_leaves(self.params, data.features, data.positions)
        stages = iter(self.stages)
        features, positions = np.asarray(data.features), np.asarray(data.positions)
        return _climb(
            self.learner, self.params, features, positions, lambda seen: next(stages).groups_of(seen.key)
        )

    def predict(self, data: Dataset | Batch) -> Integer[np.ndarray, " sample"]:
        """Return the class of every sample; class 0, a guess, where a part was never seen in training."""
        return np.maximum(self.groups(data)[-1][:, 0], 0)

    def error(self, data: Dataset | Batch) -> float:
        """Return the fraction of samples that are put in the wrong class."""
        return float((self.predict(data) != data.labels).mean())

    def __call__(self, inputs: Integer[np.ndarray, "sample position"]) -> Integer[np.ndarray, " sample"]:
        """Return the class of every input in the ``"integer"`` encoding, for :func:`srhm.measure.test_error`.

        Raises
        ------
        ArgumentError
            If an input has not d positions, s^L of them informative.
        """
        params, informative = self.params, inputs >= 0
        if inputs.shape[1] != params.d or (informative.sum(axis=1) != params.num_leaves).any():
            raise ArgumentError(
                "inputs",
                inputs.shape,
                f"are not inputs with {params.num_leaves} of {params.d} positions informative",
                "Give the 'integer' encoding of data of this model",
            )
        shape = len(inputs), params.num_leaves
        positions = np.nonzero(informative)[1].reshape(shape)
        features = inputs[informative].reshape(shape)
        return self.predict(Batch(features, positions, np.zeros(len(inputs), np.int64)))


def _climb(
    learner: LayerwiseLearner,
    params: Params,
    features: Shaped[np.ndarray, "sample leaf"],
    positions: Shaped[np.ndarray, "sample leaf"],
    judge: Callable[[Seen], Integer[np.ndarray, "sample item"]],
) -> list[Integer[np.ndarray, "sample node"]]:
    """Go up the levels: have what is seen at each judged, and go on with the groups; return those of patches."""
    symbols, places = features.astype(np.int64), positions.astype(np.int64)
    groups = []
    for level in range(1, params.L + 1):
        shape = len(symbols), params.level(level).nodes, params.s
        symbols, places = symbols.reshape(shape), places.reshape(shape)
        top = level == params.L
        placed = not learner.knows_positions
        if learner.shifts_first and not top:  # at the top there are few enough patches to know them all
            symbols = judge(features_seen(params, symbols, places, shared=learner.shared)).reshape(shape)
            placed = False
        seen = patches_seen(
            params,
            symbols,
            places,
            by_slot=learner.knows_positions,
            placed=placed,
            shared=learner.shared,
            top=top,
        )
        symbols, places = judge(seen), places[..., 0] // params.patch
        groups.append(symbols)
    return groups
