"""The frame of the house: who imports whom, what no file does, and the files that go with the package."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import srhm
from folders import ROOT

SOURCE = ROOT / "src" / "srhm"

DIRECT = {
    "errors": "",
    "files": "errors",
    "randomness": "errors",
    "backend": "errors",
    "interrupts": "",
    "memory": "errors",
    "cores": "",
    "lab_extra": "errors",
    "model": "errors files memory randomness cores backend",
    "inference": "model",
    "theory": "model",
    "nets": "theory backend",
    "reference": "model",
    "gradients": "nets",
    "training": "nets inference interrupts",
    "torch": "inference",
    "exports": "inference",
    "compat": "inference",
    "learners": "inference",
    "measure": "training torch",
    "images": "measure",
    "study": "measure reference",
    "store": "study lab_extra",
    "runner": "store __init__ interrupts",
    "figures": "study lab_extra",
    "finished": "runner figures",
    "front": "finished",
    "report": "figures store",
    "explore": "figures store",
    "paper": "report explore runner",
    "cli": "paper exports learners gradients compat",
    "_names": "inference compat",
    "__init__": "_names",
    "__main__": "cli",
}
"""What each room (a module or package srhm.ROOM) may import of ours, itself apart; the rooms that
those may import are allowed too. `__init__` is the front door, `from srhm import ...`."""

LAZY = {"nets": "torch"}
"""What a room imports besides, inside functions alone: `net.to_torch()` needs PyTorch when it is called."""

INNER = {
    "nets.standard": "nets.design nets.draws nets.family nets.interface nets.stateful",
    "paper.open_question": "paper.cost paper.drawings paper.estimate paper.settings paper.sharing "
    "paper.tables paper.tiers",
    "runner.executors": "runner.execution runner.functions runner.work",
}
"""What each room inside a room imports of the outer one."""

NETWORK_NAMES = {
    "cnn",
    "lcn",
    "fcn",
    "vgg11",
    "vgg16",
    "resnet18",
    "resnet34",
    "efficientnetb0",
    "transformer",
    "unet",
}
NAMING = ("nets", "reference")
"""The rooms in whose code a network may be called by its name; others ask its family."""
SHARING = (
    "nets/cnn.py", "nets/lcn.py", "nets/options.py", "paper/figures.py", "paper/open_question/arms.py",
    "paper/sharing.py",
)  # fmt: skip
"""The files that know of the option `shared_layers`; to others it is one of the options of a family."""

PUBLIC_NAMES = 160
"""How many names there may be in the rooms' `__all__`, all rooms together."""

DATA_ROOMS = ("model", "inference", "compat")
GROUND_FLOOR = ("errors", "files", "memory", "randomness", "cores")
HEAVY = {"jax", "jaxlib", "equinox", "optax", "torch", "tensorflow", "ray", "sqlalchemy", "matplotlib"}
"""What neither the data rooms nor the ground floor import when they are imported themselves."""

PICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


@cache
def allowed(room: str) -> frozenset[str]:
    """Return the rooms that a room may import, itself included."""
    direct = DIRECT[room].split()
    return frozenset({room, *direct}).union(*(allowed(other) for other in direct))


@cache
def sources() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    """Return the code of a file, which is read once for all tests here."""
    return ast.parse(path.read_text("utf-8"))


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def is_room(name: str) -> bool:
    return name in DIRECT or (SOURCE / name).is_dir() or (SOURCE / f"{name}.py").is_file()


def package_of(path: Path) -> list[str]:
    return ["srhm", *path.relative_to(SOURCE).parent.parts]


def imported(node: ast.AST, package: list[str]) -> list[str]:
    """Return the full names that an import statement asks for, relative ones resolved."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        parents = package[: len(package) + 1 - node.level] if node.level else []
        base = ".".join([*parents, *([node.module] if node.module else [])])
        return [f"{base}.{alias.name}" for alias in node.names]
    return []


def room_imports(tree: ast.AST, package: list[str]) -> Iterator[tuple[int, str]]:
    """Yield (line, room) for every import of ours, those inside functions and for type checking included."""
    for node in ast.walk(tree):
        for name in imported(node, package):
            parts = name.split(".")
            if parts[0] == "srhm":
                # `from srhm.model.params import Params` names a room, `from srhm import Params` the front door.
                yield node.lineno, parts[1] if len(parts) > 1 and is_room(parts[1]) else "__init__"


def immediate(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run when a module is imported: not bodies of functions, not `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from (inner for branch in node.orelse for inner in (branch, *immediate(branch)))
            continue
        yield node
        yield from immediate(node)


def heavy_imports(tree: ast.AST, package: list[str]) -> Iterator[tuple[int, str]]:
    """Yield (line, library) for each import of a heavy library that runs at import time."""
    for node in immediate(tree):
        for name in imported(node, package):
            if name.split(".")[0] in HEAVY:
                yield node.lineno, name.split(".")[0]


def forbidden(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, what) for pickles, global seeds and bare excepts."""
    for node in ast.walk(tree):
        for name in imported(node, []):
            if name.split(".")[0] in PICKLERS:
                yield node.lineno, f"imports {name.split('.')[0]}, but no file is read or written as a pickle"
            if name.startswith(("numpy.random.seed", "random.seed")):
                yield node.lineno, "imports a global seed; use srhm.randomness"
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield node.lineno, "has a bare except; name the error"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if re.search(r"(^|\.)random\.(seed|set_state)$", called) or called == "torch.manual_seed":
                yield node.lineno, f"calls {called}; no global seed is ever set, use srhm.randomness"
            for keyword in node.keywords:
                if keyword.arg == "allow_pickle" and getattr(keyword.value, "value", True):
                    yield node.lineno, f"calls {called} with allow_pickle; no file is read as a pickle"


