"""What the front door gives back: a finished run with its network, and P* with the runs that it was read off."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count, takewhile
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from .errors import ArgumentError, SrhmError, check_instance
from .measure.crossings import SampleComplexity
from .model.dataset import Dataset
from .nets.weights import load_weights
from .runner.execution import draw_sets
from .store import Store
from .study import Run, Study
from .study.describe import setup_name
from .training.evaluation import Predictions, TestSet
from .training.generation import generate


@dataclass(frozen=True)
class FinishedRun:
    """A run that is finished, and where its network is kept."""

    run: Run
    """The run, as the store has it: all metrics, times and versions."""
    store: Store
    """The store that it is in."""

    @property
    def error(self) -> float:
        """Test error: the fraction of test points on the wrong class; nan if the run diverged."""
        return as_number(self.run.metrics["error"])

    @property
    def status(self) -> str:
        """How training ended, as :data:`srhm.training.run.Status` says; of a function of your own ``trained``."""
        return self.run.status

    @property
    def S(self) -> Float[np.ndarray, "layer level"]:
        """Sensitivities to synonyms of every layer, the output last, to changes of every level."""
        return self._table("S")

    @property
    def D(self) -> Float[np.ndarray, "layer level"]:
        """Sensitivities to shifts of every layer, the output last, to changes of every level; nan where s0 = 0."""
        return self._table("D")

    def _table(self, letter: str) -> np.ndarray:
        metrics, L = self.run.metrics, self.run.spec.params.L
        layers = list(takewhile(lambda k: f"S_{k}1" in metrics, count(1)))
        values = [
            [as_number(metrics.get(f"{letter}_{k}{level}")) for level in range(1, L + 1)] for k in layers
        ]
        return np.array(values, float).reshape(len(layers), L)

    def network(self, step: int | None = None) -> Any:
        """Return the trained network, an Equinox module: a map from dense inputs to outputs.

        Parameters
        ----------
        step
            The network after this step, one of ``self.run.record`` of a run that records weights. Default: the one
            that the run reports.

        Raises
        ------
        ArgumentError
            If no weights were recorded at the step.
        SrhmError
            If a function of your own trained it: of that only what was measured is kept.
        """
        spec = self.run.spec
        weights = self.run.weights
        if step is not None:
            kept = {point["step"]: point["weights"] for point in self.run.record if point.get("weights")}
            if step not in kept:
                fix = f"Use one of {list(kept)}" if kept else 'Run it with record="weights"'
                raise ArgumentError("step", step, "is not a step whose weights were recorded", fix)
            weights = kept[step]
        if weights is None:
            held = "" if spec.setup.hold_out is None else f", hold_out=srhm.{spec.setup.hold_out}"
            seeds, rules = spec.seeds, f"found.run.spec.setup.grammar({spec.seeds.grammar})"
            raise SrhmError(
                f"the network that {spec.net.family} trained is not kept. Train it again: your function with "
                f"srhm.split({rules}, {spec.P}, {spec.setup.P_test}, {seeds.samples}, "
                f"replacement={spec.setup.replacement}{held}).train and the seed {seeds.network} is what was run"
            )
        template = spec.setup.network(spec.seeds.network)
        return load_weights(self.store.weights_folder, weights, template)

    def predictions(self, dataset: Dataset | None = None, step: int | None = None) -> Predictions:
        """Return what the trained network predicts of every sample, for a task that predicts symbols.

        ``found.run.spec.setup.task.exact(grammar, found.predictions().symbols)`` are the exact probabilities of these.

        Parameters
        ----------
        dataset
            Samples of the same model. Default: the test points of the run.
        step
            As for :meth:`network`.

        Raises
        ------
        ArgumentError
            If the samples are of another model, or no weights were recorded at the step.
        SrhmError
            If the task is classification (``task="latent(L + 1)"``, with the number, has a loss and a floor of the
            class), or a function of your own trained the network.
        """
        spec = self.run.spec
        if not spec.setup.task.predicts_symbols:
            fix = f'task="latent({spec.params.L + 1})" predicts the class likewise'
            raise SrhmError(f"a run of classification has no predictions of symbols; {fix}")
        if dataset is None:
            dataset = draw_sets(spec).test
        check_instance(Dataset, dataset=dataset)
        if dataset.params != spec.params:
            raise ArgumentError("dataset", dataset.params, "are not those of the run", f"Use {spec.params}")
        return TestSet(dataset, spec.net.encoding, task=spec.setup.task).predictions(self.network(step))

    def generate(
        self, count: int, seed: int = 0, step: int | None = None
    ) -> Integer[np.ndarray, "sample position"]:
        """Return samples of the trained network, -1 for a blank; see :func:`~srhm.training.generation.generate`.

        Parameters
        ----------
        count
            Number of samples.
        seed
            Of all draws.
        step
            As for :meth:`network`.

        Raises
        ------
        ArgumentError
            If the task is neither ``denoise`` nor ``next``, or no weights were recorded at the step.
        SrhmError
            If a function of your own trained the network.
        """
        setup = self.run.spec.setup
        return generate(self.network(step), setup.task, setup.params, setup.net.encoding, count, seed)

    def plot(self) -> Any:
        """Draw the loss at each position over its exact floor, and its excess through training.

        Returns
        -------
        matplotlib.figure.Figure
            The figure.

        Raises
        ------
        SrhmError
            If the task has no losses by position, as classification.
        """
        from .figures import symbol_losses

        spec = self.run.spec
        if not spec.setup.task.predicts_symbols:
            raise SrhmError("a single run of classification has no figure; srhm.pstar(...).plot() draws many")
        return symbol_losses({f"{setup_name(spec.setup)}, P = {spec.P:,}": self.run.record})

    def __repr__(self) -> str:
        spec = self.run.spec
        return f"FinishedRun({setup_name(spec.setup)}, P={spec.P}: error {self.error:.4f}, {self.status})"


@dataclass(frozen=True)
class FinishedSearch:
    """P*, with the runs that it was read off."""

    study: Study
    """The setup, its replicates and their runs."""

    def complexity(self, quantity: str | None = None) -> SampleComplexity:
        """Return P* of a quantity over the replicates, with its interval, kind and status; of the first by default."""
        return self.study.complexity(quantity)

    @property
    def P_star(self) -> float | None:
        """Training points at which the test error falls to its threshold; None if the runs do not show it."""
        return self.complexity().P_star

    @property
    def interval(self) -> tuple[float | None, float | None] | None:
        """Its 90% interval over the replicates; of one replicate its bracket."""
        return self.complexity().interval

    @property
    def runs(self) -> list[Run]:
        """All runs, by replicate."""
        return [run for _, run in self.study.all_runs]

    def plot(self, quantities: Sequence[str] | None = None) -> Any:
        """Draw quantities against P, all runs and the median, with P* where it was searched.

        Parameters
        ----------
        quantities
            Metrics of the runs, a panel for each, such as ``["error", "S_21"]``. Default: those that were searched.

        Returns
        -------
        matplotlib.figure.Figure
            The figure.
        """
        from .figures import Curve, learning_curves

        study, setup = self.study, self.study.setup
        names = list(study.thresholds if quantities is None else quantities)
        searched = {name: study.complexity(name) for name in names if name in study.thresholds}
        found = {name: one for name, one in searched.items() if one.P_star is not None}
        curve = Curve.of(study, setup_name(setup), names)
        curve = replace(
            curve,
            P_star={name: one.P_star for name, one in found.items()},
            P_star_interval={name: one.interval for name, one in found.items()},
        )
        limits, L = {**setup.thresholds, **study.thresholds}, setup.params.L
        classes = not (setup.task.predicts_symbols or setup.class_weights)
        chance = 1 - 1 / setup.params.n_c if classes else None
        return learning_curves([curve], limits, chance=chance, quantities=names, L=L)

    def __repr__(self) -> str:
        return f"FinishedSearch({setup_name(self.study.setup)}: {self.complexity()!r})"


def as_number(value: Any) -> float:
    """Return a metric of a run as a number; nan where it has none."""
    return float("nan") if value is None else float(value)
