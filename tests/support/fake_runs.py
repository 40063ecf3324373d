"""Runs that nobody computed, for the tests of what is done with runs; and what other processes do in them."""

import time
from pathlib import Path
from typing import Any

from setups import run_spec
from srhm import Params
from srhm.store import Store, owner_name
from srhm.study import Run, RunSpec, Seeds

PARAMS = Params(n_c=3, v=3, m=3, s=2, s0=1, L=2)


def small(net: str = "cnn", P: int = 200, **changes: Any) -> RunSpec:
    """Return a run of a few seconds at most, with the options that are changed."""
    options = {"width": 8, "P_test": 100, "stop_loss": 0.05, "max_epochs": 60}
    return run_spec(PARAMS, net, P, **(options | changes))


SPEC = small()


def fake_run(spec: RunSpec, **metrics: Any) -> Run:
    """Return a finished run."""
    return Run(
        spec, "converged", {"error": 0.2, "epochs": 3} | metrics, [], {"train": 1.0}, {"srhm": "0"}, "cpu"
    )


def many_specs(number: int) -> list[RunSpec]:
    """Return different specifications."""
    setup = run_spec(PARAMS, "cnn", 50, width=8, P_test=100).setup
    return [setup.at(50, Seeds(order=i)) for i in range(number)]


def meet(folder: str, place: int, name: int, number: int) -> None:
    """Wait until as many processes are here, in this place."""
    (Path(folder) / f"{place}-{name}").touch()
    while not all((Path(folder) / f"{place}-{other}").exists() for other in range(number)):
        time.sleep(0.0002)


def race(place: str, folder: str, name: int, racers: int, number: int) -> list[str]:
    """Claim all of many runs, a few at a time, at the same time as others; return those that are ours."""
    store, owner, won = Store(place, files=folder), owner_name(), []
    specs = many_specs(number)
    for start in range(0, number, 20):
        meet(folder, start, name, racers)
        won += store.claim(specs[start : start + 20], owner, seconds=60)
    store.close()
    return won


def drive(place: str, folder: str, name: int, racers: int, number: int) -> list[str]:
    """Compute what is not claimed by others until all is finished, as a driver does; return what we computed."""
    store, owner, computed = Store(place, files=folder), owner_name(), []
    specs = many_specs(number)
    meet(folder, 0, name, racers)
    store.enter(owner, "test", number, 0, 4)
    while missing := [spec for spec in specs if spec.hash not in store.hashes()]:
        ours = store.claim(missing[:: 1 if name % 2 else -1][:5], owner, seconds=60)
        store.put_many(fake_run(spec) for spec in missing if spec.hash in ours)
        computed += ours
        store.renew(owner, seconds=60)
        store.seen(owner, 1)
    store.leave(owner, "finished", 1)
    store.close()
    return computed
