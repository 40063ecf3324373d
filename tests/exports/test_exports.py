"""Exports: the samples bit for bit, whatever happens while they are written."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatch
from hashlib import sha256
from itertools import product
from math import prod
from pathlib import Path

import numpy as np
import pytest
import yaml

import srhm
from srhm.cli import main
from srhm.exports import Part, export, hugging_face, table
from srhm.exports import plan as plan_module
from srhm.exports import run as run_module
from srhm.exports.hugging_face import CARD
from srhm.exports.plan import FORMATS
from srhm.exports.run import MANIFEST, RULES
from srhm.exports.table import columns

parquet = pytest.importorskip("pyarrow.parquet")

PARAMS = srhm.Params(n_c=3, v=4, m=4, s=2, s0=1, L=2)
MODELS = {
    "A": PARAMS,
    "B": srhm.Params(n_c=4, v=5, m=3, s=2, s0=2, L=2, sparsity="B"),
    "deep": srhm.Params(n_c=2, v=3, m=3, s=2, s0=1, L=3),
    "levels": srhm.Params(n_c=3, v=(4, 3), m=(2, 3), s=(2, 3), s0=(1, 0)),
    "plane": srhm.Params(v=3, m=2, s=4, s0=3, L=1, plane=True),
    "three children": srhm.Params(n_c=3, v=3, m=9, s=3, s0=0, L=2),
    "wide": srhm.Params(
        n_c=300, v=300, m=2, s=2, s0=150, L=1
    ),  # two bytes a feature, a placement, a position
    "endless": srhm.Params(n_c=10, v=10, m=10, s=2, s0=2, L=4),  # P_max above 2^62
}

STREAM = srhm.Stream(srhm.Grammar(PARAMS, 0), 0)
OTHER = srhm.Stream(srhm.Grammar(PARAMS, 1), 0)
ENDLESS = srhm.Stream(srhm.Grammar(PARAMS, 0), 0, "replacement")


def parts_of(params, P=50, P_test=23, **options) -> dict[str, Part]:
    train, test, _ = srhm.model.splitting.split_streams(srhm.Grammar(params, 7), P, P_test, 5, **options)
    return {"train": Part(train, P), "test": Part(test, P_test)}


def expected(part: Part, encoding=None) -> dict[str, np.ndarray]:
    """The columns of a part, from a data set."""
    data = srhm.Dataset.draw(part.stream, part.count, part.start)
    derivation = data.derivation()
    tree = srhm.expand(part.stream.grammar, derivation)
    found = {"sample": np.arange(part.start, part.start + part.count), "label": data.labels}
    for level in range(1, data.params.L + 1):
        found[f"features_{level}"] = tree.features[level - 1]
        found[f"positions_{level}"] = tree.positions[level - 1]
        found[f"rules_{level}"] = derivation.rules[level - 1]
        found[f"placements_{level}"] = derivation.placements[level - 1]
    assert np.array_equal(found["features_1"], data.features)
    assert np.array_equal(found["positions_1"], data.positions)
    return found | ({} if encoding is None else {"inputs": data.encode(encoding)})


def read(folder: Path, format: str, part: str) -> dict[str, np.ndarray]:
    """What other programs read: the columns of a part, its shards in the order of their names."""
    if format == "numpy":
        found: dict[str, list] = {}
        for file in sorted(folder.glob(f"{part}-*.npy")):
            found.setdefault(file.name.split(".")[1], []).append(np.load(file, mmap_mode="r"))
        assert all(isinstance(one, np.memmap) for ones in found.values() for one in ones)
        return {name: np.concatenate(shards) for name, shards in found.items()}
    where = folder / "data" if format == "hugging_face" else folder
    table = parquet.read_table(sorted(where.glob(f"{part}-*.parquet")))
    found = {}
    for name in table.schema.names:
        column, shape = table[name].combine_chunks(), []
        assert column.null_count == 0
        while hasattr(column.type, "list_size"):
            shape.append(column.type.list_size)
            column = column.flatten()
        found[name] = column.to_numpy(zero_copy_only=False).reshape(table.num_rows, *shape)
    return found


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def identities(folder: Path) -> dict[str, int]:
    """Which files these are, not what they hold: one that is written anew has another number, or time."""
    return {
        name: (folder / name).stat().st_ino + (folder / name).stat().st_mtime_ns for name in files_of(folder)
    }


def thirds():
    """Each model in each format, each model and each format with each encoding; the rest are long tests."""
    encodings = (None, "integer", "whitened")
    for (i, model), (j, format), (k, encoding) in product(*map(enumerate, (MODELS, FORMATS, encodings))):
        marks = [] if (i + j + k) % 3 == 0 else [pytest.mark.long]
        yield pytest.param(encoding, model, format, marks=marks)


@pytest.mark.parametrize(("encoding", "model", "format"), list(thirds()))
def test_round_trip(tmp_path, format, model, encoding):
    """Samples that are read are those of the library: the same numbers, of the types that the columns say."""
    params = MODELS[model]
    parts = parts_of(params, replacement=model == "wide")
    manifest = export(tmp_path, parts, format, encoding=encoding, shard_size=20)
    assert manifest["plan"]["parts"]["train"]["rule"] == (
        "replacement" if model in ("wide", "endless") else "permutation"
    )
    for name, part in parts.items():
        found, wanted = read(tmp_path, format, name), expected(part, encoding)
        assert list(found) == [one.name for one in columns(params, encoding)] or format == "numpy"
        assert set(found) == set(wanted)
        for column in columns(params, encoding):
            values = found[column.name]
            assert values.dtype == np.dtype(column.dtype) and values.shape == (part.count, *column.shape)
            assert np.array_equal(values, wanted[column.name]), column.name


@pytest.mark.parametrize("format", FORMATS)
def test_weights_are_in_the_metadata(tmp_path, format):
    """The grammar can be made again from the manifest, and from the file of the rules."""
    weights = {
        "rule_weights": {2: [3, 1, 2]},
        "placement_weights": srhm.LogNormal(0.5),
        "class_weights": srhm.Zipf(1),
    }
    grammar = srhm.Grammar(MODELS["levels"], 7, **weights)
    train, test, _ = srhm.model.splitting.split_streams(grammar, 50, 23, 5)
    parts = {"train": Part(train, 50), "test": Part(test, 23)}
    plan = export(tmp_path, parts, format, shard_size=20)["plan"]
    there = identities(tmp_path)
    assert export(tmp_path, parts, format, shard_size=20)["plan"] == plan
    assert all(identities(tmp_path)[name] == there[name] for name in there if "-of-" in name)
    assert plan == json.loads((tmp_path / MANIFEST).read_text())["plan"]
    for name, part in parts.items():
        found, wanted = read(tmp_path, format, name), expected(part)
        assert all(np.array_equal(found[column], wanted[column]) for column in wanted)
    seed, digest, *_ = plan["grammar"].values()
    named = {name: by_level(one) for name, one in plan["grammar"].items() if name.endswith("_weights")}
    again = srhm.Grammar(srhm.Params(**plan["params"]), seed, **named)
    assert again == grammar == srhm.Grammar.load(tmp_path / RULES) and again.digest == digest
    assert "weights" not in json.dumps(export(tmp_path / "plain", parts_of(MODELS["levels"]), format)["plan"])
    if format == "hugging_face":
        card = (tmp_path / CARD).read_text()
        assert "rules of level 2; placements of level 1; classes |" in card
        assert "weights" not in (tmp_path / "plain" / CARD).read_text()


def by_level(weights):
    return {int(level): one for level, one in weights.items()} if isinstance(weights, dict) else weights


@pytest.mark.parametrize("encoding", ["onehot", "onehot_blank"])
def test_other_encodings(tmp_path, encoding):
    parts = {"train": parts_of(PARAMS)["train"]}
    export(tmp_path, parts, "parquet", encoding=encoding)
    wanted = expected(parts["train"], encoding)["inputs"]
    assert np.array_equal(read(tmp_path, "parquet", "train")["inputs"], wanted)


@pytest.mark.parametrize("format", FORMATS)
def test_shards_are_cut_and_named(tmp_path, format):
    export(tmp_path, parts_of(PARAMS, 50, 20), format, shard_size=20)
    stems = {Path(name).name.split(".")[0] for name in files_of(tmp_path)} - {"grammar", "manifest", "README"}
    assert stems == {f"train-0000{k}-of-00003" for k in range(3)} | {"test-00000-of-00001"}


@pytest.mark.parametrize("start", [0, 1, 17])
def test_parts_may_begin_anywhere(tmp_path, start):
    """A block of classes may be cut by a part, a shard or a chunk."""
    part = Part(srhm.Stream(srhm.Grammar(PARAMS, 1), 2), 40, start)
    export(tmp_path, {"some_data": part}, "numpy", shard_size=7)
    found, wanted = read(tmp_path, "numpy", "some_data"), expected(part)
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("format", FORMATS)
def test_chunks_do_not_matter(tmp_path, monkeypatch, format):
    """No more samples than a chunk are made at a time, and what is read is the same."""
    made = []
    plain = run_module.values

    def counted(stream, start, count, encoding):
        made.append(count)
        return plain(stream, start, count, encoding)

    monkeypatch.setattr(run_module, "values", counted)
    monkeypatch.setattr(plan_module, "CHUNK_BYTES", 500)
    parts = parts_of(PARAMS)
    row = sum(one.nbytes for one in columns(PARAMS))
    export(tmp_path, parts, format, shard_size=30)
    assert max(made) == 500 // row < 30 and sum(made) == 73
    for name, part in parts.items():
        found, wanted = read(tmp_path, format, name), expected(part)
        assert all(np.array_equal(found[name], wanted[name]) for name in wanted)


def test_memory_does_not_grow_with_the_count(tmp_path, monkeypatch, unchecked):
    monkeypatch.setattr(plan_module, "CHUNK_BYTES", 2**16)
    peaks = []
    for number, count in enumerate((3000, 3000, 30000)):  # the first one fills what is kept
        part = Part(srhm.Stream(srhm.Grammar(MODELS["deep"], 0), 0), count)
        tracemalloc.start()
        export(tmp_path / str(number), {"train": part}, "numpy")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    row = sum(one.nbytes for one in columns(MODELS["deep"]))
    assert peaks[2] < 1.2 * peaks[1]
    assert peaks[2] < row * 30000 / 2  # far from all samples at once


# What becomes of an export that is cut.


class Cut(BaseException):
    """What ends an export in these tests, as Ctrl-C does."""


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "shard", [pytest.param(0, marks=pytest.mark.long), 2, pytest.param(3, marks=pytest.mark.long)]
)
@pytest.mark.parametrize("when", ["after", "within"])
def test_an_export_that_was_cut_goes_on(tmp_path, monkeypatch, format, shard, when):
    parts = parts_of(PARAMS)  # 3 shards and 2
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    monkeypatch.setattr(plan_module, "CHUNK_BYTES", 60)  # two samples: several chunks a shard
    export(whole, parts, format, shard_size=20)
    with monkeypatch.context() as broken, pytest.raises(Cut):
        _cut(broken, parts, shard, when)
        export(cut, parts, format, shard_size=20, progress=_cutter(shard, when))
    assert json.loads((cut / MANIFEST).read_text())["files"] is None
    there = identities(cut)
    assert not any(Path(name).name.startswith(".") for name in there)
    finished = [name for name in there if "-of-" in name]
    per_shard = len(columns(PARAMS)) if format == "numpy" else 1
    assert len(finished) == per_shard * (shard + (when == "after"))
    export(cut, parts, format, shard_size=20)
    assert files_of(cut) == files_of(whole)
    now = identities(cut)
    assert all(now[name] == there[name] for name in finished), "a finished shard was written again"


def _cutter(shard: int, when: str):
    calls: list[int] = []

    def progress(done: int, total: int) -> None:
        assert total == 73
        calls.append(done)
        if when == "after" and len(calls) == shard + 1:
            raise Cut

    return progress


def _cut(broken, parts, shard: int, when: str) -> None:
    """Break off inside a shard, when some of it has been written."""
    if when == "after":
        return
    plain, begun = run_module._chunks, []

    def chunks(plan, one) -> Iterator[dict[str, np.ndarray]]:
        begun.append(one)
        for number, chunk in enumerate(plain(plan, one)):
            if len(begun) == shard + 1 and number == 1:
                raise Cut
            yield chunk

    broken.setattr(run_module, "_chunks", chunks)


KILLED = """
import os, signal, sys
import srhm
from srhm.exports import export, run
sys.path.append({tests!r})
from test_exports import PARAMS, parts_of

