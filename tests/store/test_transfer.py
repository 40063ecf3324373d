"""Runs between stores, and out of them into tables."""

import json
import lzma
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import srhm
from fake_runs import PARAMS, SPEC, fake_run, many_specs
from setups import setup
from srhm.nets import build
from srhm.nets.weights import load_weights, save_weights
from srhm.store import Store, read_archive, write_archive
from srhm.store.transfer import Merged
from srhm.study import Seeds


def change(store: Store, statement: str, *values: Any) -> None:
    connection = sqlite3.connect(str(store.path))
    assert connection.execute(statement, values).rowcount == 1
    connection.commit()
    connection.close()


def test_shards_become_one_store(tmp_path: Path) -> None:
    specs = many_specs(700)
    shards = [Store(tmp_path / f"{number}.sqlite") for number in range(2)]
    shards[0].put_many(fake_run(spec, shard=0) for spec in specs[:550])
    shards[1].put_many(fake_run(spec, shard=1) for spec in specs[500:650])
    store = Store(tmp_path / "runs.sqlite")
    assert store.merge([]) == Merged(0, 0)
    assert store.merge(shards) == Merged(650, 50)
    assert store.hashes() == {spec.hash for spec in specs[:650]}
    assert {run.metrics["shard"] for run in store.finished(specs[500:550]).values()} == {0}
    before = [run.to_dict() for run in store.runs()]
    assert store.merge(shards) == Merged(0, 700)
    assert [run.to_dict() for run in store.runs()] == before
    back = Store(tmp_path / "back.sqlite")
    assert back.merge([store]) == Merged(650, 0)
    assert [run.to_dict() for run in back.runs()] == before


# Archives


def test_an_archive_holds_the_runs_and_is_the_same_for_the_same_runs(tmp_path: Path) -> None:
    runs = [fake_run(spec, S_21=0.1 * number) for number, spec in enumerate(many_specs(40))]
    runs[3] = replace(runs[3], weights="ab" * 32)
    one, other = tmp_path / "one.jsonl.xz", tmp_path / "other.jsonl.xz"
    assert write_archive(one, runs) == 40 and write_archive(other, [*reversed(runs), runs[0]]) == 40
    assert one.read_bytes() == other.read_bytes()
    found = {run.spec.hash: run for run in read_archive(one)}
    assert found == {run.spec.hash: replace(run, weights=None) for run in runs}
    store = Store(tmp_path / "runs.sqlite")
    store.put(fake_run(runs[0].spec, S_21=7.0))
    assert store.take(read_archive(one)) == Merged(39, 1)
    assert store.get(runs[0].spec).metrics["S_21"] == 7.0
    assert store.take(read_archive(one)) == Merged(0, 40)


@pytest.mark.parametrize("cut", [0, 1, 40, -1])
def test_a_torn_archive_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "runs.jsonl.xz"
    write_archive(path, [fake_run(spec) for spec in many_specs(10)])
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(srhm.ArgumentError, match="cannot be read"):
        list(read_archive(path))


def test_an_archive_with_a_changed_row_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl.xz"
    write_archive(path, [fake_run(SPEC)])
    text = lzma.decompress(path.read_bytes()).replace(b'"P": 200', b'"P": 201')
    path.write_bytes(lzma.compress(text))
    with pytest.raises(srhm.ArgumentError, match="not that of the specification"):
        list(read_archive(path))
    with pytest.raises(srhm.ArgumentError, match="not named as an archive"):
        list(read_archive(tmp_path / "runs.json"))
    with pytest.raises(srhm.ArgumentError, match="cannot be read: No such file"):
        list(read_archive(tmp_path / "none.jsonl.xz"))


def test_the_time_of_a_run_is_kept(tmp_path: Path) -> None:
    shard, store = Store(tmp_path / "shard.sqlite"), Store(tmp_path / "runs.sqlite")
    shard.put(fake_run(SPEC))
    change(shard, "update runs set ended = 5.0, finished = '1970-01-01T00:00:05+00:00'")
    store.merge([shard])
    assert store.finished_since(4.0) == 1 and store.finished_since(6.0) == 0
    assert list(store.to_pandas()["finished"]) == ["1970-01-01T00:00:05+00:00"]


def test_a_finished_run_beats_a_failure(tmp_path: Path) -> None:
    specs = many_specs(4)
    shard = Store(tmp_path / "shard.sqlite")
    store = Store(tmp_path / "runs.sqlite")
    store.put(fake_run(specs[0]))
    store.fail(specs[1], "error", "here", attempts=1)
    store.fail(specs[2], "error", "here", attempts=1)
    for spec in (specs[0], specs[2], specs[3]):
        shard.fail(spec, "memory", "there", attempts=2)
    shard.put(fake_run(specs[1]))
    change(shard, "update failures set failed_at = failed_at + 9 where hash = ?", specs[2].hash)
    for _ in range(2):
        store.merge([shard])
        found = {one.spec: (one.kind, one.reason, one.attempts) for one in store.failures()}
        assert found == {specs[2]: ("memory", "there", 2), specs[3]: ("memory", "there", 2)}
        assert store.hashes() == {specs[0].hash, specs[1].hash} and store.counts().running == 0


