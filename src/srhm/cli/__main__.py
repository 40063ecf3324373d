"""`python -m srhm.cli` is `srhm`."""

from . import main

main()
