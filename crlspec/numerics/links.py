"""Known links of a generalised linear mixing x = link(G z + c), element-wise and strictly increasing, in numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from crlspec.spec.links import LINK_LEAK

__all__ = ["LINKS", "Link"]

NEAREST = 1.0 - 2.0**-53
"""The largest number below 1."""


@dataclass(frozen=True)
class Link:
    """``forward`` and ``inverse`` act element-wise.

    ``inverse`` gives NaN outside the link's range, and a large finite value at its border, where rounding has hidden
    the argument: such values are ``saturated``. ``slope`` is the derivative of ``forward``.
    """

    forward: Callable[[np.ndarray], np.ndarray]
    inverse: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    saturation: float = np.inf

    def saturated(self, x: np.ndarray) -> np.ndarray:
        """Where values of the link are too near to its border for its argument to be read off: bool, shape of x."""
        return np.asarray(np.abs(x) >= self.saturation)


def _arctanh(x: np.ndarray) -> np.ndarray:
    return np.arctanh(np.where(np.abs(x) > 1, np.nan, np.clip(x, -NEAREST, NEAREST)))


LINKS: Mapping[str, Link] = {
    "tanh": Link(np.tanh, _arctanh, lambda u: 1 / np.cosh(u) ** 2, 1 - 1e-12),
    "leaky-relu": Link(
        lambda u: np.where(u < 0, LINK_LEAK * u, u),
        lambda x: np.where(x < 0, x / LINK_LEAK, x),
        lambda u: np.where(u < 0, LINK_LEAK, 1.0),
    ),
    "sinh": Link(np.sinh, np.arcsinh, np.cosh),
    "arcsinh": Link(np.arcsinh, np.sinh, lambda u: 1 / np.sqrt(1 + u**2)),
}
"""By their names in a spec, see :data:`crlspec.spec.links.LinkName`."""
