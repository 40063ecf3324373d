"""The store: its rows, its file, the process that owns it, and what goes wrong with them."""

import json
import re
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

import srhm
from fake_runs import PARAMS, SPEC, fake_run, many_specs
from setups import run_spec
from srhm.store import Store, disk
from srhm.store.disk import NetworkDiskWarning
from srhm.store.ownership import StoreInUse
from srhm.store.problems import StoreBusy, StoreFull
from srhm.store.store import Counts
from srhm.store.tables import RUNS, row_of
from srhm.study import Run, Seeds
from torn_writes import survive


def test_the_store_returns_what_was_put(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.sqlite")
    assert store.get(SPEC) is None and len(store) == 0 and not store.exists()
    assert store.hashes() == set() and store.failures() == [] and store.driver() is None
    assert store.counts() == Counts(0, 0, 0)
    assert list(tmp_path.iterdir()) == []  # nothing is written before the first run
    big = replace(SPEC, seeds=Seeds(grammar=2**64 - 1))
    run = fake_run(SPEC, S_21=0.3, nothing=None)
    run = replace(run, weights="ab" * 32, record=[{"step": 1, "loss": None}])
    store.put(run)
    store.put_many([fake_run(big), fake_run(replace(SPEC, P=50))])
    assert store.get(SPEC) == run
    assert [found.spec.P for found in store.runs()] == [50, 200, 200]
    again = Store(store.path)
    assert [found.spec for found in again.runs(P=200, seed_grammar=str(2**64 - 1))] == [big]
    assert again.hashes() == {SPEC.hash, big.hash, replace(SPEC, P=50).hash}
    with pytest.raises(srhm.ArgumentError, match="color"):
        store.runs(color=3)


def test_a_file_leaves_nothing_beside_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "runs.sqlite")
    store.put(fake_run(SPEC))
    assert store.get(SPEC) is not None
    assert list((tmp_path / "deep").iterdir()) == [store.path]
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    connection.close()


def test_many_are_found_at_once(tmp_path: Path) -> None:
    store, specs = Store(tmp_path / "runs.sqlite"), many_specs(1200)
    store.put_many(fake_run(spec, order=number) for number, spec in enumerate(specs[:1100]))
    found = store.finished(specs)
    assert found.keys() == {spec.hash for spec in specs[:1100]}
    assert all(found[spec.hash].metrics["order"] == number for number, spec in enumerate(specs[:1100]))
    assert len(list(store.runs())) == len(store) == 1100
    began = time.time()
    assert store.finished_since(began - 600) == 1100 and store.finished_since(began + 600) == 0


def test_a_number_that_json_does_not_know_is_none(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.sqlite")
    diverged = fake_run(SPEC, train_loss=float("inf"))
    store.put(replace(diverged, record=[{"step": 4, "train_loss": float("nan")}]))
    found = store.get(SPEC)
    assert found is not None and found.metrics["train_loss"] is None
    assert found.record == [{"step": 4, "train_loss": None}]


def test_a_run_survives_the_way_through_json() -> None:
    run = replace(fake_run(SPEC, S_21=0.3), weights="0f" * 32)
    content = json.loads(json.dumps(run.to_dict()))
    assert content["hash"] == SPEC.hash and content["metrics"]["S_21"] == 0.3
    assert Run.from_dict(content) == run


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hash": "0" * 64}, "hash = .* is not that of the specification"),
        ({"status": "done"}, "status = 'done'"),
        ({"metrics": [1]}, "metrics"),
        ({"metrics": {"error": "small"}}, "metrics"),
        ({"record": {}}, "record"),
        ({"seconds": {"train": None}}, "seconds"),
        ({"versions": {"srhm": 1}}, "versions"),
        ({"device": None}, "device = None"),
        ({"weights": "../../etc/passwd"}, "weights"),
        ({"spec": []}, "is not a run"),
        ({"more": 1}, "more"),
    ],
)
def test_a_run_of_other_kind_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(srhm.ArgumentError, match=said):
        Run.from_dict(fake_run(SPEC).to_dict() | change)


