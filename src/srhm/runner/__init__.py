"""The computation of runs: a driver hands them to an executor, and puts what comes back into the store."""

from .. import lab_extra  # noqa: F401 (says which package is missing)
