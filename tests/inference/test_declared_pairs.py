"""Declared pairs are held against the data by some of the rows first, and by all of them where those object."""

from __future__ import annotations

import numpy as np

from crlspec.inference.encoders.answer import check_pairs
from crlspec.inference.encoders.pairing import find_pairs
from crlspec.inference.gscale import QUICK, GScaleI
from crlspec.progress import silent

TRUE = ((0, 1), (2, 3), (4, 5))
WRONG = ((0, 2), (1, 3), (4, 5))


def environments(seed: int, rows: int) -> list[np.ndarray]:
    """The control, then two environments of each of three latents in which its deviation is .5 and 2."""
    rng, found = np.random.default_rng(seed), [np.random.default_rng(seed + 99).normal(size=(rows, 3))]
    mixing = np.random.default_rng(5).normal(size=(3, 3))
    for i in range(3):
        for size in (0.5, 2.0):
            z = rng.normal(size=(rows, 3))
            z[:, i] *= size
            found.append(z)
    return [z @ mixing.T for z in found]


def test_some_rows_and_all_rows_decide_alike() -> None:
    names = [f"e{k}" for k in range(6)]
    for seed in range(2):
        y = environments(seed, 3 * QUICK)
        whole = find_pairs(y[1:], silent)
        for declared in (TRUE, WRONG):
            seen = GScaleI()._find_pairs(y, None, silent, declared)
            assert seen.pairs == whole.pairs == TRUE
            one, other = (check_pairs(declared, found, names) for found in (seen, whole))
            assert one.consequence == other.consequence == ("passed" if declared == TRUE else "refuted")
