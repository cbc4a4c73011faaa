"""Noise that components carry into latents: measured where no estimator sees it, undecided where it is much."""

from __future__ import annotations

import numpy as np
import pytest

import crlspec
from tests.data.door import samples

TEXT = """
latents: from-environments
data: {path: none.csv, observational: control, components: 3}
assume: {mixing: linear, interventions: {design: single-node, kind: hard}}
"""


def noisy(noise: float, rows: int = 1500, variables: int = 40) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(11)
    return {
        name: x + noise * rng.normal(size=x.shape) for name, x in samples(rows, variables, seed=3).items()
    }


@pytest.mark.parametrize("noise", [0.0, 0.2, 2.0])
def test_the_share_of_noise_is_that_of_the_latents_and_much_of_it_leaves_them_undecided(noise: float) -> None:
    result = crlspec.solve(crlspec.loads(TEXT), noisy(noise))
    (check,) = [one for one in result.checks if one.name == "components"]
    x = noisy(noise)["control"] - noisy(0.0)["control"]  # the noise alone, through the encoder
    share = np.square(x @ result.encoder.matrix.values.T).mean(axis=0).max()
    assert check.figure == pytest.approx(share, rel=0.15, abs=1e-12)
    assert check.bound == pytest.approx(1500**-0.5)
    assert check.consequence == ("undecided" if noise == 2.0 else "passed")
    if noise == 2.0:
        assert result.status.code == "undecided"
        assert check.message == (
            f"What lies outside of the components is noise that would make {check.figure:.2g} of the variance of "
            f"'{check.latents[0]}'. More than 0.026 is too much to rely on edges or on the separation of the latents."
        )


def test_without_components_there_is_no_such_check() -> None:
    result = crlspec.solve(crlspec.loads(TEXT, sets=["data.components=null"]), samples(1500))
    assert not [one for one in result.checks if one.name == "components"]