def test_the_same_specification_has_one_row(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.sqlite")
    store.put(fake_run(SPEC, error=0.3))
    store.put(fake_run(SPEC, error=0.4))
    assert len(store) == 1
    found = store.get(SPEC)
    assert found is not None and found.metrics["error"] == 0.4


def test_a_stopped_run_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(srhm.ArgumentError, match="stopped"):
        Store(tmp_path / "runs.sqlite").put(replace(fake_run(SPEC), status="stopped"))


def test_a_run_that_is_kept_needs_no_checkpoint(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.sqlite")
    ours, other = store.checkpoint(SPEC), store.checkpoint(replace(SPEC, P=201))
    ours.parent.mkdir()
    ours.touch()
    other.touch()
    store.put(fake_run(SPEC))
    assert list(ours.parent.iterdir()) == [other]
    store.tidy()
    assert other.exists()
    other.unlink()
    store.tidy()
    assert list(tmp_path.iterdir()) == [store.path]


def test_several_writers_make_one_store(tmp_path: Path) -> None:
    """All find no table, and all make it."""
    for attempt in range(5):
        path, failed = tmp_path / f"{attempt}.sqlite", []
        start = threading.Barrier(6)

        def write(P: int, path: Path = path, start: threading.Barrier = start, failed: list = failed) -> None:
            store = Store(path)
            start.wait()
            try:
                store.put(fake_run(replace(SPEC, P=P)))
            except srhm.SrhmError as error:
                failed.append(error)

        writers = [threading.Thread(target=write, args=(P,)) for P in range(50, 56)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert failed == []
        assert [run.spec.P for run in Store(path).runs()] == list(range(50, 56))


def test_reading_a_store_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    store, other = Store(tmp_path / "runs.sqlite"), Store(tmp_path / "other.sqlite")
    for read in (
        store.runs,
        store.to_pandas,
        lambda: store.write_parquet(tmp_path / "table"),
        lambda: other.merge([store]),
    ):
        with pytest.raises(srhm.ArgumentError, match=r"store = .* does not exist\. .*Name the store of"):
            read()
    assert list(tmp_path.iterdir()) == []


def test_a_mistyped_store_is_told_with_the_nearest_file(tmp_path: Path) -> None:
    Store(tmp_path / "runs.sqlite").put(fake_run(SPEC))
    with pytest.raises(
        srhm.ArgumentError, match=r"rums\.sqlite' does not exist\. Did you mean '.*/runs\.sqlite'\?"
    ):
        Store(tmp_path / "rums.sqlite").runs()


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"net": "cn"}, "net = 'cn' is not a network of this store. Did you mean 'cnn'? Use one of cnn, lcn"),
        ({"sparsity": "C"}, "Use 'A' or 'B'"),
        ({"status": "convergd"}, "Did you mean 'converged'?"),
        ({"P": "200"}, "P = '200' is not an integer"),
        ({"s0": None}, "s0 = None is not an integer"),
        ({"error": "0.2"}, "error = '0.2' is not a finite number"),
        ({"seed_order": -1}, "seed_order = -1 is below 0"),
        ({"seed_order": "one"}, "seed_order = 'one' is not an integer"),
        ({"hash": "abc"}, "hash = 'abc' is not a SHA-256"),
        ({"weights": 5}, "weights = 5 is not a SHA-256"),
        ({"device": 5}, "device = 5 is an int, not a str"),
        (
            {"seed_oder": 0},
            "seed_oder = 0 is not a column by which runs can be selected. Did you mean 'seed_order'?",
        ),
        ({"metrics": {}}, "metrics = {} is not a column by which runs can be selected."),
    ],
)
def test_values_that_no_run_can_have_are_refused(tmp_path: Path, columns: dict[str, Any], said: str) -> None:
    store = Store(tmp_path / "runs.sqlite")
    store.put(fake_run(SPEC))
    for read in (store.runs, store.to_pandas, partial(store.write_parquet, tmp_path / "table.parquet")):
        with pytest.raises(srhm.ArgumentError, match=re.escape(said)):
            read(**columns)
    assert not (tmp_path / "table.parquet").exists()
    usual = {
        "net": "cnn",
        "P": SPEC.P,
        "seed_order": 0,
        "hash": SPEC.hash,
        "weights": None,
        "status": "converged",
    }
    assert len(store.to_pandas(**usual)) == 1 and len(list(store.runs(seed_order=1))) == 0


