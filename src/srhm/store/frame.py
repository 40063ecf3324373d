"""Runs as columns: the one table that pandas and Parquet get."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any

from ..errors import import_extra
from ..model.options import Model
from ..model.params import PER_LEVEL
from ..study import RunSpec
from ..study.custom import CustomNet
from ..study.options import all_options, option_table
from ..study.setup import ROLES
from .database import Row, chunks

if TYPE_CHECKING:
    import pandas

Rows = Callable[[], Iterable[Row]]
"""The rows of a table of runs, to be read more than once."""

_PARTS = ("metrics", "seconds", "versions")
_MODEL = ("n_c", "v", "m", "s", "s0", "L")


def _columns() -> dict[str, str]:
    """Return the columns that every table has, and their types in Arrow."""
    kinds = {int: "int64", float: "float64", bool: "bool"}
    return (
        {"hash": "string"}
        | dict.fromkeys(_MODEL, "int64")
        | {"sparsity": "string", "P": "int64"}
        | {option.name: kinds.get(option.kind, "string") for option in option_table().values()}
        | {f"seed_{role}": "uint64" for role in ROLES}
        | dict.fromkeys(("status", "device", "weights", "finished"), "string")
    )


def to_pandas(rows: Rows) -> "pandas.DataFrame":
    """Return the rows as a data frame."""
    arrow = import_extra("pyarrow", "table")
    import_extra("pandas", "table")
    types = _types(rows())
    batches = list(_batches(arrow, rows(), types))
    return arrow.Table.from_batches(batches, _schema(arrow, types)).to_pandas()


def write_parquet(rows: Rows, file: IO[bytes]) -> None:
    """Write the rows as Parquet, some at a time."""
    arrow, parquet = import_extra("pyarrow", "table"), import_extra("pyarrow.parquet", "table")
    types = _types(rows())
    with parquet.ParquetWriter(file, _schema(arrow, types)) as writer:
        for batch in _batches(arrow, rows(), types):
            writer.write_batch(batch)


def _types(rows: Iterable[Row]) -> dict[str, str]:
    """Return the columns of a table with these rows, and their types."""
    names: dict[str, set[str]] = {part: set() for part in _PARTS}
    options: set[str] = set()
    types = _columns()
    for row in rows:
        for part, found in names.items():
            found.update(getattr(row, part))
        options.update(row.spec["net"].get("custom", {}).get("options", ()))
        params = row.spec["params"]
        types |= {"plane": "bool"} if params.get("plane") else {}
        types |= {name: "string" for name in PER_LEVEL if not isinstance(params[name], int)}
    types |= {_metric(name, types): "float64" for name in sorted(names["metrics"])}
    types |= {f"option_{name}": "string" for name in sorted(options)}
    types |= {f"seconds_{name}": "float64" for name in sorted(names["seconds"])}
    return types | {f"versions_{name}": "string" for name in sorted(names["versions"])}


def _metric(name: str, types: Mapping[str, str]) -> str:
    return f"metric_{name}" if name in types else name


def _schema(arrow: Any, types: dict[str, str]) -> Any:
    return arrow.schema([(name, arrow.type_for_alias(kind)) for name, kind in types.items()])


def _batches(arrow: Any, rows: Iterable[Row], types: dict[str, str]) -> Iterator[Any]:
    schema = _schema(arrow, types)
    for some in chunks(rows):
        yield arrow.RecordBatch.from_pylist([_flat(row, types) for row in some], schema=schema)


def _flat(row: Row, types: dict[str, str]) -> dict[str, Any]:
    """Return a row with a value for every column, of its type or None."""
    spec, fixed = RunSpec.from_dict(row.spec), _columns()
    flat: dict[str, Any] = {**asdict(Model.of(spec.params)), "P": spec.P, **all_options(spec.setup)}
    flat |= {name: str(flat[name]) for name in PER_LEVEL if types[name] == "string"}
    flat |= {name: row._mapping[name] for name in ("hash", "status", "device", "weights", "finished")}
    flat |= {f"seed_{role}": getattr(spec.seeds, role) for role in ROLES}
    if isinstance(spec.net, CustomNet):
        flat |= {f"option_{name}": json.dumps(value) for name, value in spec.net.options.items()}
    flat |= {_metric(name, fixed): value for name, value in row.metrics.items()}
    flat |= {f"seconds_{name}": value for name, value in row.seconds.items()}
    flat |= {f"versions_{name}": value for name, value in row.versions.items()}
    numbers = {"float64": float, "int64": int, "uint64": int}
    return {
        name: numbers[kind](value) if (value := flat.get(name)) is not None and kind in numbers else value
        for name, kind in types.items()
    }
