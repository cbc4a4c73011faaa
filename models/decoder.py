"""The mixing x = decoder(z) of a result in torch; its inverse starts at the encoder's answer."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from crlspec.errors import CrlspecError
from crlspec.generative.mixing import Mixing
from crlspec.maps.maps import Network
from crlspec.models.decoder_declaration import DecoderMixing
from crlspec.models.draws import require_resolved
from crlspec.models.mixings import LINKS
from crlspec.numerics.forward_mode import jacobians
from crlspec.spec.links import ACTIVATION_LEAK
from crlspec.typing import Latents, Observations, Tensor

__all__ = ["Decoder"]

STEPS, HALVINGS = 50, 10
"""Of the inverse: at most so many Gauss–Newton steps, each halved so often where it leads away."""

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": nn.functional.silu,
    "tanh": torch.tanh,
    "leaky-relu": lambda u: nn.functional.leaky_relu(u, ACTIVATION_LEAK),
}
Device = torch.device | str


class Decoder(Mixing):
    """x = link(offset + coloring · network(z)), with network(z) = skip z + bias + W_L a(… a(W₁ z + b₁) …).

    Nothing but its training makes a decoder injective. The inverse is the z whose components network(z) are nearest
    to those of link⁻¹(x) by least squares, found by Gauss–Newton from ``encode(x)``: where x is an output of the
    decoder and the encoder nearly right it is exact. Without an encoder there is none.
    """

    def __init__(
        self, declaration: DecoderMixing, latents: tuple[str, ...], dtype: torch.dtype, device: Device
    ) -> None:
        super().__init__(declaration.observed_names())
        require_resolved(declaration)
        names = declaration.latents or latents
        place: dict[str, Any] = {"dtype": dtype, "device": device}
        decoder, encoder = declaration.decoder_map, declaration.encoder_map
        decoder = decoder.rows([names.index(z) for z in latents])
        self.link, self.has_inverse = decoder.link, encoder is not None
        self.network = _Network(decoder.network, place)
        coloring = torch.as_tensor(decoder.coloring)
        self.register_buffer("coloring", coloring.to(**place))
        self.register_buffer("offset", torch.as_tensor(decoder.offset).to(**place))
        basis, triangle = torch.linalg.qr(coloring)
        self.register_buffer("basis", basis.to(**place))
        self.register_buffer("triangle", triangle.to(**place))
        if encoder is not None:
            encoder = encoder.rows([names.index(z) for z in latents])
            self.encoder_link = encoder.link
            self.encoder = _Network(encoder.network, place)
            self.register_buffer("projection", torch.as_tensor(encoder.projection).to(**place))
            self.register_buffer("centre", torch.as_tensor(encoder.offset).to(**place))

    def forward(self, z: Latents) -> Observations:
        linear = self.network(z) @ self.coloring.mT + self.offset
        return linear if self.link is None else LINKS[self.link][0](linear)

    def encode(self, x: Observations) -> Latents:
        """The encoder's answer, which recovered latents are, whether or not the decoder gives back all of x."""
        if not self.has_inverse:
            raise CrlspecError(
                "this decoder comes without an encoder, and has no inverse",
                remedy="name the file of a result that has both, e.g. mixing: {kind: decoder, file: run.nc}",
            )
        linear = x if self.encoder_link is None else LINKS[self.encoder_link][1](x)
        return self.encoder((linear - self.centre) @ self.projection.mT)

    def inverse(self, x: Observations) -> Latents:
        z = self.encode(x).reshape(-1, self.network.skip.shape[1])
        linear = x if self.link is None else LINKS[self.link][1](x)
        target = (linear - self.offset).reshape(-1, x.shape[-1]) @ self.basis
        known = torch.isfinite(z).all(-1) & torch.isfinite(target).all(-1)
        z = z.index_put((known,), self._nearest(z[known], target[known]))
        return z.reshape(*x.shape[:-1], -1)

    def _nearest(self, z: Latents, target: Tensor) -> Latents:
        """The z (sample, latent), from a start, whose components are nearest to (sample, component) ones."""

        def components(z: Latents) -> Tensor:
            return self.network(z) @ self.triangle.mT

        left = target - components(z)
        for _ in range(STEPS):
            step = torch.linalg.lstsq(jacobians(components, z), left[..., None]).solution[..., 0]
            moved, better = z, torch.zeros(len(z), dtype=torch.bool, device=z.device)
            for k in range(HALVINGS):
                tried = z + step / 2**k
                nearer = ((target - components(tried)).norm(dim=-1) < left.norm(dim=-1)) & ~better
                moved, better = torch.where(nearer[:, None], tried, moved), better | nearer
                if bool(better.all()):
                    break
            if not bool(better.any()):
                break
            z, left = moved, target - components(moved)
        return z


class _Network(nn.Module):
    """A :class:`crlspec.maps.maps.Network` in buffers."""

    skip: Tensor
    bias: Tensor

    def __init__(self, network: Network, place: dict[str, Any]) -> None:
        super().__init__()
        self.activation, self.layers = network.activation, len(network.weights)
        self.register_buffer("skip", torch.as_tensor(network.skip).to(**place))
        self.register_buffer("bias", torch.as_tensor(network.bias).to(**place))
        for k, weight in enumerate(network.weights):
            self.register_buffer(f"weight{k}", torch.as_tensor(weight).to(**place))
        for k, bias in enumerate(network.biases):
            self.register_buffer(f"bias{k}", torch.as_tensor(bias).to(**place))

    def forward(self, u: Tensor) -> Tensor:
        values = u @ self.skip.mT + self.bias
        if not self.layers:
            return values
        for k in range(self.layers - 1):
            u = ACTIVATIONS[self.activation](u @ getattr(self, f"weight{k}").mT + getattr(self, f"bias{k}"))
        return values + u @ getattr(self, f"weight{self.layers - 1}").mT
