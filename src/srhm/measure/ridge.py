"""Ridge regression in kernel form: every penalty from one eigendecomposition, the best by exact leave-one-out."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..errors import ArgumentError

PENALTIES = tuple(10.0**power for power in range(-6, 3))
"""The penalties tried, in units of the mean square of the inputs about their mean."""


@dataclass(frozen=True)
class Fit:
    """A linear map fitted by :class:`Ridge`."""

    offset: Float[np.ndarray, " target"]
    """Mean of the targets, [target]."""
    dual: Float[np.ndarray, "input target"]
    """Coefficients a_i of the training inputs, [input, target]: the map is offset + sum_i a_i k(x, x_i), with k the
    scalar product about the mean of the training inputs."""
    penalty: float
    """The penalty that was chosen, in the units of k."""
    press: tuple[float, ...]
    """For each of :data:`PENALTIES`, the sum of the squared leave-one-out residuals."""

    def __call__(self, kernel: Float[np.ndarray, "new input"]) -> Float[np.ndarray, "new target"]:
        """Return the values at new inputs, given their k with every training input."""
        return self.offset + kernel @ self.dual


class Ridge:
    """Ridge regressions with common inputs: min over W, b of sum_i |y_i - b - W x_i|^2 + penalty |W|^2.

    The kernel holds the scalar products of at least 2 inputs about their mean. With U and w its eigenvectors and
    eigenvalues, and g_e = penalty / (w_e + penalty), the residuals are r = U g U^T (y - mean y), and the fit that
    leaves out input i misses it by r_i / (sum_e U_ie^2 g_e - 1/n): PRESS, exact, the offset included (Allen,
    Technometrics 16, 125, 1974).
    """

    def __init__(self, kernel: Float[np.ndarray, "input input"]) -> None:
        if len(kernel) < 2:
            raise ArgumentError("kernel", kernel.shape, "has too few inputs", "Give at least 2 inputs")
        values, self._vectors = np.linalg.eigh(kernel)
        # One eigenvalue at least is zero, that of the constant vector; as a small number it would not cancel 1/n.
        rounding = len(kernel) * np.finfo(np.float64).eps * values[-1]
        self._values = np.where(values > rounding, values, 0.0)
        unit = self._values.mean() or 1.0  # any will do where all inputs are equal
        self._penalties = unit * np.array(PENALTIES)
        self._left = self._penalties / (self._values[:, None] + self._penalties)  # g [eigenvalue, penalty]
        self._weights = self._vectors**2 @ self._left - 1 / len(kernel)  # [input, penalty]

    def fit(self, targets: Float[np.ndarray, "input target"]) -> Fit:
        """Fit all targets with one penalty: of those tried, the one with the smallest total PRESS."""
        offset = targets.mean(axis=0)
        spectrum = self._vectors.T @ (targets - offset)
        press = []
        for left, weights in zip(self._left.T, self._weights.T, strict=True):
            residuals = self._vectors @ (left[:, None] * spectrum)
            press.append(float(((residuals / weights[:, None]) ** 2).sum()))
        penalty = float(self._penalties[np.argmin(press)])
        dual = self._vectors @ (spectrum / (self._values + penalty)[:, None])
        return Fit(offset, dual, penalty, tuple(press))
