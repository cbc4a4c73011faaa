"""Encoders and decoders as plain frozen numpy values, linear or not, so that a result needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from crlspec.numerics.linalg import READABLE, blocks, column_means, recombined
from crlspec.numerics.links import LINKS
from crlspec.numerics.rows import Rows
from crlspec.numerics.scan import Scan
from crlspec.spec.links import ACTIVATION_LEAK, Activation

__all__ = ["AnyEncoder", "LinearEncoder", "Network", "NetworkDecoder", "NetworkEncoder", "encoded"]

ROWS = 8192
"""Samples that a network takes at a time, so that hidden layers of large data fit into memory."""


def encoded(encoder: Callable[[np.ndarray], np.ndarray], x: np.ndarray | Rows) -> np.ndarray:
    """Latents (sample, latent) of observations (sample, observed), which need not be in memory."""
    if not isinstance(x, Rows):
        return encoder(x)
    found, first = np.empty((0, 0)), 0
    for part in blocks(x):
        z = encoder(part)
        found = found if first else np.empty((len(x), z.shape[1]))
        found[first : first + len(part)] = z
        first += len(part)
    return found


@dataclass(frozen=True)
class LinearEncoder:
    """ẑ = (x − offset) · matrixᵀ: from observations to latents.

    ``matrix``: (latent, observed) float64; ``offset``: (observed,) float64, in the units of x.
    """

    matrix: np.ndarray
    offset: np.ndarray

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2 or self.offset.shape != self.matrix.shape[1:]:
            raise ValueError(
                "a linear encoder takes matrix (latent, observed) and offset (observed,), "
                f"got {self.matrix.shape} and {self.offset.shape}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """(latents, observed variables)."""
        return self.matrix.shape[0], self.matrix.shape[1]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Observations (…, observed) to latents (…, latent)."""
        rows = x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
        flat = np.asarray(recombined(rows, self.offset, self.matrix))
        return flat.reshape(*x.shape[:-1], len(self.matrix))

    def scatter(self, scan: Scan) -> np.ndarray | None:
        """The Gram matrix (latent, latent) of latents less their mean, over a table of observations of which the scan
        is given; None where its products do not tell it to ten digits."""
        if scan.triangle is not None:
            half = scan.triangle @ self.matrix.T
            return np.asarray(half.T @ half)
        if scan.scatter is None:
            return None
        found = self.matrix @ scan.scatter @ self.matrix.T
        most = np.abs(self.matrix) @ np.sqrt(scan.variances * scan.count)
        return found if (np.diagonal(found) >= READABLE * most**2).all() else None

    def rows(self, index: list[int]) -> Self:
        """The latents ``index`` alone, in that order."""
        return replace(self, matrix=self.matrix[index])

    def scaled(self, factor: np.ndarray, x: np.ndarray | Rows) -> Self:
        """Latents times ``factor`` (latent,), of mean 0 over the observations x (sample, observed)."""
        return replace(self, matrix=self.matrix * factor[:, None], offset=column_means(x))


@dataclass(frozen=True)
class Network:
    """f(u) = skip u + bias + W_L a(… a(W₁ u + b₁) …): a perceptron beside a linear map; no hidden layer is allowed.

    skip     (output, input)
    bias     (output,)
    weights  W₁ … W_L, each (units, units before); the last one gives the outputs
    biases   b₁ … b_{L−1} of the hidden layers
    """

    skip: np.ndarray
    bias: np.ndarray
    weights: tuple[np.ndarray, ...] = ()
    biases: tuple[np.ndarray, ...] = ()
    activation: Activation = "silu"

    def __post_init__(self) -> None:
        outputs, inputs = self.skip.shape
        sizes = [inputs, *(len(b) for b in self.biases), outputs]
        wanted = list(zip(sizes[1:], sizes, strict=False)) if self.weights else []
        if self.bias.shape != (outputs,) or [w.shape for w in self.weights] != wanted:
            raise ValueError(
                f"the weights {[w.shape for w in self.weights]} do not lead from {inputs} inputs to {outputs} outputs"
            )

    def __call__(self, u: np.ndarray) -> np.ndarray:
        """(sample, input) → (sample, output)."""
        values = u @ self.skip.T + self.bias
        if not self.weights:
            return np.asarray(values)
        activate = ACTIVATIONS[self.activation]
        for start in range(0, len(u), ROWS):
            hidden = u[start : start + ROWS]
            for weight, bias in zip(self.weights, self.biases, strict=False):
                hidden = activate(hidden @ weight.T + bias)
            values[start : start + ROWS] += hidden @ self.weights[-1].T
        return np.asarray(values)

    def after(self, factor: np.ndarray, centre: np.ndarray) -> Self:
        """factor ⊙ (f − centre), for factor and centre (output,)."""
        return replace(
            self,
            skip=self.skip * factor[:, None],
            bias=(self.bias - centre) * factor,
            weights=(*self.weights[:-1], *(w * factor[:, None] for w in self.weights[-1:])),
        )

    def before(self, factor: np.ndarray, centre: np.ndarray) -> Self:
        """f(v / factor + centre), for factor and centre (input,): undoes what ``after`` did to the input."""
        return self.within(np.diag(1 / factor), centre)

    def mapped(self, rows: np.ndarray, centre: np.ndarray) -> Self:
        """rows (f − centre), for rows (new output, output) and centre (output,)."""
        return replace(
            self,
            skip=rows @ self.skip,
            bias=rows @ (self.bias - centre),
            weights=(*self.weights[:-1], *(rows @ w for w in self.weights[-1:])),
        )

    def within(self, rows: np.ndarray, centre: np.ndarray | None = None) -> Self:
        """f(rows v + centre), for rows (input, new input) and centre (input,), by default 0."""
        centre = np.zeros(len(rows)) if centre is None else centre
        moved = tuple(b + w @ centre for w, b in zip(self.weights[:1], self.biases[:1], strict=False))
        return replace(
            self,
            skip=self.skip @ rows,
            bias=self.bias + self.skip @ centre,
            weights=(*(w @ rows for w in self.weights[:1]), *self.weights[1:]),
            biases=(*moved, *self.biases[1:]),
        )

    def outputs(self, index: list[int]) -> Self:
        """The outputs ``index`` alone, in that order."""
        last = tuple(w[index] for w in self.weights[-1:])
        return replace(
            self, skip=self.skip[index], bias=self.bias[index], weights=(*self.weights[:-1], *last)
        )

    def inputs(self, index: list[int]) -> Self:
        """The same function of inputs in the order ``index``, which must name them all."""
        first = tuple(w[:, index] for w in self.weights[:1])
        return replace(self, skip=self.skip[:, index], weights=(*first, *self.weights[1:]))


