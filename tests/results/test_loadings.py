"""Loadings: their size is that of the mixing, their standard errors cover it as often as they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import crlspec
from crlspec.data.prepare import prepared
from crlspec.inference.estimate import Estimate, LinearEncoder, Status
from crlspec.results.lifted import lifted
from crlspec.results.loadings import LEFTOVERS, loadings_of, strongest
from tests.data.door import samples

LATENTS = ("z1", "z2", "z3")


def estimate(matrix: np.ndarray, mixing: np.ndarray, offset: np.ndarray) -> Estimate:
    return Estimate(
        LATENTS, {}, LinearEncoder(matrix, offset), mixing, LATENTS, (), (), "exact", Status("ok", "")
    )


def drawn(
    seed: int, rows: int = 400, noise: float = 0.5
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """x = G z + noise, whose size grows with |z1|, and a matrix that gives z back where there is none."""
    rng, mixing = np.random.default_rng(seed), np.random.default_rng(99).normal(size=(7, 3))
    found = {}
    for k, name in enumerate(("obs", "e1")):
        z = rng.normal(size=(rows, 3)) * np.array([1 + k, 1, 1])
        size = noise * (0.5 + np.abs(z[:, :1]))
        found[name] = z @ mixing.T + np.concatenate(
            [np.zeros((rows, 3)), size * rng.normal(size=(rows, 4))], axis=1
        )
    matrix = np.concatenate(
        [np.linalg.inv(mixing[:3]), np.zeros((3, 4))], axis=1
    )  # of the three without noise
    return found, mixing, matrix


def test_without_noise_a_loading_is_the_entry_of_the_mixing_in_standard_deviations() -> None:
    x, mixing, matrix = drawn(0, noise=0.0)
    found = loadings_of(estimate(matrix, mixing, np.zeros(7)), x, "obs", tuple("abcdefg"))
    z = x["obs"] @ matrix.T
    expected = mixing * z.std(axis=0) / x["obs"].std(axis=0)[:, None]
    np.testing.assert_allclose(found["loadings"].values, expected, atol=1e-10)
    np.testing.assert_allclose(found["loading_errors"].values, 0, atol=1e-10)
    first = strongest(found, "z2", 2)
    order = np.argsort(-np.abs(expected[:, 1]))
    assert [one.variable for one in first] == ["abcdefg"[k] for k in order[:2]]
    assert str(replace(first[0], value=-0.5, error=0.25)) == f"{first[0].variable} −0.50 (± 0.25)"


def test_standard_errors_cover_at_the_rate_they_say() -> None:
    inside = []
    for seed in range(60):
        x, mixing, matrix = drawn(seed)
        found = loadings_of(estimate(matrix, mixing, np.zeros(7)), x, "obs", tuple("abcdefg"))
        z = x["obs"] @ matrix.T
        true = mixing * z.std(axis=0) / x["obs"].std(axis=0)[:, None]
        gap = np.abs(found["loadings"].values - true)[3:] / found["loading_errors"].values[3:]
        inside.append((gap < 1.96).mean())
    assert 0.93 < np.mean(inside) < 0.97  # 720 intervals, of 95 %


def test_what_latents_may_hold_of_each_other_is_in_the_error() -> None:
    """Were ẑ = (I + δ) z with δ of the told size, loadings would vary by as much as their errors say."""
    x, mixing, matrix = drawn(1, noise=0.0)
    sizes = np.array([[0, 0.02, 0.01], [0.03, 0, 0.01], [0.01, 0.02, 0]])
    told = xr.DataArray(sizes, {"latent": list(LATENTS), "other": list(LATENTS)}, ("latent", "other"))
    one = replace(estimate(matrix, mixing, np.zeros(7)), diagnostics={LEFTOVERS: told})
    errors = loadings_of(one, x, "obs", tuple("abcdefg"))["loading_errors"].values
    rng, moved = np.random.default_rng(0), []
    for _ in range(400):
        mixed = np.eye(3) + sizes * rng.normal(size=(3, 3))
        other = estimate(mixed @ matrix, mixing @ np.linalg.inv(mixed), np.zeros(7))
        moved.append(loadings_of(other, x, "obs", tuple("abcdefg"))["loadings"].values)
    np.testing.assert_allclose(np.std(moved, axis=0), errors, rtol=0.15, atol=2e-4)


def test_an_estimate_of_components_is_carried_back_to_the_variables() -> None:
    given = samples(rows=400, variables=30)
    ready = prepared(crlspec.read_data(given, observational="control"), (), 3)
    assert ready.components is not None
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(3, 3))
    inner = estimate(matrix, np.linalg.inv(matrix), rng.normal(size=3))
    outer = lifted(inner, ready.components, tuple(f"x{k + 1}" for k in range(30)))
    x = given["KO a"]
    np.testing.assert_allclose(outer.encoder(x), inner.encoder(ready.components(x)), atol=1e-9)
    np.testing.assert_allclose(outer.decoded(outer.encoder(x)), x, atol=1e-8)
    points = xr.DataArray(ready.components(x[:4]), dims=("sample", "observed"))
    diagnosed = lifted(
        replace(inner, diagnostics={"score_points": points}), ready.components, tuple(map(str, range(30)))
    )
    np.testing.assert_allclose(diagnosed.diagnostics["score_points"].values, x[:4], atol=1e-9)


@pytest.mark.parametrize("transform", [(), ("standardise",)])
def test_components_give_the_graph_that_all_variables_give(transform: tuple[str, ...]) -> None:
    text = """
latents: from-environments
data: {path: none.csv, observational: control}
assume: {mixing: linear, interventions: {design: single-node, kind: hard}}
"""
    given = samples(rows=1500, variables=12)
    whole = crlspec.solve(crlspec.loads(text), given)
    few = crlspec.loads(text, sets=["data.components=3", f"data.transform={list(transform)}"])
    found = crlspec.solve(few, given)
    assert {edge.pair for edge in found.edges} == {edge.pair for edge in whole.edges}
    assert found.names == ("KO_a", "KO_b", "KO_c") and found.observed == whole.observed
    for name in found.names:
        a, b = (dict((one.variable, one.value) for one in r.loadings(name, 12)) for r in (found, whole))
        sign = np.sign(
            sum(a[v] * b[v] for v in a)
        )  # the convention of signs goes by the units of the variables
        assert all(abs(a[v] - sign * b[v]) < 0.1 for v in a)
    z = [r.encoder(given["KO b"]).values for r in (found, whole)]
    assert min(abs(np.corrcoef(z[0][:, k], z[1][:, k])[0, 1]) for k in range(3)) > 0.99
    pairs = found.intervals
    assert all(low <= edge.strength <= high for edge in found.edges for low, high in [pairs[edge.pair]])
