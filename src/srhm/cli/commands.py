"""All commands, and how one is read from the command line and run."""

import ast
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import make_dataclass, replace
from functools import reduce
from importlib import import_module
from operator import or_
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn

import tyro

from ..errors import ArgumentError, SrhmError, name_fix, nearest
from ..files import user_path
from ..interrupts import Terminated, interrupts_noted
from .endings import INTERRUPTED, TERMINATED
from .printing import UNREAD, complain, standard_output
from .words import CHOICES, join_lines, join_lines_of_options

_DESCRIPTION = """The Sparse Random Hierarchy Model: data, networks, and how many training points they need.

Compiled programs are kept in the user's cache directory (~/.cache/srhm/jax) and used again; that folder may be
deleted at any time. JAX_ENABLE_COMPILATION_CACHE=false turns this off, JAX_COMPILATION_CACHE_DIR names another
folder.

srhm --version prints the version.
"""


class Command(NamedTuple):
    """Where a command is defined. Its module is imported when it is run, or asked for its help, and no other."""

    module: str
    kind: str
    """The dataclass of its options, with a method that runs it; in `interrupted` it says what is kept, if anything."""
    computes: bool = False
    """Whether it trains networks."""

    def load(self) -> Any:
        """Return the dataclass."""
        return getattr(import_module(f".{self.module}", __package__), self.kind)

    def summary(self) -> str:
        """Return the first paragraph of its description, which is read from its source."""
        tree = ast.parse(Path(__file__).with_name(f"{self.module}.py").read_text("utf-8"))
        (text,) = (
            ast.get_docstring(node)
            for node in tree.body
            if isinstance(node, ast.ClassDef) and node.name == self.kind
        )
        return " ".join((text or "").partition("\n\n")[0].split())


COMMANDS = {
    "demo": Command("measure", "DemoCommand", computes=True),
    "sample": Command("data", "SampleCommand"),
    "export-data": Command("exports", "ExportDataCommand"),
    "run": Command("measure", "RunCommand", computes=True),
    "pstar": Command("measure", "PstarCommand", computes=True),
    "theory": Command("theory", "TheoryCommand"),
    "diffusion": Command("diffusion", "DiffusionCommand"),
    "explore": Command("explore", "ExploreCommand"),
    "grid": Command("grids", "GridCommand", computes=True),
    "figure": Command("paper", "FigureCommand"),
    "reproduce": Command("paper", "ReproduceCommand", computes=True),
    "open-question": Command("open_question", "OpenQuestionCommand", computes=True),
    "status": Command("grids", "StatusCommand"),
    "cancel": Command("grids", "CancelCommand"),
    "merge": Command("grids", "MergeCommand"),
    "export": Command("grids", "ExportCommand"),
    "report": Command("report", "ReportCommand"),
}

_FORMER = {"train": "run"}
"""Commands of version 0.1, and what they are called now."""

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
    name, *others = (sys.argv[1:] if arguments is None else arguments) or [""]
    with _room(), standard_output():
        command = _read(name, others) if name in COMMANDS else _refuse(name, others)
    if COMMANDS[name].computes:
        from ..runner.executors import compute_on_one_thread, keep_compiled_programs

        compute_on_one_thread()
        keep_compiled_programs()
    paths = {name: user_path(value) for name, value in vars(command).items() if isinstance(value, Path)}
    command = replace(command, **paths)
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    kept = getattr(command, "interrupted", "Nothing was written.")
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
            complain(f"{where}{error.strerror or error}. {kept}")
            raise SystemExit(1) from None
        except (KeyboardInterrupt, Terminated) as ended:
            terminated = isinstance(ended, Terminated)
            reason = f": {ended}" if ended.args and not terminated else ""
            how = "ended by SIGTERM" if terminated else f"interrupted{reason}"
            with suppress(OSError):
                print(f"\nsrhm: {how}. {kept}", file=sys.stderr, flush=True)
            raise SystemExit(TERMINATED if terminated else INTERRUPTED) from None


def _read(name: str, arguments: Sequence[str]) -> Any:
    """Return a command with the options that were given."""
    if name == "run" and arguments and arguments[0].endswith(".toml"):
        complain(f"run computes one run. Use 'srhm grid {arguments[0]}' for a file of runs.")
        raise SystemExit(2)
    command = COMMANDS[name].load()
    join_lines(command)
    join_lines_of_options(command)
    return _parsed(command, f"srhm {name}", None, arguments)


def _refuse(name: str, arguments: Sequence[str]) -> NoReturn:
    """Print the list of commands, or say that something else is not one."""
    if name and not name.startswith("-"):
        former = _FORMER.get(nearest(name, [*COMMANDS, *_FORMER]) or "")
        fix = f"Use {former!r}, as it is called now" if former else name_fix(name, COMMANDS)
        complain(f"{name!r} is not a command. {fix}.")
        raise SystemExit(2)
    listed = []
    for word, command in COMMANDS.items():
        one = make_dataclass(command.kind, [])
        one.__doc__ = command.summary()
        listed.append(Annotated[one, tyro.conf.subcommand(word)])
    _parsed(reduce(or_, listed), "srhm", _DESCRIPTION, [name, *arguments] if name else [])
    raise SystemExit(2)


def _parsed(kind: Any, program: str, description: str | None, arguments: Sequence[str]) -> Any:
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.PositionalMetavarFromFieldName)
    return tyro.cli(
        kind, prog=program, description=description, args=arguments, config=config, registry=CHOICES
    )
