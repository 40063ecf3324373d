"""Files: whole or not at all, whatever happens while they are written."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import srhm
from srhm.exports import Part, export
from srhm.figures.style import save
from srhm.files import atomic_file, check_folder, user_path, write_atomically
from srhm.nets.weights import read_weights, save_weights
from srhm.store import Store, read_archive, write_archive
from srhm.study.grid import read_grid
from srhm.training.checkpoint import Checkpoint


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


def test_whole_files_are_replaced(path):
    for content in (b"long content", b"short", b"", memoryview(b"view")):
        write_atomically(path, content)
        assert path.read_bytes() == bytes(content)
    write_atomically(str(path), b"text path")
    assert path.read_bytes() == b"text path"
    assert list(path.parent.iterdir()) == [path]


def test_folders_are_made(tmp_path):
    write_atomically(tmp_path / "some" / "folder" / "file", b"content")
    assert (tmp_path / "some" / "folder" / "file").read_bytes() == b"content"


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o002, 0o664)])
def test_the_umask_is_honoured(path, mask, mode):
    before = os.umask(mask)
    try:
        write_atomically(path, b"content")
        assert path.stat().st_mode & 0o777 == mode
        assert os.umask(mask) == mask  # and left as it was
    finally:
        os.umask(before)


@pytest.mark.parametrize("where", ["os.fsync", "pathlib.Path.replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failing_write_leaves_the_old_file(path, monkeypatch, where, error):
    write_atomically(path, b"old")

    def fail(*_):
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(where, fail)
        with pytest.raises(type(error)):
            write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]  # no rubbish


def test_a_folder_is_not_replaced(path):
    path.mkdir()
    with pytest.raises(OSError, match="file"):
        write_atomically(path, b"content")
    assert list(path.parent.iterdir()) == [path] and list(path.iterdir()) == []


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_file_written_bit_by_bit_appears_whole(path, error):
    with atomic_file(path) as file:
        file.write(b"one ")
        file.write(b"two")
        assert not path.exists()
    assert path.read_bytes() == b"one two"
    with pytest.raises(type(error)), atomic_file(path) as file:
        file.write(b"new")
        raise error
    assert path.read_bytes() == b"one two"
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_is_told_of_the_file(path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match=r"No space left on device: .*/file'"):
        write_atomically(path, b"content")


def test_a_folder_is_tried_without_a_trace(tmp_path):
    check_folder(tmp_path)
    check_folder(tmp_path / "some" / "folder")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    for impossible in (tmp_path / "file", tmp_path / "file" / "folder", "/proc/folder"):
        with pytest.raises(OSError):
            check_folder(impossible)


_KILLED = """
import os, signal, sys
from pathlib import Path
from srhm.files import write_atomically

write_atomically(sys.argv[1], b"old")
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "write":
    os.fsync = die
else:
    Path.replace = die
write_atomically(sys.argv[1], b"new")
"""


@pytest.mark.parametrize("when", ["write", "rename"])
def test_a_killed_process_leaves_the_old_file(path, when):
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(path), when], timeout=120)
    assert ended.returncode == -9
    assert path.read_bytes() == b"old"


_WRITER = """
import sys
from srhm.files import write_atomically

for _ in range(200):
    write_atomically(sys.argv[1], 3000 * sys.argv[2].encode())
"""


def test_writers_do_not_mix(path):
    """Two processes write the same file over and over, and no reader ever sees a part of it or a mixture."""
    write_atomically(path, b"")
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(path), letter]) for letter in "ab"]
    while any([writer.poll() is None for writer in writers]):
        assert path.read_bytes() in (b"", 3000 * b"a", 3000 * b"b")
    assert [writer.returncode for writer in writers] == [0, 0]
    assert list(path.parent.iterdir()) == [path]


def test_the_home_is_put_in(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/runs/x.npz") == tmp_path / "runs/x.npz" and user_path("~") == tmp_path
    for other in ("runs/~/x", "x~", "/~/x", "~no-such-user-here/x"):
        assert user_path(other) == Path(other)


def test_every_function_that_takes_a_path_puts_the_home_in(tmp_path, monkeypatch):
    """Nothing makes a folder `~`; what was written under the home is read there."""
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir(), away.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(away)
    grammar = srhm.Grammar(srhm.Params(n_c=2, v=2, m=2, s=2, s0=0, L=2), seed=0)
    grammar.save("~/rules.json")
    assert srhm.Grammar.load("~/rules.json").digest == grammar.digest
    write_atomically("~/plain", b"x")
    check_folder("~/new")
    export("~/data", {"train": Part(srhm.Stream(grammar, 1), 4)}, "numpy")
    assert Checkpoint("~/run.npz").path == Checkpoint.of("~/run.npz").path == home / "run.npz"
    digest = save_weights("~/weights", {"a": np.zeros(2, np.float32)})
    assert read_weights("~/weights", digest)
    for path in ("~/runs.sqlite", Path("~/runs.sqlite")):
        store = Store(path)
        assert store.path == home / "runs.sqlite" and store.weights_folder == home / "runs-weights"
    assert write_archive("~/runs.jsonl.xz", []) == 0 == len(list(read_archive("~/runs.jsonl.xz")))
    Path(home, "GRID.toml").write_text("[[pstar]]\nnet = 'cnn'\nv = 4\ns0 = 0\n", encoding="utf-8")
    assert len(read_grid("~/GRID.toml").studies) == 1
    save(Figure(), "~/figure")
    assert not list(away.iterdir())
    names = "GRID.toml data figure.pdf figure.png plain rules.json runs.jsonl.xz weights"
    assert {path.name for path in home.iterdir()} == set(names.split())


def test_a_byte_order_mark_is_passed_over(tmp_path):
    """Some editors begin a file with it."""
    grammar = srhm.Grammar(srhm.Params(n_c=2, v=2, m=2, s=2, s0=0, L=2), seed=0)
    rules, grid = (tmp_path / name for name in ("rules.json", "GRID.toml"))
    rules.write_text(grammar.to_json(), encoding="utf-8-sig")
    assert srhm.Grammar.load(rules).digest == grammar.digest
    grid.write_text("[[pstar]]\nnet = 'cnn'\nv = 4\ns0 = 0\n", encoding="utf-8-sig")
    assert len(read_grid(grid).studies) == 1
