"""Latents that a convolutional network sees as further columns of the code of an image, in encoders and decoders.

So encoders stay functions of columns, and decoders give these columns back.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crlspec.maps.maps import Network, NetworkDecoder, NetworkEncoder

__all__ = ["decoder_of_seen", "encoder_of_seen", "unseen"]


def unseen(encoder: NetworkEncoder, at: int, count: int) -> NetworkEncoder:
    """The same encoder of observations with ``count`` further columns from ``at`` on, which it does not look at."""
    return replace(
        encoder,
        projection=np.insert(encoder.projection, [at] * count, 0.0, axis=1),
        offset=np.insert(encoder.offset, [at] * count, 0.0),
    )


def encoder_of_seen(observed: int, at: int, count: int) -> NetworkEncoder:
    """Latents that are ``count`` columns from ``at`` on, of so many ``observed``."""
    shown = np.zeros((count, observed))
    shown[:, at : at + count] = np.eye(count)
    return NetworkEncoder(Network(np.eye(count), np.zeros(count)), shown, np.zeros(observed))


def decoder_of_seen(decoder: NetworkDecoder, at: int) -> NetworkDecoder:
    """The decoder of observations with the latents themselves as further columns from ``at`` on."""
    network, count = decoder.network, decoder.shape[0]
    last = tuple(np.pad(weight, ((0, count), (0, 0))) for weight in network.weights[-1:])
    seen = Network(
        np.vstack([network.skip, np.eye(count)]),
        np.append(network.bias, np.zeros(count)),
        (*network.weights[:-1], *last),
        network.biases,
        network.activation,
    )
    coloring = np.insert(decoder.coloring, [at] * count, 0.0, axis=0)
    shown = np.zeros((len(coloring), count))
    shown[at : at + count] = np.eye(count)
    return replace(
        decoder,
        network=seen,
        coloring=np.hstack([coloring, shown]),
        offset=np.insert(decoder.offset, [at] * count, 0.0),
    )