plain, made = run.values, []

def values(*arguments):
    made.append(1)
    if len(made) == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(*arguments)

run.values = values
export({folder!r}, parts_of(PARAMS), {format!r}, shard_size=20)
"""


@pytest.mark.parametrize(("format", "call"), [("numpy", 2), ("hugging_face", 5)])
def test_a_killed_process_leaves_no_part_of_a_shard(tmp_path, format, call):
    """Not even a handler runs here. What it left behind is cleared away."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    parts = parts_of(PARAMS)
    export(whole, parts, format, shard_size=20)
    code = KILLED.format(tests=str(Path(__file__).parent), call=call, folder=str(cut), format=format)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = files_of(cut)
    assert any(Path(name).name.startswith(".") for name in left)
    wanted = files_of(whole)
    for name in set(left) - {MANIFEST}:
        assert Path(name).name.startswith(".") or left[name] == wanted[name]
    export(cut, parts, format, shard_size=20)
    assert files_of(cut) == wanted


@pytest.mark.parametrize("name", [MANIFEST, RULES])
def test_what_is_left_of_the_first_files_is_cleared(tmp_path, refuses, name):
    """A process may be killed while it writes its very first file."""
    parts = {"train": Part(STREAM, 9)}
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    export(whole, parts, "numpy")
    cut.mkdir()
    rest = cut / f".{name}.0123456789abcdef"
    rest.write_text("{")
    if name == RULES:  # the manifest came before
        with refuses("folder", repr(str(cut)), "Name a new folder, or empty this one"):
            export(cut, parts, "numpy")
        content = json.loads((whole / MANIFEST).read_text()) | {"files": None}
        (cut / MANIFEST).write_text(json.dumps(content))
    export(cut, parts, "numpy")
    assert files_of(cut) == files_of(whole)


