"""What the benchmark of trust draws: kinds of data in numpy, apart from crlspec, sound and violating an assumption.

Every kind is a frozen value that draws whole cases: samples, the file that declares something of them, the truth.
"""

from __future__ import annotations

import zlib

import numpy as np

from .case import CONTROL, Case, Kind
from .design import DESIGN
from .multi_node import MULTI_NODE
from .rows import ROWS
from .sensors import SENSORS
from .sound import SOUND

__all__ = ["CONTROL", "KINDS", "Case", "Kind", "draw"]

KINDS: dict[str, Kind] = {kind.name: kind for kind in (*SOUND, *DESIGN, *MULTI_NODE, *ROWS, *SENSORS)}
"""Every kind by its name, the sound ones first."""


def draw(kind: Kind, seed: int) -> Case:
    """The case of a kind and a seed: the same wherever and in whatever order it is drawn."""
    rng = np.random.default_rng([seed, zlib.crc32(kind.name.encode())])
    return kind.make(rng, *kind.sizes(rng))
