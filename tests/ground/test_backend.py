"""A backend of JAX that is asked for and not there: said before the first run, and no fault of any run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import pytest

import srhm
from driven import singles
from setups import run_spec
from srhm.cli import main
from srhm.errors import BackendError
from srhm.inference import UniformNoise, bayes_error
from srhm.nets import build
from srhm.runner.driver import drive
from srhm.runner.execution import execute
from srhm.runner.executors import Ensemble, Executor, InProcess, Workers, default_workers, open_executor
from srhm.runner.work import execute_ensemble_job, execute_job
from srhm.store import Store
from srhm.training import Optimizer, train, train_online

PARAMS = srhm.Params(n_c=2, v=2, m=2, s=2, s0=1, L=1)
SPEC = run_spec(PARAMS, "fcn", 4, width=4, P_test=4)
NOTHING = "names nothing that JAX can compute on here"


def missing() -> Any:
    """Fail as JAX does where the plugin of a GPU is missing."""
    raise AssertionError


def without_backend(dataset: Any, seed: int) -> Any:
    """Train as one would with a network of ours."""
    return build("fcn", dataset.params, 4, seed)


def test_every_entry_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    grammar = srhm.Grammar(PARAMS, 0)
    sets, net = srhm.split(grammar, 4, 4, 0), build("fcn", PARAMS, 4)
    stream = srhm.Stream(grammar, 0, "replacement")
    entries: list[Callable[[], Any]] = [
        lambda: build("fcn", PARAMS, 4),
        lambda: train(net, sets.train, sets.test, optimizer=Optimizer(rate=1.0)),
        lambda: train_online(net, stream, sets.test, points=8, optimizer=Optimizer(1.0)),
        lambda: execute(SPEC),
        lambda: srhm.Dataset.draw(stream, 4, backend="jax"),
        lambda: bayes_error(grammar, UniformNoise(0.1), samples=4, backend="jax"),
        lambda: srhm.pstar(PARAMS, without_backend, start=4, P_test=4, store=tmp_path / "runs.sqlite"),
        default_workers,
        lambda: open_executor("local", 1),
        lambda: open_executor("local", 2),
    ]
    monkeypatch.setattr(jax, "default_backend", missing)
    for entry in entries:
        with pytest.raises(BackendError, match=f"^JAX_PLATFORMS = .* {NOTHING}: .*set it to cpu"):
            entry()


@pytest.mark.parametrize(
    "made",
    [
        lambda: InProcess(execute_job),
        lambda: Ensemble(InProcess(execute_ensemble_job), 2),
        lambda: Workers(1, execute_job),
    ],
    ids=["in process", "ensemble", "workers"],
)
def test_no_run_fails_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Callable[[], Executor]
) -> None:
    store = Store(tmp_path / "runs.sqlite")
    with monkeypatch.context() as patch:
        patch.setattr(jax, "default_backend", missing)
        patch.setenv("JAX_PLATFORMS", "nowhere")  # for workers
        with pytest.raises(BackendError, match=NOTHING):
            drive(singles([SPEC]), store, made())
    assert store.failures() == [] and store.counts().running == 0
    assert drive(singles([SPEC]), store, InProcess(execute_job)).computed == 1


@pytest.mark.long
def test_a_worker_without_it_ends_the_search_of_a_function(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JAX_PLATFORMS", "nowhere")
    store = tmp_path / "runs.sqlite"
    with pytest.raises(BackendError, match=r"^JAX_PLATFORMS = 'nowhere' names nothing .*known backends"):
        srhm.pstar(PARAMS, without_backend, start=4, seeds=2, P_test=4, workers=2, store=store)
    assert not Store(store).failures()


@pytest.mark.parametrize("command", ["run --P 4", "pstar --seeds 1", "grid grid.toml --workers 1", "demo"])
def test_commands_say_so_before_the_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid.toml").write_text('[[runs]]\nnet="fcn"\nn_c=2\nv=2\nm=2\ns0=1\nL=1\nP=4\nP_test=4')
    model = ["--net", "fcn", "--n_c", "2", "--v", "2", "--m", "2", "--s0", "1", "--L", "1", "--P-test", "4"]
    monkeypatch.setattr(jax, "default_backend", missing)
    with pytest.raises(SystemExit) as caught:
        main(command.split() + (model if command.startswith(("run", "pstar")) else []))
    out, err = capsys.readouterr()
    assert caught.value.code == 1 and out == ""
    assert err.startswith("srhm: error: JAX_PLATFORMS = ") and NOTHING in err
    assert [path.name for path in tmp_path.iterdir()] == ["grid.toml"] or command.startswith("run")