@pytest.mark.parametrize("format", FORMATS)
def test_a_finished_export_is_left_as_it_is(tmp_path, format):
    parts = parts_of(PARAMS)
    first = export(tmp_path, parts, format, shard_size=20)
    there, held = identities(tmp_path), files_of(tmp_path)
    assert export(tmp_path, parts, format, shard_size=20) == first
    assert files_of(tmp_path) == held
    assert all(identities(tmp_path)[name] == there[name] for name in there if "-of-" in name)


def test_an_export_in_earlier_words_is_resumed(tmp_path):
    parts = {"train": Part(ENDLESS, 9), "test": Part(srhm.Stream(ENDLESS.grammar, 0, reverse=True), 5)}
    export(tmp_path, parts, "numpy")
    held = files_of(tmp_path)
    written = json.loads((tmp_path / MANIFEST).read_text("utf-8"))
    for part in written["plan"]["parts"].values():
        part["backward"] = part.pop("reverse")
        part["rule"] = {"replacement": "independent"}.get(part["rule"], part["rule"])
    (tmp_path / MANIFEST).write_text(json.dumps(written), "utf-8")
    export(tmp_path, parts, "numpy")
    assert files_of(tmp_path) == held


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("damage", ["changed", "deleted"])
def test_a_damaged_file_is_written_anew(tmp_path, format, damage):
    parts = parts_of(PARAMS)
    export(tmp_path, parts, format, shard_size=20)
    held = files_of(tmp_path)
    name = next(name for name in held if "train-00001" in name)
    if damage == "deleted":
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(held[name][:-1] + bytes([held[name][-1] ^ 1]))
    export(tmp_path, parts, format, shard_size=20)
    assert files_of(tmp_path) == held


