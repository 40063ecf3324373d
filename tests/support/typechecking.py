"""The checker that executes annotations in tests: as static checkers do, it takes an int where a float stands."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
