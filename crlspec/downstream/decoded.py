"""The two maps of a result whose mixing is not linear, in any units of the latents, as a spec declares them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from crlspec.maps.maps import NetworkDecoder, NetworkEncoder
from crlspec.maps.plain import plain_map
from crlspec.results.record import Record

__all__ = ["Code", "code_of"]


@dataclass(frozen=True, eq=False)
class Code:
    """Encoder and decoder of a result, and the names of what is observed."""

    encoder: NetworkEncoder
    decoder: NetworkDecoder
    observed: tuple[str, ...]

    def after(self, matrix: np.ndarray, offset: np.ndarray) -> Code:
        """The maps of latents v, where matrix · v + offset are the code's; shapes (latent, latent), (latent,)."""
        encoder, decoder = self.encoder, self.decoder
        back = encoder.network.mapped(np.linalg.inv(matrix), offset)
        return replace(
            self,
            encoder=replace(encoder, network=back),
            decoder=replace(decoder, network=decoder.network.within(matrix, offset)),
        )

    def declared(self, latents: tuple[str, ...]) -> dict[str, Any]:
        """The mixing as a spec declares it."""
        return {
            "kind": "decoder",
            "observed": len(self.observed),
            "names": list(self.observed),
            "latents": list(latents),
            "decoder": plain_map(self.decoder),
            "encoder": plain_map(self.encoder),
        }


def code_of(result: Record) -> Code | None:
    """None where the mixing is a matrix. Raises EstimationError where there is no decoder either."""
    estimate = result.estimate
    if estimate.mixing is not None:
        return None
    if estimate.decoder is None:
        result.decoder  # noqa: B018  says why there is none
    assert estimate.decoder is not None
    assert isinstance(estimate.encoder, NetworkEncoder)
    return Code(estimate.encoder, estimate.decoder, result.observed)