# What an export says of itself.


@pytest.mark.parametrize("format", FORMATS)
def test_the_manifest_is_enough_to_draw_the_samples_again(tmp_path, format):
    parts = parts_of(MODELS["B"], replacement=True)
    returned = export(tmp_path, parts, format, encoding="integer", shard_size=20)
    manifest = json.loads((tmp_path / MANIFEST).read_text("utf-8"))
    assert manifest == returned
    plan = manifest["plan"]
    grammar = srhm.Grammar.load(tmp_path / RULES)
    assert grammar.digest == plan["grammar"]["digest"] == srhm.Grammar(MODELS["B"], 7).digest
    assert (plan["grammar"]["seed"], plan["stream_version"]) == (7, srhm.STREAM_VERSION)
    assert plan["params"] == MODELS["B"].to_dict()
    for name, said in plan["parts"].items():
        origin = {key: said[key] for key in ("seed", "rule", "reverse", "role")}
        again = Part(srhm.Stream(grammar, **origin), said["count"], said["start"])
        found, wanted = read(tmp_path, format, name), expected(again, plan["encoding"])
        assert all(np.array_equal(found[column], wanted[column]) for column in wanted)
    held = files_of(tmp_path)
    assert set(manifest["files"]) == set(held) - {MANIFEST}
    for name, said in manifest["files"].items():
        assert said == {"bytes": len(held[name]), "sha256": sha256(held[name]).hexdigest()}
    for said in plan["columns"]:
        assert list(found[said["name"]].shape[1:]) == said["shape"] and said["meaning"]


