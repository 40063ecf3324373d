"""A finished run: its measurements, and its form as JSON data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ..errors import ArgumentError
from ..nets.weights import is_digest
from .setup import RunSpec

STATUSES = ("converged", "epochs", "plateau", "stuck", "unstable", "diverged", "trained")
"""How a finished run may have ended."""


@dataclass(frozen=True)
class Run:
    """A finished run, as in the store."""

    spec: RunSpec
    """The specification of the run."""
    status: str
    """``converged``, ``epochs``, ``plateau``, ``stuck``, ``unstable`` or ``diverged``; ``trained`` if a function
    of the user's decided when to end."""
    metrics: dict[str, float | int | None]
    """``error``, ``best_test_error``, ``train_loss``, ``epochs``, ``steps``, ``best_epoch`` and ``S_kl``, ``D_kl``
    with their errors; if something is held out also ``in_distribution_error``, the test error on samples without it
    that are not in the training set; of a task that predicts symbols also ``loss`` and ``excess``, in nats; with
    probes also ``probe_kl``, ``probe_rule_kl``, ``probe_placement_kl`` and ``ari_kl``. None for a missing number. Of a
    function of the user's ``error``, and S and D where it gives scores."""
    record: list[dict[str, Any]]
    """``step``, ``epoch``, ``train_loss`` and ``test_error`` at log-spaced steps, if requested, and whatever else was
    recorded: metrics by name, and ``weights``, the SHA-256 of their file. None for a missing number. Of a task that
    predicts symbols always, with ``test_loss``, ``excess`` and ``loss_by_place``; the last has ``floor_by_place``. Of
    ``denoise`` also with ``loss_by_time`` and ``floor_by_time``: by the number of hidden positions, or for the uniform
    process by tenths of its steps."""
    seconds: dict[str, float]
    """Wall times: ``data``, ``train`` (including ``compile``), ``sensitivities``, and ``probes`` if requested."""
    versions: dict[str, str]
    """Versions of srhm, jax, numpy, Python and the streams; and whether it was executed alone or with others."""
    device: str
    """The device that computed."""
    weights: str | None = None
    """SHA-256 of the file of the trained weights, if they are kept."""

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON data: its fields, and the hash of its specification."""
        content = {"hash": self.spec.hash, "spec": self.spec.to_dict()}
        return content | {one.name: getattr(self, one.name) for one in fields(self)[1:]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Run":
        """Rebuild a run from :meth:`to_dict`, with checks.

        Raises
        ------
        ArgumentError
            If a field is missing, unknown or of the wrong type, or the hash is not that of the specification.
        """
        fix = "Give Run.to_dict()"
        if not isinstance(content, Mapping) or not isinstance(content.get("spec"), Mapping):
            raise ArgumentError("content", content, "is not a run", fix)
        names = {one.name for one in fields(cls)} | {"hash"}
        if odd := names.symmetric_difference(content) - {"hash", "weights"}:
            raise ArgumentError(
                "content", content, f"lacks, or has too many, {', '.join(sorted(map(str, odd)))}", fix
            )
        spec = RunSpec.from_dict(content["spec"])
        if content.get("hash", spec.hash) != spec.hash:
            raise ArgumentError(
                "hash",
                content["hash"],
                "is not that of the specification",
                "Run it with this version of srhm",
            )
        for name, is_right in _KINDS.items():
            if not is_right(content.get(name)):
                raise ArgumentError(name, content.get(name), "is not valid in a run", fix)
        checked: dict[str, Any] = {name: content.get(name) for name in _KINDS}
        return cls(spec, **checked)


def weights_on_the_way(record: list[dict[str, Any]]) -> list[str]:
    """Return the SHA-256 of the files of weights in a record."""
    return [point["weights"] for point in record if point.get("weights") is not None]


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _holds(value: Any, is_right: Callable[[Any], bool]) -> bool:
    """Return whether a value is a dictionary with names for keys and with such values."""
    return isinstance(value, dict) and all(
        isinstance(key, str) and is_right(one) for key, one in value.items()
    )


def _is_point(value: Any) -> bool:
    """Return whether a value is one point of a record: numbers by name, and the SHA-256 of weights."""
    if not isinstance(value, dict) or ("weights" in value and not is_digest(value["weights"])):
        return False
    numbers = {name: one for name, one in value.items() if name != "weights"}
    return _holds(
        numbers, lambda one: all(map(_is_number, one)) if isinstance(one, list) else _is_number(one)
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_KINDS: dict[str, Callable[[Any], bool]] = {
    "status": lambda value: value in (*STATUSES, "stopped"),
    "metrics": lambda value: _holds(value, _is_number),
    "record": lambda value: isinstance(value, list) and all(_is_point(one) for one in value),
    "seconds": lambda value: _holds(value, lambda one: one is not None and _is_number(one)),
    "versions": lambda value: _holds(value, _is_text),
    "device": _is_text,
    "weights": lambda value: value is None or is_digest(value),
}
"""What each field of a run may be, in JSON data of unknown origin."""
