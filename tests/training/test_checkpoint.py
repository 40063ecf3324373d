"""Checkpoints: whole or not at all, refused when foreign or damaged, and never a pickle."""

import io
import json
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import srhm.training.checkpoint
from srhm import ArgumentError
from srhm.training.checkpoint import Checkpoint

IDENTITY = {"run": [0.1, 8, "whitened"], "seed": 3}
HOST = {"best": [float("inf"), 0], "record": [{"step": 1, "train_loss": 0.1 + 0.2}], "looked": []}
ARRAYS = [
    np.linspace(0, 1, 7, dtype=np.float32).reshape(7, 1),
    np.array(np.pi),
    np.zeros((2, 0, 3), np.int32),
    np.array([True, False]),
    np.arange(5, dtype=np.uint8),
    np.array([np.nan, np.inf, -0.0]),
]


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoint(tmp_path / "run.npz")


def same(first, second):
    return [a.dtype for a in first] == [a.dtype for a in second] and all(
        a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True)
    )


def test_what_is_saved_comes_back(checkpoint):
    checkpoint.save(IDENTITY, HOST, ARRAYS)
    host, arrays = checkpoint.load(IDENTITY)
    assert host == HOST  # an infinite best error and every bit of a loss included
    assert same(arrays, ARRAYS)


def test_order_of_many_arrays(checkpoint):
    arrays = [np.array(number) for number in range(120)]
    checkpoint.save({}, {}, arrays)
    assert same(checkpoint.load({})[1], arrays)


def test_no_file_is_no_checkpoint(checkpoint):
    assert checkpoint.load(IDENTITY) is None
    checkpoint.remove()  # nothing to do


def test_a_path_becomes_a_checkpoint(checkpoint):
    assert Checkpoint.of(None) is None
    assert Checkpoint.of(checkpoint) is checkpoint
    assert Checkpoint.of(str(checkpoint.path)).path == Checkpoint.of(checkpoint.path).path == checkpoint.path


def test_folders_are_made_and_files_removed(tmp_path):
    checkpoint = Checkpoint(tmp_path / "some" / "folder" / "run.npz")
    checkpoint.save(IDENTITY, HOST, ARRAYS)
    assert checkpoint.load(IDENTITY) is not None
    checkpoint.remove()
    assert list(checkpoint.path.parent.iterdir()) == []


@pytest.mark.parametrize("identity", [{}, {**IDENTITY, "seed": 4}, {**IDENTITY, "more": None}])
def test_foreign_checkpoints_are_refused(checkpoint, refuses, identity):
    checkpoint.save(IDENTITY, HOST, ARRAYS)
    with refuses("checkpoint", repr(str(checkpoint.path)), "Use another file, or delete it"):
        checkpoint.load(identity)


def test_identities_are_compared_as_json(checkpoint):
    checkpoint.save({"shape": (2, 3)}, HOST, ARRAYS)
    assert checkpoint.load({"shape": (2, 3)}) is not None
    assert checkpoint.load({"shape": [2, 3]}) is not None


def test_truncated_files_are_refused(checkpoint):
    checkpoint.save(IDENTITY, HOST, ARRAYS[:2])
    whole = checkpoint.path.read_bytes()
    for length in range(len(whole)):
        checkpoint.path.write_bytes(whole[:length])
        with pytest.raises(ArgumentError, match=r"is not a checkpoint\. Delete the file\.$"):
            checkpoint.load(IDENTITY)


@pytest.mark.filterwarnings("ignore::UserWarning")  # zipfile's, of damaged names
@pytest.mark.parametrize("damage", [0x01, pytest.param(0xFF, marks=pytest.mark.long)])
def test_a_damaged_byte_is_refused_or_harmless(checkpoint, damage):
    checkpoint.save(IDENTITY, HOST, ARRAYS[:2])
    whole = checkpoint.path.read_bytes()
    refused = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= damage
        checkpoint.path.write_bytes(damaged)
        try:
            host, arrays = checkpoint.load(IDENTITY)
        except ArgumentError:
            refused += 1
        else:  # a date or the like: what matters is intact
            assert host == HOST and same(arrays, ARRAYS[:2])
    assert refused > len(whole) / 2


@pytest.mark.parametrize("content", [b"", b"PK", b"\0" * 100, pickle.dumps({"identity": 1})])
def test_other_files_are_refused(checkpoint, refuses, content):
    checkpoint.path.write_bytes(content)
    with refuses("checkpoint", repr(str(checkpoint.path)), "Delete the file"):
        checkpoint.load(IDENTITY)


def _as_bytes(text):
    return np.frombuffer(text.encode(), np.uint8)


@pytest.mark.parametrize("text", ["[1]", "{", "3", json.dumps({"identity": IDENTITY})])
def test_other_heads_are_refused(checkpoint, refuses, text):
    np.savez(checkpoint.path, head=_as_bytes(text))
    with refuses("checkpoint", repr(str(checkpoint.path)), "Delete the file"):
        checkpoint.load(IDENTITY)


def test_single_arrays_are_refused(checkpoint, refuses):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    checkpoint.path.write_bytes(buffer.getvalue())
    with refuses("checkpoint", repr(str(checkpoint.path)), "Delete the file"):
        checkpoint.load(IDENTITY)


class _Trap:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pickles_are_never_executed(checkpoint, refuses, tmp_path):
    sprung = tmp_path / "sprung"
    trap = np.array([_Trap(sprung)], dtype=object)
    head = _as_bytes(json.dumps({"identity": IDENTITY, "host": HOST, "arrays": 1}))
    for arrays in ({"head": trap}, {"head": head, "array_0": trap}):
        np.savez(checkpoint.path, **arrays)
        with refuses("checkpoint", repr(str(checkpoint.path)), "Delete the file"):
            checkpoint.load(IDENTITY)
    assert not sprung.exists()
    np.load(checkpoint.path, allow_pickle=True)["array_0"]
    assert sprung.exists()  # the trap works


def test_a_failing_write_leaves_the_old_file(checkpoint, monkeypatch):
    checkpoint.save(IDENTITY, HOST, ARRAYS)
    with monkeypatch.context() as broken:
        broken.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            checkpoint.save(IDENTITY, HOST, ARRAYS[:1])
    assert same(checkpoint.load(IDENTITY)[1], ARRAYS)
    assert list(checkpoint.path.parent.iterdir()) == [checkpoint.path]


def test_what_json_cannot_hold_leaves_the_old_file(checkpoint):
    checkpoint.save(IDENTITY, HOST, ARRAYS)
    with pytest.raises(TypeError):
        checkpoint.save(IDENTITY, {"best": object()}, ARRAYS[:1])
    assert same(checkpoint.load(IDENTITY)[1], ARRAYS)


def test_saves_are_due_by_the_clock(checkpoint, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(srhm.training.checkpoint, "time", SimpleNamespace(monotonic=lambda: now[0]))
    checkpoint.save(IDENTITY, HOST, ARRAYS)
    assert not checkpoint.due()
    now[0] += 59
    assert not checkpoint.due()
    now[0] += 1
    assert checkpoint.due()
    checkpoint.save(IDENTITY, HOST, ARRAYS)
    assert not checkpoint.due()
    monkeypatch.undo()
    assert Checkpoint(checkpoint.path, every=0).due()