def test_rules_that_were_given_have_no_seed(tmp_path):
    drawn = srhm.Grammar(PARAMS, 3)
    given = srhm.Grammar.from_rules(PARAMS, drawn.rules)
    manifest = export(tmp_path, {"train": Part(srhm.Stream(given, 1), 10)}, "numpy")
    assert manifest["plan"]["grammar"] == {"seed": None, "digest": drawn.digest}
    assert srhm.Grammar.load(tmp_path / RULES) == drawn


def header(folder: Path) -> dict:
    beginning, head, _ = (folder / CARD).read_text("utf-8").split("---\n", 2)
    assert beginning == ""
    return yaml.safe_load(head)


def card_type(feature: dict):
    """The type that a card gives a column, as (dtype, shape); `datasets` wants the list first and its length second."""
    feature = {key: value for key, value in feature.items() if key != "name"}
    if set(feature) == {"dtype"}:
        return feature["dtype"], ()
    assert list(feature) == ["sequence", "length"]
    inner = feature["sequence"]
    dtype, shape = (inner, ()) if isinstance(inner, str) else card_type(inner)
    return dtype, (feature["length"], *shape)


@pytest.mark.parametrize("encoding", [None, "integer", "whitened"])
def test_the_card_says_what_the_files_hold(tmp_path, encoding):
    parts = parts_of(PARAMS, 1200, 30)
    manifest = export(tmp_path, parts, "hugging_face", encoding=encoding, shard_size=500)
    head = header(tmp_path)
    (config,) = head["configs"]
    shards = {name for name in manifest["files"] if name.endswith(".parquet")}
    for one in config["data_files"]:
        matched = {name for name in shards if fnmatch(name, one["path"])}
        rows = sum(parquet.read_metadata(tmp_path / name).num_rows for name in matched)
        assert rows == parts[one["split"]].count
        shards -= matched
    assert not shards and config["config_name"] == "default"
    info = head["dataset_info"]
    row = sum(prod(one.shape) * np.dtype(one.dtype).itemsize for one in columns(PARAMS, encoding))
    assert info["splits"] == [
        {"name": name, "num_bytes": part.count * row, "num_examples": part.count}
        for name, part in parts.items()
    ]
    assert info["dataset_size"] == 1230 * row
    assert head["size_categories"] == ["1K<n<10K"]
    described = {feature["name"]: card_type(feature) for feature in info["features"]}
    names = {"names": {str(label): str(label) for label in range(3)}}
    assert described.pop("label") == ({"class_label": names}, ())
    assert described == {
        one.name: (one.dtype, one.shape) for one in columns(PARAMS, encoding) if one.name != "label"
    }
    text = (tmp_path / CARD).read_text("utf-8")
    for fact in (
        "2404.10727",
        f"{PARAMS.P_max:,}",
        srhm.Grammar(PARAMS, 7).digest,
        "from the end of the order",
    ):
        assert fact in text
    assert all(f"`{one.name}`" in text for one in columns(PARAMS, encoding))


