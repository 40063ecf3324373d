"""The connection to a Ray cluster: one of this machine's own on loopback, or one that is running elsewhere.

Ray itself waits for minutes for a cluster that does not answer, and may then end the process; so another process
connects first, and has a minute for it.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

from ...cores import available_cores
from ...errors import ArgumentError, MissingExtraError
from .base import Unavailable

_ANSWER_SECONDS = 5.0
_CONNECT_SECONDS = 60.0
"""How long a cluster that answers may take until it has let us in."""
_ATTEMPTS = 5
"""A client server forks a process for each client. Now and then one dies at birth, and the next one does not (Ray's
issue 63202); what the error is depends on when it died."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TOKEN = "If it wants a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
"""A cluster of another token does not say so: it does not answer."""
_NO_CLUSTER = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Ray's own variable for "one machine alone": false makes every one of its processes bind to loopback."""


def library() -> ModuleType:
    """Import Ray; a MissingExtraError says that it is not installed."""
    try:
        with _usage_unreported():
            import ray
    except ImportError:
        raise MissingExtraError("ray", "ray") from None
    return ray


class Cluster:
    """A connection to a cluster; where this process is connected already, that connection, which is then left open.

    The address None starts Ray on this machine, on all cores, bound to loopback. `"auto"` is the cluster that
    `RAY_ADDRESS` names or that was started on this machine, `"HOST:PORT"` that of this head node, and
    `"ray://HOST:PORT"` a cluster through its client server; another one is an ArgumentError. Unavailable says that
    there is no cluster at the address, or that it does not answer within about a minute.
    """

    def __init__(self, address: str | None) -> None:
        self.ray = library()
        self.own = address is None
        """Whether Ray was started by us."""
        self._connected = not self.ray.is_initialized()
        self._target: tuple[str, int] | None = None
        if not self._connected:  # by whoever called, to whom it belongs
            return
        if address is None:
            self._start()
            return
        if address == "auto":
            address = os.environ.get("RAY_ADDRESS") or "auto"
        if address == "auto":
            self._target = _host_and_port(_connected_elsewhere(address))
        else:
            self._target = _host_and_port(address)
            if not _listens(self._target):
                raise Unavailable(
                    f"No Ray cluster answers at {address}. Check the address, and that Ray runs there"
                )
        with _alone(self._target[0] in _LOOPBACK), _connecting(address, _TOKEN):
            if address != "auto" and not address.startswith("ray://"):
                _connected_elsewhere(address)
            self._enter(address)

    def _enter(self, address: str) -> None:
        """Connect, once more where a client server could not start the process that it has for each client."""
        for left in reversed(range(_ATTEMPTS)):
            try:
                self.ray.init(address, **_quietly())
                return
            except ConnectionAbortedError:  # the server's answer, so it is there
                if not left:
                    raise

    def _start(self) -> None:
        with _alone(True), _connecting("127.0.0.1"):
            self.ray.init(
                "local",
                _node_ip_address="127.0.0.1",
                include_dashboard=False,
                num_cpus=available_cores(),
                **_quietly(),
            )
        bound = self.ray.util.get_node_ip_address()
        if bound not in _LOOPBACK:  # a Ray that no longer knows the variable
            self.close()
            raise Unavailable(
                f"This version of Ray listens on {bound}, not on 127.0.0.1 alone. Install ray 2.60"
            )

    def alive(self) -> bool:
        """Return whether the cluster still answers."""
        if not self.ray.is_initialized():
            return False
        return self._target is None or _listens(self._target)

    def cores(self) -> float:
        """Return how many processor cores the cluster has now."""
        return float(self.ray.cluster_resources().get("CPU", 0))

    def largest(self) -> dict[str, float]:
        """Return the most that a node has of each resource."""
        largest: dict[str, float] = {}
        for node in self.ray.nodes():
            for name, amount in node["Resources"].items() if node["Alive"] else ():
                largest[name] = max(largest.get(name, 0.0), amount)
        return largest

    def close(self) -> None:
        """Disconnect, and end Ray if we started it; leave a connection alone that is not ours."""
        if self._connected:
            self._connected = False
            with warnings.catch_warnings(), suppress(Exception):  # a cluster that is gone cannot be told
                warnings.simplefilter("ignore")
                self.ray.shutdown()


def _quietly() -> dict[str, Any]:
    return {"log_to_driver": False, "logging_level": logging.ERROR}


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ArgumentError(
            "address", address, "is not an address of Ray", "Use auto, HOST:PORT or ray://HOST:PORT"
        )
    return host.strip("[]"), int(port)


def _listens(target: tuple[str, int]) -> bool:
    """Return whether anything listens there."""
    with suppress(OSError), socket.create_connection(target, _ANSWER_SECONDS):
        return True
    return False


@contextmanager
def _connecting(address: str, hint: str = "") -> Iterator[None]:
    """Turn whatever Ray raises into one error, and keep the program's own answer to SIGTERM, which Ray replaces."""
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with _usage_unreported(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters is in the error
            yield
    except Unavailable:
        raise
    except (Exception, SystemExit) as error:
        raise Unavailable(f"The Ray cluster at {address} cannot be used: {error}. {hint}") from error
    finally:
        if main and handler is not None:
            signal.signal(signal.SIGTERM, handler)


_CONNECT = """
import sys, ray
ray.init(sys.argv[1], log_to_driver=False)
print(ray.get_runtime_context().gcs_address)
"""


def _connected_elsewhere(address: str) -> str:
    """Have another process connect, and return the address of the cluster: Ray ends one that it cannot connect."""
    command = [sys.executable, "-c", _CONNECT, address]
    where = "of this machine" if address == "auto" else f"at {address}"
    with _usage_unreported():
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=_CONNECT_SECONDS)
        except subprocess.TimeoutExpired:
            raise Unavailable(
                f"The Ray cluster {where} did not let us in within {_CONNECT_SECONDS:.0f} s. {_TOKEN}"
            ) from None
    if ended.returncode == 0:
        return ended.stdout.split()[-1]
    said = (ended.stderr or ended.stdout).strip().splitlines()[-1:] or ["it is not healthy"]
    if address == "auto" and said[0].startswith("ConnectionError"):
        raise Unavailable(
            "No Ray cluster runs on this machine. Start one with `ray start --head`, or set RAY_ADDRESS"
        )
    raise Unavailable(f"The Ray cluster {where} cannot be used: {said[0]}")


@contextmanager
def _alone(alone: bool) -> Iterator[None]:
    """Have Ray use loopback for all its processes, if this machine is alone."""
    if not alone:
        yield
        return
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    with _set(_NO_CLUSTER, "0"):  # for the processes of Ray, and here for one imported already
        ray_constants.ENABLE_RAY_CLUSTER = False
        try:
            yield
        finally:
            ray_constants.ENABLE_RAY_CLUSTER = before


def _usage_unreported() -> Any:
    return _set("RAY_USAGE_STATS_ENABLED", "0")


@contextmanager
def _set(name: str, value: str) -> Iterator[None]:
    """Set a variable of the environment for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before