def test_weights_go_with_their_runs(tmp_path: Path) -> None:
    net = build("cnn", PARAMS, width=8)
    shard, store = Store(tmp_path / "shard.sqlite"), Store(tmp_path / "runs.sqlite")
    digest = save_weights(shard.weights_folder, net)
    shard.put(replace(fake_run(SPEC), weights=digest))
    shard.put(replace(fake_run(replace(SPEC, P=50)), weights="0" * 64))  # whose file was deleted
    assert store.merge([shard]) == Merged(2, 0)
    found = store.get(SPEC)
    assert found is not None and found.weights == digest
    load_weights(store.weights_folder, digest, net)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("spec", json.dumps(replace(SPEC, P=201).to_dict()), "contains a row that was changed"),
        ("spec", "[]", "contains a row that was changed"),
        ("hash", "0" * 64, "contains a row that was changed: 000000000000 is not the hash"),
        ("metrics", '["error"]', "metrics = "),
        ("metrics", "print()", "is not JSON"),
        ("versions", '{"streams": "2"}', "contains a row that was changed"),
        ("status", "stolen", "status = 'stolen'"),
        ("weights", "../../secret", "weights = "),
    ],
)
def test_a_changed_row_is_refused(tmp_path: Path, column: str, value: str, said: str) -> None:
    shard, store = Store(tmp_path / "shard.sqlite"), Store(tmp_path / "runs.sqlite")
    shard.put(fake_run(SPEC))
    change(shard, f"update runs set {column} = ?", value)
    with pytest.raises(srhm.ArgumentError, match=said):
        store.merge([shard])
    assert len(store) == 0


def test_columns_of_a_row_follow_from_its_specification(tmp_path: Path) -> None:
    shard, store = Store(tmp_path / "shard.sqlite"), Store(tmp_path / "runs.sqlite")
    shard.put(fake_run(SPEC))
    change(shard, "update runs set net = 'fcn', P = 7, error = 0.9")
    store.merge([shard])
    assert len(list(store.runs(net="cnn", P=200, error=0.2))) == 1


def test_a_changed_failure_is_refused(tmp_path: Path) -> None:
    shard = Store(tmp_path / "shard.sqlite")
    shard.fail(SPEC, "error", "reason", attempts=1)
    change(shard, "update failures set hash = ?", "0" * 64)
    with pytest.raises(srhm.ArgumentError, match="was changed"):
        Store(tmp_path / "runs.sqlite").merge([shard])


def test_a_table_has_a_row_for_each_run(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.sqlite")
    store.put(fake_run(replace(SPEC, P=50, seeds=Seeds(order=2**64 - 1)), S_21=0.5))
    store.put(replace(fake_run(SPEC, nothing=None, P=3), weights="ab" * 32))
    table = store.to_pandas()
    assert list(table["P"]) == [50, 200] and list(table["seed_order"]) == [2**64 - 1, 0]
    assert list(table["hash"]) == [run.spec.hash for run in store.runs()]
    assert table["S_21"][0] == 0.5 and table["S_21"].isna()[1] and table["nothing"].isna().all()
    assert table["metric_P"][1] == 3 and list(table["epochs"]) == [3.0, 3.0]
    assert table["max_epochs"][0] == 60 and not table["replacement"].any()
    assert list(table["weights"].dropna()) == ["ab" * 32]
    assert {"n_c", "s0", "net", "width", "P_test", "status", "seconds_train", "versions_srhm"} <= set(table)
    assert len(store.to_pandas(P=50)) == 1 and "plane" not in table
    plane = setup(srhm.Params(v=3, m=2, s=4, s0=3, L=2, plane=True), "cnn", width=8, P_test=20)
    store.put(fake_run(plane.at(30)))
    assert store.to_pandas()["plane"].tolist() == [True, False, False]
    with pytest.raises(srhm.ArgumentError, match="color"):
        store.to_pandas(color=3)


def test_parquet_holds_the_same_table(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    parquet = pytest.importorskip("pyarrow.parquet")
    store = Store(tmp_path / "runs.sqlite")
    store.put_many(fake_run(spec, **{f"S_{number % 3}1": 0.1}) for number, spec in enumerate(many_specs(520)))
    path = tmp_path / "tables" / "runs.parquet"
    store.write_parquet(path)
    assert list(path.parent.iterdir()) == [path]
    found = parquet.read_table(path)
    assert parquet.ParquetFile(path).num_row_groups > 1
    pandas.testing.assert_frame_equal(found.to_pandas(), store.to_pandas())
    store.write_parquet(path, net="lcn")  # none
    assert parquet.read_table(path).num_rows == 0
    fixed = [name for name in found.schema.names if not name.startswith(("S_", "seconds", "versions"))]
    assert {"hash", "P", "status"} <= set(fixed)
    for name in set(fixed) - {"error", "epochs"}:
        assert parquet.read_schema(path).field(name) == found.schema.field(name)


@pytest.mark.parametrize("package", ["pandas", "pyarrow"])
def test_a_missing_extra_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    store = Store(tmp_path / "runs.sqlite")
    store.put(fake_run(SPEC))
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(srhm.MissingExtraError, match=f"{package} is not installed.*'.\\[table\\]'"):
        store.to_pandas()
