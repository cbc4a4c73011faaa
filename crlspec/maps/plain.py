"""Encoders and decoders as plain mappings of words, which a spec can hold to the last bit, and back.

An array is one word, its shape and its numbers in base64 (RFC 4648) of little-endian float64: ``2x3:AAAA…``.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np

from crlspec.maps.maps import Network, NetworkDecoder, NetworkEncoder

__all__ = ["decoder_from", "encoder_from", "pack", "plain_map", "unpack"]

WORD = re.compile(r"(\d{1,9}(?:x\d{1,9}){0,3}):([A-Za-z0-9+/]*={0,2})")


def pack(array: np.ndarray) -> str:
    """An array as a word."""
    shape = "x".join(str(size) for size in array.shape)
    return f"{shape}:{b64encode(np.ascontiguousarray(array, dtype='<f8').tobytes()).decode('ascii')}"


def unpack(word: str) -> np.ndarray:
    """The array of a word. Raises ValueError where it is none, or holds a number that is not finite."""
    found = WORD.fullmatch(word)
    if found is None:
        raise ValueError("no array: its shape, a colon and its numbers in base64 are needed")
    shape = tuple(int(size) for size in found[1].split("x"))
    numbers = b64decode(found[2])
    if len(numbers) != 8 * int(np.prod(shape, dtype=object)):
        raise ValueError(f"{len(numbers)} bytes for an array {found[1]} of float64")
    array = np.frombuffer(numbers, dtype="<f8").reshape(shape).astype(float)
    if not np.isfinite(array).all():
        raise ValueError("not all numbers are finite")
    return array


def plain_map(stored: NetworkEncoder | NetworkDecoder) -> dict[str, Any]:
    """An encoder or decoder as a mapping; what is empty is left out."""
    network = stored.network
    encodes = isinstance(stored, NetworkEncoder)
    outer = {"projection": stored.projection} if encodes else {"coloring": stored.coloring}  # type: ignore[union-attr]
    hidden = {
        "activation": network.activation,
        "weights": [pack(weight) for weight in network.weights],
        "biases": [pack(bias) for bias in network.biases],
    }
    return {
        **({} if stored.link is None else {"link": stored.link}),
        **(hidden if network.weights else {}),
        **{name: pack(array) for name, array in (("skip", network.skip), ("bias", network.bias))},
        **{name: pack(array) for name, array in outer.items()},
        "offset": pack(stored.offset),
    }


def decoder_from(plain: Mapping[str, Any]) -> NetworkDecoder:
    """What :func:`plain_map` made of a decoder. Raises ValueError where the arrays do not fit together."""
    return NetworkDecoder(
        _network(plain), unpack(plain["coloring"]), unpack(plain["offset"]), plain.get("link")
    )


def encoder_from(plain: Mapping[str, Any]) -> NetworkEncoder:
    """What :func:`plain_map` made of an encoder. Raises ValueError where the arrays do not fit together."""
    arrays = unpack(plain["projection"]), unpack(plain["offset"])
    return NetworkEncoder(_network(plain), *arrays, plain.get("link"))


def _network(plain: Mapping[str, Any]) -> Network:
    return Network(
        skip=unpack(plain["skip"]),
        bias=unpack(plain["bias"]),
        weights=tuple(unpack(weight) for weight in plain.get("weights", ())),
        biases=tuple(unpack(bias) for bias in plain.get("biases", ())),
        activation=plain.get("activation", "silu"),
    )
