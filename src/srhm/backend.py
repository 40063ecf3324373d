"""The backend that JAX computes on: the processor, or a GPU."""

import jax

from .errors import BackendError


def backend_name() -> str:
    """Return the name of JAX's backend, ``"cpu"`` or ``"gpu"``. Call it before the first computation.

    Raises
    ------
    BackendError
        If JAX has none, such as where JAX_PLATFORMS asks for a GPU and there is none.
    """
    try:
        return jax.default_backend()
    except (RuntimeError, AssertionError) as error:  # of a platform whose plugin is missing, the latter
        wanted: str | None = jax.config.jax_platforms  # pyright: ignore[reportAttributeAccessIssue]
        said = (
            str(error).partition(" (set JAX_PLATFORMS")[0] or "JAX finds no such device, or no plugin for it"
        )
        raise BackendError(
            f"JAX_PLATFORMS = {wanted!r} names nothing that JAX can compute on here: {said.rstrip('.')}. "
            "Unset JAX_PLATFORMS, and JAX chooses; or set it to cpu."
        ) from None