@pytest.mark.parametrize("sparsity", ["A", "B"])
def test_the_card_says_what_rules_and_placements_are(tmp_path, sparsity):
    """The data follow from the choices in the table by what the card says of them."""
    params = replace(PARAMS, sparsity=sparsity)
    export(
        tmp_path, {"train": Part(srhm.Stream(srhm.Grammar(params, 7), 7, "permutation"), 60)}, "hugging_face"
    )
    text = (tmp_path / CARD).read_text("utf-8")
    places = {int(number): ast.literal_eval(place) for number, place in re.findall(r"(\d+): (\(.*?\))", text)}
    (patch,) = re.findall(r"the position (\d+) q", text)
    rules = json.loads((tmp_path / "grammar.json").read_text("utf-8"))["rules"]
    checked = 0
    for row in parquet.read_table(tmp_path / "data").to_pylist():
        for level in range(params.L, 0, -1):
            top = level == params.L
            parents = [row["label"]] if top else row[f"features_{level + 1}"]
            positions = [0] if top else row[f"positions_{level + 1}"]
            for k, (parent, position) in enumerate(zip(parents, positions, strict=True)):
                made = slice(params.s * k, params.s * (k + 1))
                assert row[f"features_{level}"][made] == rules[level - 1][parent][row[f"rules_{level}"][k]]
                if row[f"placements_{level}"][k] in places:
                    at = [int(patch) * position + one for one in places[row[f"placements_{level}"][k]]]
                    assert row[f"positions_{level}"][made] == at
                    checked += 1
    assert checked > 100


def test_the_card_says_where_pixels_are():
    """A position at place c b^2 + r of its patch lies where the card says; the picture is the library's."""
    params = srhm.Params(v=3, m=2, s=4, s0=(3, 0), plane=True)
    stream = srhm.Stream(srhm.Grammar(params, 7), 7, "replacement")
    plan = plan_module.Plan("hugging_face", {"train": Part(stream, 5)}, "integer")
    text = hugging_face.card(plan)
    assert "| rows and columns of a picture | 8 × 8 |" in text and "[row, column]" in text
    assert "plus b (c // a) + r // b" in text and "plus b (c % a) + r % b" in text
    (found,) = [table.values(stream, 0, 5, "integer")]
    for picture, features, positions in zip(
        found["inputs"], found["features_1"], found["positions_1"], strict=True
    ):
        for feature, position in zip(features, positions, strict=True):
            row, column = 0, 0
            for level in reversed(params.levels):
                a, b = 2, {3: 2, 0: 1}[level.s0]
                place = position // (params.d // level.positions) % level.patch
                c, r = divmod(int(place), b * b)
                row, column = row * a * b + b * (c // a) + r // b, column * a * b + b * (c % a) + r % b
            assert picture[row, column] == feature


@pytest.mark.parametrize(
    ("count", "category"),
    [(999, "n<1K"), (1000, "1K<n<10K"), (9999, "1K<n<10K"), (10**6, "1M<n<10M"), (2 * 10**9, "1B<n<10B")],
)
def test_categories_of_size(count, category):
    part = Part(srhm.Stream(srhm.Grammar(PARAMS, 0), 0, "replacement"), count)
    text = "\n".join(plan_lines(part))
    assert f"size_categories:\n- {category}\n" in text


def plan_lines(part: Part) -> list[str]:
    from srhm.exports.hugging_face import card

    return card(plan_module.Plan("hugging_face", {"train": part})).splitlines()


def test_shards_have_a_usual_size():
    part = Part(srhm.Stream(srhm.Grammar(PARAMS, 0), 0, "replacement"), 2**31 - 1)
    for encoding in (None, "whitened"):
        plan = plan_module.Plan("parquet", {"train": part}, encoding)
        assert (
            plan.shard_size * plan.row_bytes
            <= plan_module.SHARD_BYTES
            < (plan.shard_size + 1) * plan.row_bytes
        )
        shards = list(plan.shards())
        assert (
            sum(one.count for one in shards) == part.count
            and max(one.count for one in shards) == plan.shard_size
        )
        assert [one.start for one in shards] == [k * plan.shard_size for k in range(len(shards))]


# Bad arguments.


@pytest.mark.parametrize(
    ("arguments", "argument", "value", "fix"),
    [
        ({"format": "csv"}, "format", "'csv'", "Use 'parquet', 'numpy' or 'hugging_face'"),
        ({"parts": {}}, "parts", "{}", "Give a dictionary such as {'train': Part(stream, 1000)}"),
        (
            {"parts": {"Train/1": Part(STREAM, 9)}},
            "parts",
            "'Train/1'",
            "Use lowercase letters, digits and _, such as 'train'",
        ),
        ({"parts": {"train": 5}}, "parts['train']", "5", "Give srhm.exports.Part(stream, count)"),
        (
            {"parts": {"train": Part(STREAM, 9), "test": Part(OTHER, 9)}},
            "parts",
            "['train', 'test']",
            "Export each grammar to a folder of its own",
        ),
        (
            {"encoding": "ternary"},
            "encoding",
            "'ternary'",
            "Use one of whitened, onehot, onehot_blank, integer",
        ),
        ({"shard_size": 0}, "shard_size", "0", "Use shard_size >= 1"),
        ({"shard_size": 2.5}, "shard_size", "2.5", "Give shard_size as an int"),
        (
            {"parts": {"train": Part(ENDLESS, 100_000)}, "shard_size": 1},
            "shard_size",
            "1",
            "Use shard_size >= 2",
        ),
    ],
)
def test_bad_arguments(tmp_path, refuses, arguments, argument, value, fix):
    given = {"parts": {"train": Part(STREAM, 9)}, "format": "numpy"} | arguments
    with refuses(argument, value, fix):
        export(tmp_path / "new", **given)
    assert not list(tmp_path.iterdir())


def test_bad_parts(refuses):
    with refuses("count", 0, "Use count >= 1"):
        Part(STREAM, 0)
    with refuses("count", PARAMS.P_max, "Take fewer"):
        Part(STREAM, PARAMS.P_max, 1)
    with refuses("start", -1, "Use start >= 0"):
        Part(STREAM, 1, -1)


def test_folders_with_other_things_are_left_alone(tmp_path, refuses):
    parts = {"train": Part(STREAM, 9)}
    (tmp_path / "file").write_text("mine")
    with refuses("folder", repr(str(tmp_path)), "Name a new folder, or empty this one"):
        export(tmp_path, parts, "numpy")
    with refuses("folder", repr(str(tmp_path / "file")), "Name a new folder"):
        export(tmp_path / "file", parts, "numpy")
    with refuses("folder", "'/proc/export'", "Name another place"):
        export("/proc/export", parts, "numpy")
    for content in ("no JSON", "[]", '{"kind": "other"}', '{"kind": "srhm-export"}'):
        (tmp_path / MANIFEST).write_text(content)
        with refuses("folder", repr(str(tmp_path)), "Name a new folder"):
            export(tmp_path, parts, "numpy")
    assert set(files_of(tmp_path)) == {"file", MANIFEST}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"format": "parquet"}, "format"),
        ({"parts": {"train": Part(STREAM, 10)}}, "parts"),
        ({"parts": {"train": Part(OTHER, 9)}}, "grammar"),
        ({"encoding": "integer"}, "encoding"),
        ({"shard_size": 4}, "shard_size"),
    ],
)
def test_another_export_is_left_alone(tmp_path, change, what):
    given = {"parts": {"train": Part(STREAM, 9)}, "format": "numpy", "shard_size": 5}
    export(tmp_path, **given)
    held = files_of(tmp_path)
    with pytest.raises(
        srhm.ArgumentError, match=f"holds another export, with other {what}. Name a new folder"
    ):
        export(tmp_path, **given | change)
    assert files_of(tmp_path) == held