def named_networks(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, name) for each string outside docstrings that is the name of a network."""
    texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in texts and node.value in NETWORK_NAMES:
            yield node.lineno, node.value


# The checks themselves are checked: each must find what it is there for, and only that.


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("from .store.index import RunIndex", ["store"]),
        ("from ..model.params import Params", ["model"]),
        ("from . import model, nonsense", ["model", "__init__"]),
        ("import srhm.nets.cnn", ["nets"]),
        ("from srhm import Params", ["__init__"]),
        ("import srhm", ["__init__"]),
        ("def late():\n    from srhm.study import Run", ["study"]),
        ("import numpy\nfrom srhmx import a", []),
    ],
)
def test_room_imports_are_found(code, expected):
    package = ["srhm", "nets"] if "from .." in code else ["srhm"]
    assert [room for _, room in room_imports(ast.parse(code), package)] == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import jax.numpy as jnp", ["jax"]),
        ("try:\n    from torch import nn\nexcept ImportError:\n    nn = None", ["torch"]),
        ("class A:\n    import optax", ["optax"]),
        ("def late():\n    import jax", []),
        ("if TYPE_CHECKING:\n    import jax\nelse:\n    import torch", ["torch"]),
        ("import jaxtyping, numpy", []),
    ],
)
def test_heavy_imports_are_found(code, expected):
    assert [name for _, name in heavy_imports(ast.parse(code), ["srhm"])] == expected


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("import pickle", 1),
        ("from joblib import dump", 1),
        ("np.random.seed(0)", 1),
        ("from random import seed", 1),
        ("torch.manual_seed(seed)", 1),
        ("np.load(path, allow_pickle=True)", 1),
        ("np.load(path, allow_pickle=flag)", 1),
        ("np.load(path, allow_pickle=False)", 0),
        ("try:\n    f()\nexcept:\n    pass", 1),
        ("try:\n    f()\nexcept ValueError:\n    pass", 0),
        ("rng = np.random.default_rng(0)\nseed(1)", 0),
    ],
)
def test_forbidden_things_are_found(code, count):
    assert len(list(forbidden(ast.parse(code)))) == count


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('if net == "cnn":\n    pass', ["cnn"]),
        ("rates = {'vgg11': 0.1, 'rnn': 1}", ["vgg11"]),
        ('"""cnn"""\nclass A:\n    net: str\n    "lcn"', []),
        ('label = "CNN"', []),
    ],
)
def test_names_of_networks_are_found(code, expected):
    assert [name for _, name in named_networks(ast.parse(code))] == expected


def test_the_table_is_an_order():
    for room, direct in DIRECT.items():
        assert set(direct.split()) <= set(DIRECT), f"the entry of {room} names a room that has none"
        reached, frontier = set(), set(direct.split())
        while frontier:
            reached |= frontier
            frontier = {after for one in frontier for after in DIRECT[one].split()} - reached
        assert room not in reached, f"{room} may import itself through another room"
    for room in (*DATA_ROOMS, *GROUND_FLOOR, "__init__"):
        assert allowed(room) <= {*DATA_ROOMS, *GROUND_FLOOR, "backend", "_names", "__init__"}, (
            f"{room} reaches beyond the data"
        )
    for room in set(DIRECT) - {"paper", "cli", "__main__"}:
        assert "paper" not in allowed(room), f"{room} serves every study, not one paper"
    general = ("ridge", "complexity", "crossings", "exponent", "correlation")
    for module in general:
        path = SOURCE / "measure" / f"{module}.py"
        tree, package = ast.parse(path.read_text("utf-8")), package_of(path)
        names = {name for node in ast.walk(tree) for name in imported(node, package)}
        ours = {".".join(name.split(".")[1:3]) for name in names if name.startswith("srhm.")}
        allowed_here = {f"measure.{one}" for one in general}
        assert all(name in allowed_here or name.startswith("errors") for name in ours), (
            f"{module} serves any measurements, not ours alone: it imports {sorted(ours)}"
        )


def test_every_room_is_declared():
    rooms = {room_of(path) for path in sources()}
    assert "errors" in rooms, f"no package was found in {SOURCE}"
    assert rooms <= set(DIRECT), (
        f"srhm has rooms that are not declared: {sorted(rooms - set(DIRECT))}. "
        "Say in the table DIRECT at the top of tests/frame/test_frame.py what each may import"
    )


def test_rooms_import_only_earlier_rooms():
    wrong = []
    for path in sources():
        room = room_of(path)
        rooms = allowed(room) if room in DIRECT else frozenset()
        tree, package = parsed(path), package_of(path)
        at_once = {
            name.split(".")[1] for node in immediate(tree) for name in imported(node, package) if "." in name
        }
        later = {one for one in LAZY.get(room, "").split() if one not in at_once}
        wrong += [
            f"{path.relative_to(ROOT)}:{line} imports srhm{'' if other == '__init__' else '.' + other}"
            f"; {room} may import {sorted(rooms)}"
            for line, other in room_imports(tree, package)
            if other not in rooms | later
        ]
    assert not wrong, f"{wrong}; see DIRECT"


def modules_imported(path: Path) -> set[str]:
    """Return the modules of ours that a file imports, by their names below srhm."""
    known = modules()
    names = [
        name.removeprefix("srhm.").removeprefix("srhm")
        for node in ast.walk(parsed(path))
        for name in imported(node, package_of(path))
        if name.split(".")[0] == "srhm"
    ]
    return {name if name in known else name.rpartition(".")[0] for name in names}


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> frozenset[str]:
    return frozenset(name_of(one) for one in sources())


def test_inner_rooms_import_what_is_declared():
    """A room inside a room takes from the outer one only what INNER says."""
    inner = {
        ".".join(path.relative_to(SOURCE).parts[:-1])
        for path in sources()
        if len(path.relative_to(SOURCE).parts) > 2
    }
    assert inner == set(INNER), "say in INNER at the top of this file what each room inside a room may import"
    for room in INNER:
        outer = room.split(".")[0]
        for path in (SOURCE / Path(*room.split("."))).rglob("*.py"):
            own = {name for name in modules_imported(path) if name.split(".")[0] == outer}
            wrong = {name for name in own if name != room and not name.startswith(room + ".")}
            assert wrong <= set(INNER[room].split()), f"{path.relative_to(ROOT)} imports {sorted(wrong)}"


def test_no_modules_import_each_other():
    """There is no circle of imports, those inside functions included."""
    graph = {name_of(path): modules_imported(path) - {name_of(path), ""} for path in sources()}
    while leaves := {name for name, needed in graph.items() if not needed & graph.keys()}:
        graph = {name: needed for name, needed in graph.items() if name not in leaves}
    assert not graph, f"these import one another, or one that does: {sorted(graph)}"


def test_data_rooms_are_light():
    light = [path for path in sources() if room_of(path) in (*DATA_ROOMS, *GROUND_FLOOR, "__init__")]
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {library}"
        for path in light
        for line, library in heavy_imports(parsed(path), package_of(path))
    ]
    assert light and not found, f"{found} when they are imported; do so in a function"


def test_importing_the_package_loads_nothing_heavy():
    """What the reading of the code says, seen from outside: a fresh interpreter at the front door."""
    code = f"import sys, srhm; print(srhm.__file__); print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    origin, loaded = done.stdout.splitlines()
    tested = Path(origin).resolve().parent
    for path in [*sources(), *SOURCE.rglob("*.json"), *SOURCE.rglob("*.jinja"), SOURCE / "py.typed"]:
        installed = tested / path.relative_to(SOURCE)  # the same, or that of a wheel (make package)
        assert installed.read_bytes() == path.read_bytes(), f"another srhm is installed: {installed}"
    assert loaded == "", f"import srhm loads {loaded}"


def test_no_pickle_no_global_seed_no_bare_except():
    found = [
        f"{path.relative_to(ROOT)}:{line} {what}"
        for path in sources()
        for line, what in forbidden(parsed(path))
    ]
    assert not found, found


def test_networks_are_named_where_they_are_made_or_chosen():
    """All else asks the row of the family, so that a new one is served at once."""
    from srhm.nets import FAMILIES

    assert set(FAMILIES) == NETWORK_NAMES
    for path in sources():
        if room_of(path) not in NAMING:
            found = list(named_networks(parsed(path)))
            assert not found, f"{path.relative_to(ROOT)} names {found}; ask the row of the family instead"
    files = [path for path in SOURCE.rglob("*.json") if '"cnn"' in path.read_text("utf-8")]
    places = {path.relative_to(SOURCE).as_posix() for path in files}
    assert places == {"model/catalogue.json", "reference/published.json"}


def test_few_files_know_of_shared_layers():
    known = {
        path.relative_to(SOURCE).as_posix()
        for path in sources()
        if re.search(r"\bshared_layers\b", path.read_text("utf-8"))
    }
    assert known <= set(SHARING), f"ask for the options of the family: {sorted(known - set(SHARING))}"


def test_public_names_are_few():
    """What a user types, and no more: a name in the `__all__` of two rooms is one if it is the same object."""
    names = set()
    for path in [*SOURCE.glob("*.py"), *SOURCE.glob("*/__init__.py")]:
        if "\n__all__ = [" in path.read_text("utf-8") and not path.name.startswith("_names"):
            room = import_module(f"srhm.{name_of(path)}")
            names |= {(name, id(getattr(room, name))) for name in room.__all__}
    names |= {(name, id(getattr(srhm, name))) for name in srhm.__all__}
    assert 100 < len(names) <= PUBLIC_NAMES, f"{len(names)} public names; a user need not type all of them"


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_citation():
    """CITATION.cff is the plain subset of YAML that it claims to be, and says what it has to say."""
    text = (ROOT / "CITATION.cff").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    folded = False  # inside the text below a line that ends with ">-"
    for line in lines:
        indent = len(line) - len(line.lstrip(" "))
        folded = folded and indent > 0
        pair = re.fullmatch(r"(- )?[\w-]+:( \S.*)?|- \S.*", line.strip())
        assert "\t" not in line and indent % 2 == 0, f"odd indentation: {line!r}"
        assert folded or pair, f"neither a key with its value nor an item: {line!r}"
        if not folded:
            value = line.strip().removeprefix("- ").partition(": ")[2]
            assert value.startswith('"') or ": " not in value, f"a colon in a value needs quotes: {line!r}"
        folded = folded or line.endswith(">-")

    top = dict(match.groups() for match in re.finditer(r"^([\w-]+):(?: (.*))?$", text, re.MULTILINE))
    for key in ("cff-version", "message", "title", "authors", "version", "license", "references"):
        assert key in top, f"CITATION.cff has no {key}"
    assert top["cff-version"] == "1.2.0"
    assert top["license"] == project()["license"]
    paper = text.split("references:")[1]
    for fact in ("Tomasini", "Umberto M.", "Wyart", "2024", "235", "48369", "48389", "2404.10727"):
        assert fact in paper, f"the reference to the paper lacks {fact}"


def test_one_version_is_said_everywhere():
    """What is installed, cited and shown is one version, the first of the changes; stored results keep their own."""
    said = {
        "CITATION.cff": r"^version: (.+)$",
        "CHANGELOG.md": r"\A# Changes\n(?:\n[^#\n].*)*\n\n## (\S+)",
        "docs/index.md": r"version = \{(.+)\}",
        "docs/install.md": r"srhm-([\d.]+)-py3",
        "docs/cluster/kuberay.yaml": r"/srhm:(.+)$",
    }
    version = project()["version"]
    assert srhm.__version__ == version
    for name, pattern in said.items():
        found = re.findall(pattern, (ROOT / name).read_text("utf-8"), re.MULTILINE)
        assert found and set(found) == {version}, f"{name} says {found}, pyproject.toml {version}"


def test_constraints_pin_every_dependency():
    """Every requirement of pyproject.toml has one exact version in constraints.txt, not below its bound."""

    def normal(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    def numbers(version: str) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", version)[:3])

    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line.strip() and not line.startswith("#")]
    for pin in pins:
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ;.*)?", pin), f"no exact version: {pin}"
    versions = {normal(pin.split("==")[0]): pin.split("==")[1] for pin in pins}
    assert len(versions) == len(pins), "a package is pinned twice"
    extras = project()["optional-dependencies"]
    for extra in extras:
        for requirement in (*project()["dependencies"], *extras[extra]):
            match = re.match(r"([\w.-]+)(?:\[[\w,-]+\])?>=([\d.]+)", requirement)
            assert match, f"{requirement} has no lower bound"
            name, least = normal(match[1]), match[2]
            assert name in versions, f"{name} of [{extra}] has no line in constraints.txt"
            assert numbers(versions[name]) >= numbers(least), f"{name}: constraints.txt is below {least}"