def test_an_empty_file_is_an_empty_store(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    path.touch()
    store = Store(path)
    store.check_writable()
    assert store.get(SPEC) is None and len(store) == 0 and list(store.runs()) == []
    assert path.read_bytes() == b""
    store.put(fake_run(SPEC))
    assert len(store) == len(Store(path)) == 1


def test_a_store_that_others_write_to_is_called_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading goes on meanwhile, what was being written not being there yet."""
    monkeypatch.setattr(disk, "LOCK_SECONDS", 0.05)
    path = tmp_path / "runs.sqlite"
    Store(path).put(fake_run(SPEC))
    late = Store(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    other.execute("delete from runs")
    for use in (lambda: late.put(fake_run(SPEC)), late.check_writable):
        with pytest.raises(StoreBusy, match=r"is locked by another process, for more than 0\.05 seconds"):
            use()
    assert Store(path).get(SPEC) is not None
    other.execute("commit")
    assert late.get(SPEC) is None
    other.close()


def test_a_full_disk_is_called_full(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.sqlite")
    store.put(fake_run(SPEC))

    def shrink(connection: Any, record: Any) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    sql.event.listen(store._engine, "connect", shrink)
    with pytest.raises(StoreFull, match="Free some space"):
        store.put_many(fake_run(spec) for spec in many_specs(200))
    sql.event.remove(store._engine, "connect", shrink)
    assert len(store) == 1  # all of them or none
    store.put_many(fake_run(spec) for spec in many_specs(200))
    assert len(store) == 201


def database(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_what_is_no_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "short").write_text("a note")
    (tmp_path / "long").write_text("this is no database " * 200)
    database(tmp_path / "tables", "create table songs (name text)")
    database(tmp_path / "columns", "create table runs (hash text, distance real)")
    for path in sorted(tmp_path.iterdir()):
        before = path.read_bytes()
        with pytest.raises(srhm.ArgumentError, match="is not a store of srhm runs"):
            Store(path)
        assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="takes a place where nobody can write")
def test_a_place_that_takes_no_store_is_refused(
    tmp_path: Path,
) -> None:
    for place in ("/proc/runs.sqlite", "/proc/x/y.sqlite"):
        with pytest.raises(srhm.ArgumentError, match="cannot be written"):
            Store(place).check_writable()
    for place in ("/dev/null", tmp_path / ("x" * 300)):
        with pytest.raises(srhm.ArgumentError, match=r"store = .* (is not a file|cannot be used)"):
            Store(place)
    Store(tmp_path / "new" / "runs.sqlite").check_writable()
    assert list(tmp_path.iterdir()) == []


def test_a_row_that_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    Store(path).put(fake_run(SPEC))
    for content in ("__import__('os')", "5"):
        with sqlite3.connect(path) as connection:
            connection.execute("update runs set spec = ?, metrics = ?", (content, content))
        connection.close()
        with pytest.raises(srhm.ArgumentError):
            list(Store(path).runs())


# Files.


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("postgresql://me:geheim@host/runs", r"postgresql://\.\.\.' is a URL, and a store is a file"),
        ("sqlite:///runs.sqlite", r"sqlite://\.\.\.' is a URL"),
        ("/", "is a folder"),
        ("a\0b", "cannot be used"),
    ],
)
def test_a_path_that_cannot_be_is_refused_without_a_password(path: str, said: str) -> None:
    with pytest.raises(srhm.ArgumentError, match=f"store = .*{said}") as caught:
        Store(path)
    assert caught.value.argument == "store" and "geheim" not in str(caught.value)


def test_any_name_of_a_file_will_do(tmp_path: Path) -> None:
    path = tmp_path / "a ?#%41 name.sqlite"
    Store(path).put(fake_run(SPEC))
    assert list(tmp_path.iterdir()) == [path]


def test_where_files_are(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.sqlite")
    assert store.weights_folder == tmp_path / "runs-weights"
    assert store.checkpoint(SPEC).parent == tmp_path / "runs-checkpoints"


MOUNTS = """/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw,vers=4.2 0 0
/dev/sdb1 /home/me/scratch xfs rw 0 0
me@host:/data /mnt/my\\040data fuse.sshfs rw 0 0
pool /mnt/lustre lustre rw 0 0
portal /mnt/portal fuse.portal rw 0 0
//server/share /mnt/share ext4 rw 0 0
//server/share /mnt/share cifs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "system"),
    [
        ("/tmp/runs.sqlite", None),
        ("/home/me/runs.sqlite", "nfs4"),
        ("/home2/me/runs.sqlite", None),
        ("/home/me/scratch/runs.sqlite", None),
        ("/mnt/my data/runs.sqlite", "fuse.sshfs"),
        ("/mnt/lustre/deep/runs.sqlite", "lustre"),
        ("/mnt/portal/runs.sqlite", None),
        ("/mnt/share/runs.sqlite", "cifs"),
    ],
)
def test_network_disks_are_known(path: str, system: str | None) -> None:
    assert disk.network_system(Path(path), MOUNTS) == system
    assert disk.network_system(Path(path), "") is None


