"""More linear components than latents, and no noise: another latent is named, and what the message says leads on."""

from __future__ import annotations

import numpy as np
import pytest

import crlspec
from crlspec.errors import DataError
from crlspec.numerics.linalg import ColumnSpace

SPEC = """
latents: {latents}
assume: {{mixing: linear, interventions: {{design: single-node, kind: hard, targets: concealed}}}}
"""
NAMES = ("obs", "e1", "e2", "e3", "e4")


def four_latents(seed: int, rows: int = 2000) -> dict[str, np.ndarray]:
    """A chain of four latents in nine variables, and a hard intervention on each."""
    rng = np.random.default_rng(seed)
    mixing, x = rng.normal(size=(9, 4)), {}
    for target, name in enumerate(NAMES, start=-1):
        z = np.zeros((rows, 4))
        for j in range(4):
            cause = 0.0 if j == 0 else 0.9 * z[:, j - 1]
            noise = rng.normal(size=rows)
            z[:, j] = 2.5 * noise if j == target else cause + noise
        x[name] = z @ mixing.T
    return x


@pytest.mark.parametrize("seed", range(10))
def test_a_latent_that_is_not_declared_is_named_and_no_function_of_the_others(seed: int) -> None:
    x = four_latents(seed)
    with pytest.raises(DataError) as caught:
        crlspec.solve(crlspec.loads(SPEC.format(latents=3)), {name: x[name] for name in NAMES[:4]})
    assert str(caught.value) == (
        "The observations have 4 significant linear components, more than the 3 latents. So a linear mixing without "
        "noise is refuted. The observations span 4 linear dimensions without noise. Remedy: Declare latents: 4, with "
        "an environment for each, or mixing: general."
    )


def test_declaring_that_latent_with_an_environment_for_it_ends_decided() -> None:
    result = crlspec.solve(crlspec.loads(SPEC.format(latents=4)), four_latents(0))
    assert str(result.status) == "ok: Order, latents and edges were decided by the data."
    assert len(result.dag.edges) == 3


def test_what_lies_off_the_space_holds_no_rounding() -> None:
    x = list(four_latents(0).values())
    assert ColumnSpace.fit(x, 4).residual.shape == (9, 0)
    assert ColumnSpace.fit(x, 3).residual.shape == (9, 1)
    rng = np.random.default_rng(0)
    noisy = [one + 1e-4 * rng.normal(size=one.shape) for one in x]
    assert ColumnSpace.fit(noisy, 3).residual.shape == (9, 6)
