"""Claims, failures and drivers: several processes share the runs of one store."""

import multiprocessing
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path

import pytest

from fake_runs import SPEC, drive, fake_run, many_specs, race
from srhm.store import Counts, Store, owner_is_dead, owner_name
from srhm.store import drivers as drivers_module
from srhm.study import RunSpec

RACERS = 4


@pytest.fixture
def store(place: str, tmp_path: Path) -> Iterator[Store]:
    with Store(place, files=tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def racers() -> Iterator[ProcessPoolExecutor]:
    """Processes that have imported what they need."""
    with ProcessPoolExecutor(RACERS, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def hashes(specs: list[RunSpec]) -> set[str]:
    return {spec.hash for spec in specs}


def gone() -> str:
    """Return the owner that a process of this machine was, which has ended."""
    host, machine, _, start, number = owner_name().split(":")
    with subprocess.Popen(["true"]) as process:
        pass
    return f"{host}:{machine}:{process.pid}:{start}:{number}"


def elsewhere(name: str) -> str:
    """Return an owner on another machine, of which nobody here knows whether it lives."""
    return f"{name}:00000000:1:1:00000000"


def test_each_run_is_claimed_by_one_of_those_that_race(
    place: str, tmp_path: Path, racers: ProcessPoolExecutor
) -> None:
    """They make the store as they go."""
    work = [racers.submit(race, place, str(tmp_path), name, RACERS, 200) for name in range(RACERS)]
    won = [one.result(timeout=120) for one in work]
    assert sorted(chain(*won)) == sorted(hashes(many_specs(200)))
    assert sum(len(one) > 0 for one in won) > 1, "there was no race"


def test_several_drivers_do_nothing_twice(
    place: str, tmp_path: Path, racers: ProcessPoolExecutor, store: Store
) -> None:
    work = [racers.submit(drive, place, str(tmp_path), name, RACERS, 60) for name in range(RACERS)]
    computed = [one.result(timeout=120) for one in work]
    assert sorted(chain(*computed)) == sorted(hashes(many_specs(60))) == sorted(store.hashes())
    assert store.counts() == Counts(60, 0, 0)
    assert [driver.state for driver in store.drivers()] == ["finished"] * RACERS


def test_what_is_claimed_or_finished_is_not_claimed(store: Store) -> None:
    specs, us, them = many_specs(1010), owner_name(), elsewhere("far")
    store.put(fake_run(specs[0]))
    assert store.claim([], us, 60) == set()
    assert store.claim(specs[:600], them, 60) == hashes(specs[1:600])
    assert store.claim(specs, us, 60) == hashes(specs[600:])
    assert store.claim(specs, us, 60) == hashes(specs[600:])  # they are ours still
    assert store.counts() == Counts(1, 0, 1009)
    store.put(fake_run(specs[1]))
    store.fail(specs[2], "error", "it went wrong", attempts=3)
    assert store.counts() == Counts(2, 1, 1007)
    store.release(us, [spec.hash for spec in specs[600:1000]])
    assert store.renew(us, 60) == 10
    store.release(us)
    assert store.renew(us, 60) == 0
    assert store.claim(specs, us, 60) == hashes(specs[600:])
    assert store.claim(specs, us, 60, again=True) == hashes(specs[600:]) | {specs[2].hash}


def test_a_claim_ends(store: Store) -> None:
    (spec,) = many_specs(1)
    first, second = elsewhere("first"), elsewhere("second")
    assert store.claim([spec], first, 600) == {spec.hash}
    assert store.claim([spec], second, 60) == set()
    assert store.renew(first, 600) == 1
    assert store.claim([spec], second, 60) == set()
    assert store.renew(first, 0.2) == 1  # it ends so long after the renewal, whatever it had before
    time.sleep(0.4)
    assert store.counts().running == 0
    assert store.claim([spec], second, 60) == {spec.hash}
    assert store.renew(first, 60) == 0
    assert store.claim([spec], first, 60) == set()


def test_the_claims_of_the_dead_are_void(store: Store) -> None:
    specs = many_specs(3)
    assert store.claim(specs, gone(), 3600) == hashes(specs)
    assert store.counts().running == 0
    assert store.claim(specs, owner_name(), 60) == hashes(specs)


def test_who_is_dead() -> None:
    us = owner_name()
    host, machine, pid, start, number = us.split(":")
    assert owner_name() != us and not owner_is_dead(us)
    assert owner_is_dead(gone())
    assert owner_is_dead(f"{host}:{machine}:{pid}:{int(start) + 1}:{number}")  # its number was given anew
    assert not owner_is_dead(f"{host}:00000000:{2**22 + 1}:{start}:{number}")  # in another container
    assert not owner_is_dead(f"other:{machine}:{2**22 + 1}:{start}:{number}")
    assert not owner_is_dead(f"{host}:{machine}:{pid}:-:{number}")
    assert not owner_is_dead("somebody") and not owner_is_dead("a:b:c:d:e")


def test_a_zombie_is_dead() -> None:
    host, machine, _, _, number = owner_name().split(":")
    child = subprocess.Popen(["true"])
    for _ in range(100):
        if "Z" in Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2]:
            break
        time.sleep(0.02)
    assert owner_is_dead(f"{host}:{machine}:{child.pid}:-:{number}")
    child.wait()


def test_failures_are_kept_until_the_run_is_finished(store: Store) -> None:
    specs = many_specs(4)
    assert store.forget_failures() == 0
    for spec in specs:
        store.fail(spec, "memory", "out of memory\0", attempts=1)
    store.fail(specs[0], "error", "ValueError: " + "long " * 1000, attempts=3)
    *others, last = store.failures()
    assert [one.spec for one in others] == specs[1:] and last.spec == specs[0]
    assert (last.kind, last.attempts, len(last.reason)) == ("error", 3, 5012)
    assert others[0].reason == "out of memory"
    store.put(fake_run(specs[0]))
    store.fail(specs[0], "error", "too late", attempts=1)
    assert [one.spec for one in store.failures()] == specs[1:]
    assert store.forget_failures([specs[1].hash, specs[0].hash]) == 1
    assert store.forget_failures() == 2 and store.failures() == []
    assert store.get(specs[0]) is not None


def test_drivers_are_seen_and_asked_to_stop(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.ask_cancel() == 0 and store.drivers() == []
    us, far, dead = owner_name(), elsewhere("far"), gone()
    began = time.time()
    for owner in (us, far, dead):
        store.enter(owner, "srhm run " + "grid " * 100, total=10, finished_before=2, slots=4)
    assert not store.seen(us, 1) and not store.seen("nobody", 1)
    rows = {driver.owner: driver for driver in store.drivers()}
    assert {owner: rows[owner].alive for owner in rows} == {us: True, far: True, dead: False}
    ours = rows[us]
    assert (ours.total, ours.finished_before, ours.slots, ours.state, ours.cancel) == (
        10, 2, 4, "running", False
    )  # fmt: skip
    assert rows[far].host == "far" and rows[far].pid == 1 and ours.host == us.split(":")[0]
    assert began - 60 < ours.started <= ours.seen < time.time() + 60
    store.leave(far, "interrupted", 2)
    assert store.ask_cancel() == 1
    assert store.seen(us, 1) and not store.seen(far, 2)
    monkeypatch.setattr(drivers_module, "_SILENT_SECONDS", -1.0)
    assert not any(driver.alive for driver in store.drivers())
    monkeypatch.setattr(drivers_module, "_FORGET_SECONDS", -1.0)
    store.enter(us, "again", total=1, finished_before=0, slots=1)
    assert [(driver.title, driver.cancel) for driver in store.drivers()] == [("again", False)]


def test_a_driver_that_is_restarted_goes_on_at_once(store: Store) -> None:
    specs = many_specs(5)
    before, after = gone(), owner_name()
    store.enter(before, "run", 5, 0, 1)
    store.claim(specs, before, 3600)
    store.put(fake_run(specs[0]))
    store.fail(SPEC, "killed", "by the system", 1)
    assert store.claim(specs, after, 60) == hashes(specs[1:])