def test_a_network_disk_is_warned_of_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.sqlite"
    Store(path).put(fake_run(SPEC))  # made on a local disk, then moved
    monkeypatch.setattr(disk, "read_mounts", lambda: f"server:/x {tmp_path.resolve()} nfs rw 0 0")
    with pytest.warns(NetworkDiskWarning, match=r"\(nfs\).*--shard i/n, then srhm merge"):
        Store(path).put(fake_run(replace(SPEC, P=50)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Store(path).put(fake_run(replace(SPEC, P=60)))
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("delete",)]
    connection.close()
    assert len(Store(path)) == 3


# Stores of other versions.


def make_old(path: Path) -> None:
    """Make a store as the first version did: it had fewer columns."""
    Store(path).put(fake_run(SPEC))
    database(path, "drop index ix_runs_ended", "alter table runs drop column ended")


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    make_old(path)
    before = path.read_bytes()
    with pytest.raises(
        srhm.ArgumentError, match=r"was written by another version of srhm.*merge it into a new"
    ):
        Store(path)
    assert path.read_bytes() == before


def test_further_tables_and_columns_do_no_harm(tmp_path: Path) -> None:
    """So had the stores of the second version."""
    path = tmp_path / "runs.sqlite"
    Store(path).put(fake_run(SPEC))
    database(path, "create table claims (hash text)", "alter table runs add column more text")
    store = Store(path)
    assert store.get(SPEC) == fake_run(SPEC)
    store.put(fake_run(replace(SPEC, P=50)))
    assert len(Store(path)) == 2


# Who computes.

OWN = """
import sys
from srhm.store import Store
owned = Store(sys.argv[1]).own("srhm grid GRID.toml", 7, 2)
owned.update(3, 2)
print("owned", flush=True)
sys.stdin.read()
"""


def test_one_process_at_a_time_computes_and_others_are_told_which(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.sqlite")
    other = subprocess.Popen(
        [sys.executable, "-c", OWN, str(store.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None and other.stdout.readline() == "owned\n"
    driver = store.driver()
    assert driver is not None and driver.alive and driver.here and driver.pid == other.pid
    assert (driver.total, driver.finished_before, driver.done, driver.running) == (7, 2, 3, 2)
    assert store.counts() == Counts(0, 0, 2)
    said = f"is in use by srhm grid GRID.toml \\(process {other.pid} on .*srhm cancel .*runs.sqlite"
    with pytest.raises(StoreInUse, match=said):
        store.own("me", 1, 0)
    store.put(fake_run(SPEC))  # others may write all the same
    other.kill()
    other.communicate()
    driver = store.driver()
    assert driver is not None and not driver.alive and store.counts().running == 0
    owned = store.own("me", 1, 0)
    with pytest.raises(StoreInUse, match="me \\(process"):  # in the same process too
        store.own("me again", 1, 0)
    owned.end()
    assert store.driver() is None and list(tmp_path.iterdir()) == [store.path]


def test_of_many_that_want_a_store_one_at_a_time_has_it(tmp_path: Path) -> None:
    """Each ends by deleting the file that the others wait to lock."""
    store, inside, most, had = Store(tmp_path / "runs.sqlite"), [0], [0], []
    start = threading.Barrier(4)

    def use(name: int) -> None:
        start.wait()
        while had.count(name) < 20:
            try:
                owned = store.own(str(name), 1, 0)
            except StoreInUse:
                continue
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            had.append(name)
            inside[0] -= 1
            owned.end()

    users = [threading.Thread(target=use, args=(name,)) for name in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert most == [1] and len(had) == 80


def test_those_who_ask_do_not_keep_a_driver_out(tmp_path: Path) -> None:
    store, ended = Store(tmp_path / "runs.sqlite"), threading.Event()

    def ask() -> None:
        while not ended.is_set():
            store.driver()

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for one in asking:
        one.start()
    try:
        for _ in range(50):
            store.own("me", 1, 0).end()
    finally:
        ended.set()
        for one in asking:
            one.join()


READ = """
import os, sys
from functools import partial
from pathlib import Path
import srhm
from srhm.store import Store
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
for path in sys.argv[1:]:
    try:
        print(len(list(Store(path).runs())))
    except srhm.ArgumentError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are those of POSIX")
def test_a_folder_that_cannot_be_written_can_be_read() -> None:
    """Another user's store, or one on a disk that is mounted read-only: nothing can be made beside it."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="srhm-") as name:  # pytest's own folders are closed to others
        folder = Path(name)
        paths = [folder / "present.sqlite", folder / "journal.sqlite", folder / "old.sqlite"]
        for path in paths[:2]:
            Store(path).put(fake_run(SPEC))
        database(paths[1], "PRAGMA journal_mode=delete")
        make_old(paths[2])
        folder.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", READ, *map(str, paths)], capture_output=True, text=True, timeout=120
        )
        folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    present, journal, old = done.stdout.splitlines()
    assert (present, journal) == ("1", "1")
    assert "another version of srhm" in old


def test_opening_a_store_is_fast(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    Store(path).put(fake_run(SPEC))
    code = (
        "import sys\nfrom srhm.store import Store\n"
        f"assert len(Store({str(path)!r})) == 1\n"
        "print({'pandas', 'pyarrow', 'jinja2', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# What is at stake.


def test_what_was_put_survives_kills(tmp_path: Path) -> None:
    assert survive(tmp_path, kills=6) > 10


def test_what_is_asked_of_a_large_store_is_looked_up_in_an_index(tmp_path: Path) -> None:
    """SQLite says how it finds the rows: none of these questions reads the whole table of runs."""
    store = Store(tmp_path / "runs.sqlite")
    store.put(fake_run(SPEC))
    rows = []
    template = row_of(fake_run(run_spec(replace(PARAMS, v=4), "cnn", 200, width=8, P_test=100)))
    for number in range(900):
        net, s0 = ("cnn", "lcn", "fcn")[number % 3], number // 3 % 30
        rows.append(template | {"hash": f"{number:064x}", "net": net, "s0": s0, "P": number})
        rows[-1]["ended"] = float(number)
    with store._writing() as connection:
        connection.execute(sql.insert(RUNS), rows)
    asked: list[tuple[str, Any]] = []

    def listen(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    sql.event.listen(sql.Engine, "before_cursor_execute", listen)
    try:
        assert store.counts() == Counts(901, 0, 0) and store.finished_since(800.0) == 101
        assert len(list(store.runs(net="cnn", v=4, s0=1))) == 10
    finally:
        sql.event.remove(sql.Engine, "before_cursor_execute", listen)
    selects = [one for one in asked if one[0].startswith("SELECT") and "runs" in one[0]]
    assert len(selects) >= 4
    with store._writing() as connection:
        for statement, parameters in selects:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            scans = [row[-1] for row in plan if str(row[-1]).startswith("SCAN runs")]
            assert all("USING" in scan for scan in scans), (statement, plan)
