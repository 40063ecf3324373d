"""Says when it is imported which package of the extra ``lab`` is missing; rooms that need them import it first."""

from importlib.util import find_spec

from .errors import MissingExtraError

for _package in ("sqlalchemy", "tyro", "rich", "matplotlib", "jinja2", "safetensors"):
    if find_spec(_package) is None:
        raise MissingExtraError(_package, "lab")