def test_a_missing_extra_says_what_to_install(tmp_path, monkeypatch):
    parts = {"train": Part(STREAM, 9)}
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    for format in ("parquet", "hugging_face"):
        with pytest.raises(srhm.MissingExtraError, match=r"pyarrow is not installed.*'\.\[table\]'"):
            export(tmp_path, parts, format)
    assert not list(tmp_path.iterdir())
    export(tmp_path, parts, "numpy")  # needs none


# The command.


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    try:
        main(["export-data", *arguments])
        status = 0
    except SystemExit as exit:
        status = exit.code
    return status, *capsys.readouterr()


def test_the_command_writes_a_model(tmp_path, capsys):
    folder = tmp_path / "data"
    options = [
        "--v",
        "4",
        "--P",
        "100",
        "--P-test",
        "30",
        "--seed",
        "3",
        "--format",
        "numpy",
        "--encoding",
        "integer",
    ]
    status, out, err = run(capsys, str(folder), *options)
    assert (status, err) == (0, "")
    size = sum(map(len, files_of(folder).values())) - (folder / MANIFEST).stat().st_size
    assert f"wrote 100 train, 30 test data to {folder}: 23 files, {size:,} bytes" in out
    params = srhm.Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
    sets = srhm.split(srhm.Grammar(params, 3), 100, 30, 3)
    for part, data in (("train", sets.train), ("test", sets.test)):
        found = read(folder, "numpy", part)
        assert np.array_equal(found["label"], data.labels)
        assert np.array_equal(found["inputs"], data.encode("integer"))
    assert run(capsys, str(folder), *options)[:2] == (0, out)  # goes on, with nothing to do


