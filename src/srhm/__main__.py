"""`python -m srhm` is `srhm`."""

from .cli import console

console()
