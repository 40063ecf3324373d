"""The names of the namespace ``srhm``, which imports them when the first one is used."""

from . import model
from .compat import rhm
from .errors import ArgumentError, MissingExtraError, SrhmError
from .inference import parse
from .model import *  # noqa: F403
from .randomness import STREAM_VERSION

__all__ = [
    "STREAM_VERSION",
    "ArgumentError",
    "MissingExtraError",
    "SrhmError",
    "parse",
    "rhm",
]
__all__ += model.__all__