def test_the_command_takes_weights(tmp_path, capsys):
    folder = tmp_path / "data"
    weights = [
        "--rule-weights",
        "2:zipf(1)",
        "--placement-weights",
        "1:4,2,1,1",
        "--class-weights",
        "3,1,2,2",
    ]
    options = ["--v", "4", "--P", "100", "--P-test", "30", "--seed", "3", "--format", "numpy"]
    assert run(capsys, str(folder), *options, *weights)[0] == 0
    given = {"rule_weights": {2: srhm.Zipf(1)}, "placement_weights": {1: [4, 2, 1, 1]}}
    grammar = srhm.Grammar(srhm.Params(v=4, s0=1, L=2), 3, **given, class_weights=[3, 1, 2, 2])
    assert srhm.Grammar.load(folder / RULES) == grammar
    sets = srhm.split(grammar, 100, 30, 3)
    for part, data in (("train", sets.train), ("test", sets.test)):
        assert np.array_equal(read(folder, "numpy", part)["label"], data.labels)
    wrong = run(capsys, str(tmp_path / "new"), *options, "--class-weights", "1:3,1,2,2")
    assert wrong[0] == 2 and "is by level, and classes have none" in wrong[2]
    wrong = run(capsys, str(tmp_path / "new"), "--instance", "srhm-L2-v4-s01-A", *weights)
    assert wrong[0] == 2 and "Leave out the weights, or --instance" in wrong[2]
    assert not (tmp_path / "new").exists()


def test_the_command_writes_an_instance(tmp_path, capsys):
    folder = tmp_path / "data"
    options = ["--instance", "srhm-L2-v4-s01-A", "--P", "50", "--seed", "2", "--format", "hugging_face"]
    assert run(capsys, str(folder), *options)[0] == 0
    task = srhm.load("srhm-L2-v4-s01-A")
    for part, data in (("train", task.train(50, 2)), ("test", task.test())):
        found = read(folder, "hugging_face", part)
        assert np.array_equal(found["features_1"], data.features)
        assert np.array_equal(found["positions_1"], data.positions)
        assert np.array_equal(found["sample"], data.start + np.arange(len(data)))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--P", "90000"], "P = 90000 and P_test = 10000 exceed the P_max = 82944"),
        (["--P-test", "0"], "P_test = 0 is below 1"),
        (["--format", "csv"], "csv"),
        (
            ["--instance", "srhm-L2-v4"],
            "instance = 'srhm-L2-v4' is not an instance. Did you mean 'srhm-L2-v4-s01-A'?",
        ),
        (
            ["--instance", "srhm-L2-v4-s01-A", "--v", "4"],
            "Leave out the parameters of a model, or --instance",
        ),
        (["--instance", "srhm-L2-v4-s01-A", "--P-test", "9"], "P_test = 9 is fixed by the instance"),
        (["--instance", "srhm-L2-v4-s01-A", "--replacement"], "replacement = True is fixed by the instance"),
        (["--instance", "srhm-L2-v4-s01-A", "--seed", "8"], "seed = 8 is above 7"),
        (["--instance", "srhm-L2-v4-s01-A", "--P", "14000"], "P = 14000 is above 13108"),
    ],
)
def test_the_command_refuses(tmp_path, capsys, options, said):
    status, out, err = run(capsys, str(tmp_path / "data"), *options)
    assert (status, out) == (2, "")
    assert said in " ".join(err.split())
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told(tmp_path, capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_module, "values", full)
    status, out, err = run(capsys, str(tmp_path / "data"), "--P", "10")
    assert (status, out) == (1, "")
    assert "No space left on device. Finished shards are kept; the same command resumes." in err


def test_an_interrupted_command_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(run_module, "values", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    status, _, err = run(capsys, str(tmp_path / "data"), "--P", "10")
    assert status == 130 and "; the same command resumes." in err
