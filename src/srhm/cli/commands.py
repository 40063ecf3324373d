"""All commands, and how one is read from the command line and run."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any

import tyro

from ..errors import ArgumentError, SrhmError, name_fix
from ..files import user_path
from ..interrupts import Terminated, interrupts_noted
from ..runner.executors import compute_on_one_thread, keep_compiled_programs
from .data import Sample
from .endings import INTERRUPTED, TERMINATED
from .explore import Explore
from .exports import ExportData
from .grids import Cancel, Export, Grid, Merge, Status
from .measure import Demo, Pstar, Run
from .open_question import OpenQuestion
from .paper import Figure, Reproduce
from .printing import UNREAD, complain, standard_output
from .report import Report
from .theory import Theory
from .words import CHOICES, join_lines, join_lines_of_options

_DESCRIPTION = """The Sparse Random Hierarchy Model: data, networks, and how many training points they need.

Compiled programs are kept in the user's cache directory (~/.cache/srhm/jax) and used again; that folder may be
deleted at any time. JAX_ENABLE_COMPILATION_CACHE=false turns this off, JAX_COMPILATION_CACHE_DIR names another
folder.

srhm --version prints the version.
"""

COMMANDS: dict[str, Any] = {
    "demo": Demo,
    "sample": Sample,
    "export-data": ExportData,
    "run": Run,
    "pstar": Pstar,
    "theory": Theory,
    "explore": Explore,
    "grid": Grid,
    "figure": Figure,
    "reproduce": Reproduce,
    "open-question": OpenQuestion,
    "status": Status,
    "cancel": Cancel,
    "merge": Merge,
    "export": Export,
    "report": Report,
}

_NARROWEST = 40
"""Columns of the narrowest terminal that help is laid out for: in less than 6, tyro finds no end."""


@contextmanager
def _room() -> Iterator[None]:
    """Have narrower terminals break the lines of help themselves."""
    given = os.environ.get("COLUMNS")
    if shutil.get_terminal_size().columns >= _NARROWEST:
        yield
        return
    os.environ["COLUMNS"] = str(_NARROWEST)
    try:
        yield
    finally:
        os.environ.pop("COLUMNS")
        os.environ |= {} if given is None else {"COLUMNS": given}


def run(arguments: list[str] | None) -> None:
    """Read a command and run it; see :func:`srhm.cli.main`."""
    compute_on_one_thread()
    keep_compiled_programs()
    with _room(), standard_output():
        command = _read(sys.argv[1:] if arguments is None else arguments)
    paths = {name: user_path(value) for name, value in vars(command).items() if isinstance(value, Path)}
    command = replace(command, **paths)
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with interrupts_noted():
        try:
            command.run()
        except SrhmError as error:
            complain(str(error))
            raise SystemExit(2 if isinstance(error, ArgumentError) else 1) from None
        except BrokenPipeError:  # of standard error
            raise SystemExit(UNREAD) from None
        except OSError as error:  # the disk is full, or was taken away
            where = f"{error.filename}: " if error.filename else ""
            complain(f"{where}{error.strerror or error}. {command.interrupted}")
            raise SystemExit(1) from None
        except (KeyboardInterrupt, Terminated) as ended:
            terminated = isinstance(ended, Terminated)
            reason = f": {ended}" if ended.args and not terminated else ""
            how = "ended by SIGTERM" if terminated else f"interrupted{reason}"
            with suppress(OSError):
                print(f"\nsrhm: {how}. {command.interrupted}", file=sys.stderr, flush=True)
            raise SystemExit(TERMINATED if terminated else INTERRUPTED) from None


def _read(arguments: Sequence[str]) -> Any:
    """Return the command of a command line, with its options."""
    name = next((word for word in arguments if not word.startswith("-")), "")
    if name in COMMANDS:
        join_lines_of_options(COMMANDS[name])
    elif arguments and arguments[0] == name:
        complain(f"{name!r} is not a command. {name_fix(name, COMMANDS)}.")
        raise SystemExit(2)
    for command in COMMANDS.values():
        join_lines(command)
    kinds: Any = reduce(or_, (Annotated[kind, tyro.conf.subcommand(word)] for word, kind in COMMANDS.items()))
    config = (
        tyro.conf.OmitArgPrefixes,
        tyro.conf.FlagCreatePairsOff,
        tyro.conf.PositionalMetavarFromFieldName,
    )
    return tyro.cli(
        kinds,
        prog="srhm",
        description=_DESCRIPTION,
        args=arguments,
        config=config,
        registry=CHOICES,
    )
