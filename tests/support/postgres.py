"""A private PostgreSQL server for tests, from the binaries that are installed, and a place for a store."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

_numbers = count()


def binaries() -> Path | None:
    """Return the folder of initdb and postgres: of the PATH, or the newest where Debian puts them."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(folders, key=lambda folder: float(folder.parent.name), default=None)


def other_user() -> dict:
    """Return how to start a process as another user where we are root, whom the server refuses."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody")


@contextmanager
def server() -> Iterator[Path]:
    """Run a server that listens on a socket in a folder of its own, and on no port; yield the folder."""
    programs = binaries()
    if programs is None:
        pytest.skip("the programs of PostgreSQL (initdb, postgres) are not installed")
    # Not pytest's folder: the path of a socket is short, and other users may not enter it.
    folder = Path(tempfile.mkdtemp(prefix="srhm-pg-"))
    try:
        who = other_user()
        folder.chmod(0o755)
        if who:
            os.chown(folder, who["user"], who["group"])
        data, log = folder / "data", (folder / "log").open("wb")
        options = ["--auth=trust", "--username=srhm", "--no-sync", "--encoding=UTF8", "--locale=C"]
        made = subprocess.run(
            [programs / "initdb", "-D", data, *options], cwd=folder, capture_output=True, text=True, **who
        )
        if made.returncode != 0:
            pytest.fail(f"initdb failed: {made.stderr}")
        settings = {
            "unix_socket_directories": folder,
            "listen_addresses": "",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": 50,
            "shared_buffers": "16MB",
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, *arguments], cwd=folder, stdout=log, stderr=log, **who
        )
        try:
            wait_for(folder, process)
            yield folder
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
            log.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(folder: Path, process: subprocess.Popen) -> None:
    """Wait until a server takes connections."""
    import psycopg

    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            psycopg.connect(host=str(folder), user="srhm", dbname="postgres").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    pytest.fail(f"PostgreSQL did not start: {(folder / 'log').read_text()}")


def new_database(folder: Path) -> str:
    """Return the URL of a new, empty database of the server."""
    import psycopg

    name = f"test{next(_numbers)}"
    with psycopg.connect(host=str(folder), user="srhm", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql://srhm@/{name}?host={folder}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Path]:
    """The folder of a running server."""
    pytest.importorskip("psycopg")
    with server() as folder:
        yield folder


@pytest.fixture
def postgres_url(postgres_server: Path) -> str:
    """The URL of an empty database."""
    return new_database(postgres_server)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store may be: a file, or a database of a server."""
    if request.param == "sqlite":
        return str(tmp_path / "runs.sqlite")
    return request.getfixturevalue("postgres_url")
