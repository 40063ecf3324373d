"""`python -m srhm.cli` is `srhm`."""

from . import console

console()