@dataclass(frozen=True)
class NetworkEncoder:
    """ẑ = network(projection (link⁻¹(x) − offset)): from observations to latents.

    network     from the components of the projection to the latents
    projection  (component, observed)
    offset      (observed,), in the units of link⁻¹(x)
    link        a known link, by its name in :data:`crlspec.numerics.links.LINKS`; None: x itself
    """

    network: Network
    projection: np.ndarray
    offset: np.ndarray
    link: str | None = None

    def __post_init__(self) -> None:
        _check(self.network.skip.shape[1], self.projection.shape, self.offset.shape, self.link)

    @property
    def shape(self) -> tuple[int, int]:
        """(latents, observed variables)."""
        return len(self.network.bias), len(self.offset)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Observations (sample, observed) to latents (sample, latent); NaN for rows outside the link's range."""
        linear = x if self.link is None else LINKS[self.link].inverse(x)
        return self.network((linear - self.offset) @ self.projection.T)

    def rows(self, index: list[int]) -> Self:
        """The latents ``index`` alone, in that order."""
        return replace(self, network=self.network.outputs(index))

    def scaled(self, factor: np.ndarray, x: np.ndarray | Rows) -> Self:
        """Latents times ``factor`` (latent,), of mean 0 over the observations x (sample, observed)."""
        return replace(self, network=self.network.after(factor, encoded(self, x).mean(axis=0)))


@dataclass(frozen=True)
class NetworkDecoder:
    """x̂ = link(offset + coloring · network(z)): from latents to observations.

    network   from the latents to the components of the coloring
    coloring  (observed, component)
    offset    (observed,), in the units of link⁻¹(x)
    link      as in :class:`NetworkEncoder`
    """

    network: Network
    coloring: np.ndarray
    offset: np.ndarray
    link: str | None = None

    def __post_init__(self) -> None:
        _check(len(self.network.bias), self.coloring.T.shape, self.offset.shape, self.link)

    @property
    def shape(self) -> tuple[int, int]:
        """(latents, observed variables)."""
        return self.network.skip.shape[1], len(self.offset)

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Latents (sample, latent) to observations (sample, observed)."""
        linear = self.network(z) @ self.coloring.T + self.offset
        return np.asarray(linear if self.link is None else LINKS[self.link].forward(linear))

    def rows(self, index: list[int]) -> Self:
        """The same decoder of latents in the order ``index``."""
        return replace(self, network=self.network.inputs(index))

    def scaled(self, factor: np.ndarray, centre: np.ndarray) -> Self:
        """The decoder of latents factor ⊙ (z − centre)."""
        return replace(self, network=self.network.before(factor, centre))


AnyEncoder = LinearEncoder | NetworkEncoder


def _check(components: int, shape: tuple[int, ...], offset: tuple[int, ...], link: str | None) -> None:
    if shape[0] != components or offset != shape[1:]:
        raise ValueError(f"a network of {components} components does not fit {shape} and an offset {offset}")
    if link is not None and link not in LINKS:
        raise ValueError(f"unknown link {link!r}; there are {', '.join(LINKS)}")


def _silu(u: np.ndarray) -> np.ndarray:
    return np.asarray(u * (0.5 * (1 + np.tanh(0.5 * u))))


ACTIVATIONS: Mapping[Activation, Callable[[np.ndarray], np.ndarray]] = {
    "silu": _silu,
    "tanh": np.tanh,
    "leaky-relu": lambda u: np.where(u < 0, ACTIVATION_LEAK * u, u),
}
