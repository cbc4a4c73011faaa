"""The decoder and the encoder of a saved result, as a declaration holds them. No torch here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from crlspec.errors import DataError
from crlspec.inference.estimate import Estimate
from crlspec.maps.maps import LinearEncoder, Network, NetworkDecoder, NetworkEncoder
from crlspec.maps.plain import plain_map
from crlspec.results.storage import read_tree, unpack

__all__ = ["maps_in"]

Fault = Callable[[str, str], Exception]


def maps_in(path: str, fault: Fault) -> dict[str, Any]:
    """Number and names of what is observed, latents, decoder and encoder of a result.

    fault  the error to raise, of a message and a remedy, where there is no such file, it holds no result, or the
           result has no decoder
    """
    try:
        estimate, observed, _, _ = unpack(read_tree(Path(path)), Path(path))
    except DataError as error:
        raise fault(error.message, error.remedy or "Give the path of a result.nc.") from None
    except (KeyError, ValueError, TypeError) as error:
        words = f"{path}: the result cannot be read, something in it is missing or broken ({error})"
        raise fault(words, "save the result again.") from None
    maps = _maps(estimate)
    if maps is None:
        remedy = "take a result of gscale-i, contrastive or an estimator for linear mixings."
        raise fault(f"{path}: this result has no decoder that leads from latents to observations", remedy)
    decoder, encoder = maps
    return {
        "observed": len(observed),
        "names": list(observed),
        "latents": list(estimate.latents),
        "decoder": plain_map(decoder),
        "encoder": plain_map(encoder),
    }


def _maps(estimate: Estimate) -> tuple[NetworkDecoder, NetworkEncoder] | None:
    """Decoder and encoder as networks; those of a linear mixing have no hidden layer."""
    encoder, decoder = estimate.encoder, estimate.decoder
    if isinstance(encoder, LinearEncoder):
        assert estimate.mixing is not None
        n = len(estimate.latents)
        straight = Network(np.eye(n), np.zeros(n))
        back = NetworkEncoder(straight, encoder.matrix, encoder.offset)
        return NetworkDecoder(straight, estimate.mixing, encoder.offset), back
    return None if decoder is None else (decoder, encoder)
