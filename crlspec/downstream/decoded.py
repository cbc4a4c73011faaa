"""A recovered network decoder as a mixing in torch, with the encoder for its inverse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from crlspec.generative.mixing import Mixing
from crlspec.generative.model import Model
from crlspec.inference.maps import AnyEncoder, NetworkDecoder
from crlspec.numerics.links import LEAK
from crlspec.results.result import Result
from crlspec.typing import Latents, Observations, Tensor

__all__ = ["Code", "DecodedMixing", "code_of", "seen_through"]


@dataclass(frozen=True, eq=False)
class Code:
    """The two maps of a result whose mixing is not linear, and the names of what is observed."""

    encoder: AnyEncoder
    decoder: NetworkDecoder
    observed: tuple[str, ...]


class DecodedMixing(Mixing):
    """x = decoder(A z + b): latents of a fitted model, as those of the result, through its decoder.

    The inverse is the encoder's, A⁻¹ (encoder(x) − b), which undoes the decoder as well as it has been trained to.

    Attributes:
        matrix: A, shape (latent, latent).
        offset: b, shape (latent).
    """

    has_inverse = True
    affine = False

    def __init__(self, code: Code, matrix: Tensor, offset: Tensor) -> None:
        super().__init__(code.observed)
        self.code, self.matrix, self.offset = code, matrix, offset
        network = code.decoder.network

        def tensor(array: np.ndarray) -> Tensor:
            return torch.as_tensor(array, dtype=matrix.dtype, device=matrix.device)

        self.skip, self.bias = tensor(network.skip), tensor(network.bias)
        self.weights, self.biases = [tensor(w) for w in network.weights], [tensor(b) for b in network.biases]
        self.coloring, self.centre = tensor(code.decoder.coloring), tensor(code.decoder.offset)

    def forward(self, z: Latents) -> Observations:
        u = z @ self.matrix.mT + self.offset
        values = u @ self.skip.mT + self.bias
        if self.weights:
            activate = ACTIVATIONS[self.code.decoder.network.activation]
            for weight, bias in zip(self.weights, self.biases, strict=False):
                u = activate(u @ weight.mT + bias)
            values = values + u @ self.weights[-1].mT
        linear = values @ self.coloring.mT + self.centre
        link = self.code.decoder.link
        return linear if link is None else LINKS[link](linear)

    def inverse(self, x: Observations) -> Latents:
        flat = x.detach().cpu().double().reshape(-1, x.shape[-1]).numpy()
        u = torch.as_tensor(self.code.encoder(flat), dtype=self.matrix.dtype, device=self.matrix.device)
        return torch.linalg.solve(self.matrix, (u - self.offset).mT).mT.reshape(*x.shape[:-1], -1)


def code_of(result: Result) -> Code | None:
    """None where the mixing is a matrix. Raises EstimationError where there is no decoder either."""
    if result.estimate.mixing is not None:
        return None
    decoder = result.estimate.decoder
    if decoder is None:
        result.decoder  # noqa: B018  says why there is none
    assert decoder is not None
    return Code(result.estimate.encoder, decoder, result.observed)


def seen_through(code: Code | None, model: Model) -> Model:
    """A model of latents that are observed as they are, seen through a decoder; itself without one."""
    if code is None:
        return model
    matrix, offset = model.mixing.matrix, model.mixing.offset
    assert isinstance(matrix, Tensor)
    assert isinstance(offset, Tensor)
    return replace(model, mixing=DecodedMixing(code, matrix, offset), observed=code.observed)


ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "silu": torch.nn.functional.silu,
    "tanh": torch.tanh,
    "leaky-relu": torch.nn.functional.leaky_relu,
}
LINKS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "leaky-relu": lambda u: torch.nn.functional.leaky_relu(u, LEAK),
    "sinh": torch.sinh,
    "arcsinh": torch.asinh,
}
"""The activations of ``maps.Network`` and the links of :mod:`crlspec.numerics.links`, in torch."""
