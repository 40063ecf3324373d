"""The laboratory: run plans, the result store, executors, figures and the report (extra ``lab``)."""

from importlib.util import find_spec

from ..errors import MissingExtraError

for _package in ("sqlalchemy", "tyro", "rich", "matplotlib", "jinja2", "alembic", "safetensors"):
    if find_spec(_package) is None:
        raise MissingExtraError(_package, "lab")
