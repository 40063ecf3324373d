"""One training run: repeated calls of one compiled function, with evaluations, records and checkpoints in between."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..backend import backend_name
from ..files import check_output
from ..interrupts import check_interrupt, interrupts_noted
from ..model.dataset import Dataset
from ..model.encoding import Encoding
from ..nets.patch_layer import works_on_patches
from .checkpoint import Checkpoint
from .evaluation import Scores, TestSet, latents_of, recorded_losses
from .job import Record, TrainingJob, digest_of
from .loop import State, advance_compiled, diverged, start, stopped
from .order import EpochOrder, batch_order, class_data
from .protocol import Optimizer, Stopping, check_budget
from .recording import is_recorded, next_record, plain
from .stuck import LossWatch
from .task import Classification, Task

Status = Literal["converged", "epochs", "plateau", "stuck", "unstable", "diverged", "stopped"]
"""How a run ended: its loss, or its excess, fell to the threshold; it reached the last epoch or step; its test loss
(with noisy inputs its test error) did not fall for as many evaluations as its patience lasts; its training loss did not
for as many as `loss_patience` says, and never was below chance (stuck) or was (unstable); its loss or its outputs were
no longer finite; or its budget was spent, and it can be resumed."""

_batch_order = jax.jit(batch_order, static_argnums=3)  # one program, not one for each of its operations
_CALL_SECONDS = 0.5
_MAX_STEPS = 2**24  # batches in a call


@dataclass(frozen=True)
class Result:
    """A finished, or stopped, training run."""

    net: Any
    """The reported network: the last one, or the best of the evaluations."""
    status: Status
    """How the run ended."""
    epochs: int
    """Number of finished epochs."""
    steps: int
    """Number of finished batches, over all epochs."""
    train_loss: float
    """Mean training loss of the last finished epoch."""
    test_error: float
    """Test error of the reported network, the fraction of misclassified points; nan if the run diverged."""
    best_test_error: float
    """Smallest test error over all evaluations, that at the end included."""
    best_epoch: int
    """Epoch of the smallest test error."""
    scores: Scores | None = None
    """Of a task that predicts symbols: the loss of the reported network at each place, and its exact floor."""
    record: list[dict[str, Any]] = field(default_factory=list)
    """With `record`: step, epoch, mean loss of the epoch so far and test error at log-spaced steps, and whatever else
    was to be recorded; else empty. Of a task that predicts symbols also test_loss, excess and loss_by_place."""
    seconds: float = 0.0
    """Wall time of the run, compilation included, summed over interruptions."""
    compile_seconds: float = 0.0
    """Wall time of the first training call, mostly compilation; summed over interruptions."""


ProgressCallback = Callable[[dict[str, int | float]], None]
"""Called about twice a second with epoch, step, train_loss of the last finished epoch (nan in the first) and
best_test_error (inf before the first evaluation)."""


def train(
    net: Any,
    train_set: Dataset,
    test_set: Dataset,
    *,
    task: Task | None = None,
    optimizer: Optimizer | optax.GradientTransformation | None = None,
    batch_per_class: int | None = None,
    stopping: Stopping | None = None,
    order_seed: int = 0,
    encoding: Encoding | None = None,
    record: Record = False,
    budget: float | None = None,
    checkpoint: Checkpoint | Path | None = None,
    progress: ProgressCallback | None = None,
) -> Result:
    """Train a network until the stop rule holds (docs, networks.md).

    Batches of `batch_per_class` points of each class; SGD with momentum at a constant rate by default.

    Parameters
    ----------
    net
        A map from dense inputs [sample, position, channel] to outputs [sample, class_]: an Equinox module.
    train_set, test_set
        The training and the test set, of the same grammar. The numbers of training points per class differ by at
        most one; where classes have weights, a batch has as many points, of the classes that come.
    task
        What the network predicts. Default: the class, :class:`Classification() <Classification>`, with the mean
        cross-entropy.
    optimizer
        An :class:`Optimizer`: rate, momentum and batches of SGD. For one of our networks the rate is per width: it is
        multiplied by the width of the network; for any other it is the learning rate itself. Or any optax
        transformation, such as ``optax.adam(1e-3)``, used as it is: its rate is not scaled with the width; frozen
        layers and running statistics are left out of it. Default: :class:`Optimizer() <Optimizer>` with the rate of the
        family of a network of :func:`srhm.nets.build`; any other network has no default rate.
    batch_per_class
        Points of each class in a batch, for an optax transformation. Default: 4. An :class:`Optimizer` has its own.
    stopping
        When training ends. Default: :class:`Stopping() <Stopping>`, with the loss and the number of epochs of the
        family of a network of :func:`srhm.nets.build`; for any other network 1e-3 and 10,000.
    order_seed
        Seed of the order of the training points.
    encoding
        The encoding of the inputs. Default: that of the network, else ``"whitened"``.
    record
        Keep the loss and the test error at the log-spaced steps round(2^(k/2)) and at the end, in ``Result.record``.
        A function of the network returns more to be kept there, numbers or text by name, such as ``lambda net:
        sensitivities(net, test_set).metrics()``. Recording does not change the training.
    budget
        Seconds after which the run is stopped; it can be resumed from its checkpoint. Default: no limit.
    checkpoint
        File of the state of the run. It is written every minute and when the run is stopped or interrupted, by Ctrl-C
        or by SIGTERM, which ends the process with status 143 (only in the main thread). A run with the same settings
        resumes from it. If a run has written its checkpoint, it also writes its final state, so that the same call
        returns at once; delete the file when the result is stored.
    progress
        Called about twice a second.

    Raises
    ------
    ArgumentError
        If an argument has the wrong type; the sets are of different grammars; the network does not have one output per
        class; the rate is missing and has no default; the optimizer needs more than gradients and weights;
        `batch_per_class` is given together with an :class:`Optimizer`; `encoding` is not that of the network; or the
        checkpoint belongs to another run.

    Examples
    --------
    >>> from srhm import Grammar, Params, split
    >>> from srhm.nets import build
    >>> params = Params(v=4, s0=1, L=2)
    >>> sets = split(Grammar(params), P=200, P_test=100)
    >>> net = build("cnn", params, width=32)
    >>> train(net, sets.train, sets.test).status
    'converged'
    >>> train(net, sets.train, sets.test, optimizer=optax.adam(0.1), stopping=Stopping(max_epochs=2)).epochs
    2
    """
    check_budget(budget)
    if optimizer is None:
        optimizer = Optimizer() if batch_per_class is None else Optimizer(batch_per_class=batch_per_class)
        batch_per_class = None
    job = TrainingJob(
        net,
        train_set,
        test_set,
        optimizer,
        Stopping() if stopping is None else stopping,
        order_seed,
        encoding,
        record,
        task=Classification() if task is None else task,
        batch_per_class=batch_per_class,
    )
    return SingleRun(job, Checkpoint.of(checkpoint)).go(budget, progress)


class SingleRun:
    """The host side of a run: how far to advance, evaluations, records and checkpoints."""

    def __init__(self, job: TrainingJob, checkpoint: Checkpoint | None = None) -> None:
        backend_name()  # refuses where there is none
        self.began = time.perf_counter()
        self.job, self.stopping = job, job.stopping
        assert job.stopping.max_epochs is not None  # filled in
        self.max_epochs = job.stopping.max_epochs
        assert job.batch_per_class is not None  # filled in
        self.batch_per_class = job.batch_per_class
        self.data = class_data(job.train_set, self.batch_per_class, latents_of(job.task, job.train_set))
        self.order = EpochOrder.empty(self.data, self.batch_per_class)
        self.test = TestSet(job.test_set, job.encoding, shared=works_on_patches(job.net), task=job.task)
        self.batches = -(-int(self.data.counts.max()) // self.batch_per_class)
        self.max_steps = min(self.max_epochs * self.batches, job.stopping.max_steps or 2**62)
        self.state, self.settings = start(
            job.net,
            job.optimizer,
            job.stopping,
            rate=job.rate,
            order_seed=job.order_seed,
            last_step=self.max_steps,
        )
        self.lowest: tuple[float, int] = (float("inf"), 0)
        """The lowest test loss, or error, of the evaluations, and how many have come since."""
        self.ended: Status | None = None
        """How an evaluation has ended the run."""
        self.watch = LossWatch.of(job.stopping.loss_patience, job.train_set)
        """The training losses at the evaluations, if they may end the run."""
        self.heeded = -1
        """The step of the last evaluation that was looked at for that."""
        self.best: tuple[float, int] = (float("inf"), 0)
        self.best_error = float("inf")
        self.best_net = job.net
        self.evaluated: dict[int, Scores] = {}
        self.record: list[dict[str, Any]] = []
        self.seconds_before = self.compile_seconds = 0.0
        self.compiled = False
        self.kept_step: int | None = None
        """The step that the checkpoint holds."""
        self.checkpoint, self.identity = checkpoint, job.identity
        if checkpoint is not None:
            check_output("checkpoint", checkpoint.path)
            self.identity["net"] = digest_of(job.net)
            self._restore(checkpoint)

    @property
    def epoch(self) -> int:
        """Finished epochs."""
        return int(self.state.epoch)

    @property
    def step(self) -> int:
        """Finished batches over all epochs."""
        return self.epoch * self.batches + int(self.state.batch)

    @property
    def over(self) -> bool:
        """Whether the run has come to its end."""
        last = self.epoch >= self.max_epochs or self.step >= self.max_steps
        return last or self.ended is not None or bool(stopped(self.state, self.settings))

    def go(self, budget: float | None, progress: ProgressCallback | None) -> Result:
        """Run to the end, or until the budget is spent."""
        steps = 32
        with interrupts_noted(self.checkpoint is not None):
            try:
                while not self.over and not (
                    budget is not None and time.perf_counter() - self.began > budget
                ):
                    check_interrupt()
                    steps = self._call(steps)
                    self.save_when_due()
                    if progress is not None:
                        progress(self.progress())
            except (KeyboardInterrupt, SystemExit):
                self.save()
                raise
        return self.end()

    def end(self) -> Result:
        """Return the result of a run that is over, or was stopped, and keep its state if that is worth a file."""
        if self.checkpoint is not None:
            worth_a_file = not self.over or self.checkpoint.due() or self.kept_step is not None
            if worth_a_file and self.kept_step != self.step:
                self.save()
        return self.result(self.status() if self.over else "stopped")

    def save_when_due(self) -> None:
        """Write the checkpoint, if there is one and the last is old."""
        if self.checkpoint is not None and self.checkpoint.due():
            self.save()

    def _call(self, steps: int) -> int:
        """Advance by `steps` batches at most; return how many to try next."""
        before, first = time.perf_counter(), not self.compiled
        limit, until = self.limits(steps)
        state, self.order = advance_compiled(
            self.state,
            self.order,
            self.data,
            self.settings,
            jnp.asarray(limit, jnp.int32),
            jnp.asarray(until, jnp.int32),
            self.job.program,
        )
        state.epoch.block_until_ready()
        spent = time.perf_counter() - before
        self.take(state, spent)
        return steps if first or limit < steps else paced(steps, spent)

    def limits(self, steps: int) -> tuple[int, int]:
        """Return the number of batches to advance, at most to the next record, and the epoch of the next evaluation."""
        eval_every = self.stopping.eval_every
        until = min(self.max_epochs, (self.epoch // eval_every + 1) * eval_every)
        return min(steps, self._next_stop() - self.step, self.max_steps - self.step), until

    def take(self, state: State, spent: float) -> None:
        """Take the advanced state, which took this many seconds, and evaluate it if it is time."""
        self.state = state
        if not self.compiled:
            self.compiled = True
            self.compile_seconds += spent
        self._evaluate()

    def _next_stop(self) -> int:
        """The next recorded step, or a step far away if nothing is recorded."""
        if not self.job.record:
            return self.step + 2**30
        return next_record(self.step)

    def _evaluate(self) -> None:
        """Compute the test error where the stopping rule or the record asks for it.

        A second evaluation changes nothing, so a run that was interrupted just before or during one repeats it.
        """
        state_epoch, at_end = self.epoch, int(self.state.batch) == 0
        evaluate = at_end and state_epoch > 0 and state_epoch % self.stopping.eval_every == 0
        if not (evaluate or self._writes()) or self.status() == "diverged":
            return
        scores = self.test.scores(self.state.net)
        error = scores.error
        self.evaluated = {self.step: scores}
        if math.isnan(error):
            return
        if evaluate:
            self._heed(scores)
            self.best_error = min(self.best_error, error)
        if evaluate and scores.criterion < self.best[0]:
            if self.stopping.select == "best":
                self.best_net = self.state.net
            self.best = (scores.criterion, state_epoch)
        if self._writes():
            seen = self._points_seen()
            loss = float(self.state.epoch_loss) if at_end else float(self.state.loss_sum) / seen
            point = {"step": self.step, "epoch": state_epoch, "train_loss": loss, "test_error": error}
            point |= recorded_losses(scores)
            more = self.job.record(self.state.net) if callable(self.job.record) else {}
            self.record.append(point | {name: plain(name, value) for name, value in dict(more).items()})

    def _writes(self) -> bool:
        """Whether a point of the record is due."""
        due = bool(self.job.record) and self.step > 0 and (is_recorded(self.step) or self.over)
        return due and (not self.record or self.record[-1]["step"] < self.step)

    def _heed(self, scores: Scores) -> None:
        """End the run if an evaluation says so. Evaluations of the same step count once."""
        if self.heeded == self.step:
            return
        self.heeded, (lowest, since) = self.step, self.lowest
        self.lowest = (scores.criterion, 0) if scores.criterion < lowest else (lowest, since + 1)
        if self.stopping.excess is not None and scores.excess <= self.stopping.excess:
            self.ended = "converged"
        elif self.stopping.patience is not None and self.lowest[1] >= self.stopping.patience:
            self.ended = "plateau"
        elif self.watch is not None and not bool(stopped(self.state, self.settings)):
            self.ended = self.watch.ends(float(self.state.epoch_loss), self.state.net)

    def _points_seen(self) -> int:
        """Training points used in the current epoch; among fixed batches the small one can come at any time."""
        size, counts = self.batch_per_class, np.asarray(self.data.counts)
        order = _batch_order(
            self.settings.order, self.state.epoch, jnp.asarray(self.batches, jnp.int32), self.batches
        )
        first = np.asarray(order)[: int(self.state.batch)] * size
        return max(1, int((counts - first[:, None]).clip(0, size).sum()))

    def status(self) -> Status:
        """Return how the run ended, or would end now."""
        if bool(diverged(self.state)):
            return "diverged"
        if self.ended is not None:
            return self.ended
        return "converged" if bool(stopped(self.state, self.settings)) else "epochs"

    def progress(self) -> dict[str, int | float]:
        """Return what is passed to a :data:`ProgressCallback`."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "train_loss": float(self.state.epoch_loss) if self.epoch else math.nan,
            "best_test_error": self.best_error,
        }

    def result(self, status: Status) -> Result:
        """Return the result of a run that ends here."""
        net, scores, best = self.state.net, Scores(math.nan), math.nan
        if status != "diverged":
            scores = self.evaluated[self.step] if self.step in self.evaluated else self.test.scores(net)
        error = scores.error
        if math.isnan(error):  # the last step can break a network whose loss was still finite
            status = status if status == "stopped" else "diverged"
        else:
            best = min(error, self.best_error)
            if self.stopping.select == "best" and self.best[0] <= scores.criterion:
                net, scores = self.best_net, self.test.scores(self.best_net)
                error = scores.error
        return Result(
            net=net,
            status=status,
            epochs=self.epoch,
            steps=self.step,
            train_loss=float(self.state.epoch_loss) if self.epoch else math.nan,
            test_error=error,
            best_test_error=best,
            best_epoch=self.best[1] if self.best[0] <= scores.criterion else self.epoch,
            scores=None if scores.losses is None else scores,
            record=self.record,
            seconds=self.seconds_before + time.perf_counter() - self.began,
            compile_seconds=self.compile_seconds,
        )

    def _kept(self) -> tuple[State, Any]:
        """What a checkpoint holds on the device: the state, and the best network if it may be reported."""
        return self.state, self.best_net if self.stopping.select == "best" else None

    def save(self) -> None:
        """Write the checkpoint, if there is one."""
        if self.checkpoint is None:
            return
        arrays = jax.tree.leaves(eqx.filter(self._kept(), eqx.is_array))
        host = {
            "best": [*self.best, self.best_error],
            "record": self.record,
            "lowest": [*self.lowest, self.heeded, self.ended],
            "watch": None if self.watch is None else asdict(self.watch),
            "seconds": self.seconds_before + time.perf_counter() - self.began,
            "compile_seconds": self.compile_seconds,
        }
        self.checkpoint.save(self.identity, host, [np.asarray(array) for array in arrays])
        self.kept_step = self.step

    def _restore(self, checkpoint: Checkpoint) -> None:
        found = checkpoint.load(self.identity)
        if found is None:
            return
        host, arrays = found
        template, static = eqx.partition(self._kept(), eqx.is_array)
        leaves, structure = jax.tree.flatten(template)
        restored = jax.tree.unflatten(
            structure, [jnp.asarray(array, leaf.dtype) for array, leaf in zip(arrays, leaves, strict=True)]
        )
        self.state, self.best_net = eqx.combine(restored, static)
        *best, self.best_error = host["best"]
        self.best = (best[0], best[1])
        self.record = host["record"]
        *lowest, self.heeded, self.ended = host["lowest"]
        self.lowest = (lowest[0], lowest[1])
        if self.watch is not None:
            self.watch = LossWatch(**host["watch"])
        self.seconds_before, self.compile_seconds = host["seconds"], host["compile_seconds"]
        self.kept_step = self.step
        self._evaluate()


def paced(steps: int, spent: float) -> int:
    """Return how many batches take about half a second, if `steps` took `spent` seconds.

    A call that ends early at an evaluation seems fast, so the number has an upper bound.
    """
    return max(1, min(2 * steps, round(steps * _CALL_SECONDS / max(spent, 1e-9)), _MAX_STEPS))
