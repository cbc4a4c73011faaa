"""Encoders and decoders that are networks, as labelled arrays and back, number for number."""

from __future__ import annotations

import xarray as xr

from crlspec.maps.maps import Network, NetworkDecoder, NetworkEncoder

__all__ = ["decoder_of", "encoder_of", "network_dataset"]


def network_dataset(stored: NetworkEncoder | NetworkDecoder) -> xr.Dataset:
    """The arrays of an encoder or decoder; dimensions carry the number of the layer."""
    network = stored.network
    units = ["input", *(f"hidden{k}" for k in range(len(network.biases))), "output"]
    arrays = {
        "skip": (("output", "input"), network.skip),
        "bias": (("output",), network.bias),
        "offset": (("observed",), stored.offset),
    }
    for k, weight in enumerate(network.weights):
        arrays[f"weight{k}"] = ((units[k + 1], units[k]), weight)
    for k, bias in enumerate(network.biases):
        arrays[f"bias{k}"] = ((units[k + 1],), bias)
    if isinstance(stored, NetworkEncoder):
        arrays["projection"] = (("input", "observed"), stored.projection)
    else:
        arrays["coloring"] = (("observed", "output"), stored.coloring)
    facts = {"layers": len(network.weights), "activation": network.activation, "link": stored.link or "none"}
    return xr.Dataset(arrays, attrs=facts)


def encoder_of(stored: xr.Dataset) -> NetworkEncoder:
    """What :func:`network_dataset` made of an encoder."""
    return NetworkEncoder(
        _network(stored), stored["projection"].values, stored["offset"].values, _link(stored)
    )


def decoder_of(stored: xr.Dataset) -> NetworkDecoder:
    """What :func:`network_dataset` made of a decoder."""
    return NetworkDecoder(_network(stored), stored["coloring"].values, stored["offset"].values, _link(stored))


def _network(stored: xr.Dataset) -> Network:
    layers = int(stored.attrs["layers"])
    return Network(
        skip=stored["skip"].values,
        bias=stored["bias"].values,
        weights=tuple(stored[f"weight{k}"].values for k in range(layers)),
        biases=tuple(stored[f"bias{k}"].values for k in range(max(layers - 1, 0))),
        activation=str(stored.attrs["activation"]),  # type: ignore[arg-type]
    )


def _link(stored: xr.Dataset) -> str | None:
    link = str(stored.attrs["link"])
    return None if link == "none" else link
