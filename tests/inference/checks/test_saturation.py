"""Values at the limits of a link or a file: found, left out everywhere alike, told; never a refuted link."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crlspec
from crlspec.inference.checks.saturation import check_saturation, limits, unsaturated
from crlspec.numerics.links import LINKS

SPEC = """
latents: 3
data: {path: nowhere.nc, observational: obs}
assume:
  mixing: glm
  link: tanh
  interventions: {design: coupled, kind: hard, targets: {a1: [z1], a2: [z1], b1: [z2], b2: [z2], c1: [z3], c2: [z3]}}
estimator: {kind: gscale-i}
"""
ARROWS = np.array([[0.0, 0.0, 0.0], [1.1, 0.0, 0.0], [0.0, -0.9, 0.0]])


def drawn(seed: int, rows: int = 3000, scale: float = 0.5) -> dict[str, np.ndarray]:
    """x = tanh(G z) of a chain; a target is cut off, and has half or twice its deviation."""
    rng, mixing = np.random.default_rng(seed), np.random.default_rng(0).normal(size=(6, 3))
    found = {}
    for name in ("obs", "a1", "a2", "b1", "b2", "c1", "c2"):
        z = rng.normal(size=(rows, 3))
        for i in range(3):
            if name[0] == "abc"[i]:
                z[:, i] *= 0.5 if name[1] == "1" else 2.0
            else:
                z[:, i] += z @ ARROWS[i]
        found[name] = np.tanh(scale * z @ mixing.T)
    return found


def clipped(x: dict[str, np.ndarray], margin: float, *names: str) -> dict[str, np.ndarray]:
    edge = 1 - margin
    return {name: np.clip(v, -edge, edge) if name in (names or x) else v for name, v in x.items()}


@pytest.mark.parametrize(("margin", "names"), [(1e-6, ()), (1e-4, ("a2",))])
def test_clipped_cells_are_left_out_with_a_note(margin: float, names: tuple[str, ...]) -> None:
    result = crlspec.solve(
        crlspec.loads(SPEC), crlspec.from_arrays(clipped(drawn(1), margin, *names)), seed=0
    )
    (check,) = [one for one in result.checks if one.name == "saturation"]
    assert check.consequence == "note" and 0 < check.figure < check.bound
    assert "of the rows saturate the link tanh and were left out" in check.message
    assert result.status.code == "ok", str(result.status)
    assert {edge.pair for edge in result.edges} == {("z1", "z2"), ("z2", "z3")}


def test_many_clipped_rows_leave_it_undecided_with_the_environments_named() -> None:
    found = clipped(drawn(1), 0.02)
    check = check_saturation(unsaturated(found, LINKS["tanh"]), "tanh")
    assert check.consequence == "undecided" and "a2" in check.environments and check.remedy
    assert all(f"'{name}'" in check.message for name in check.environments)
    assert " of the rows saturate the link tanh" in check.message


@given(
    level=st.floats(0.3, 3.0), link=st.sampled_from(sorted(LINKS)), seed=st.integers(0, 99),
    column=st.integers(0, 3), one=st.booleans(),
)  # fmt: skip
@settings(max_examples=40, deadline=None, derandomize=True)
def test_what_lies_beyond_a_cut_is_left_out_in_every_environment(
    level: float, link: str, seed: int, column: int, one: bool
) -> None:
    """Of any link, whichever environment was cut off; rows within the limits all stay."""
    rng = np.random.default_rng(seed)
    x = {name: LINKS[link].forward(rng.normal(size=(400, 4))) for name in "abc"}
    edge = float(np.quantile(np.abs(x["a"][:, column]), 0.5 + level / 7))
    for name in "a" if one else "abc":
        x[name] = x[name].copy()
        x[name][:, column] = np.clip(x[name][:, column], -np.inf, edge)
    kept = unsaturated(x, LINKS[link])
    low, high = limits(x)
    assert high[column] == edge and np.isinf(np.delete(high, column)).all() and np.isinf(low).all()
    for name, values in x.items():
        np.testing.assert_array_equal(kept[name], values[:, column] < edge)


def test_a_single_cell_at_a_limit_that_others_share_is_left_out() -> None:
    x = {"a": np.random.default_rng(0).uniform(-0.9, 0.9, (50, 3))}
    x["a"][3, 0] = x["a"][7, 1] = 0.999
    x["a"][9, 2] = -0.999
    assert np.flatnonzero(~unsaturated(x, LINKS["tanh"])["a"]).tolist() == [3, 7, 9]


def test_continuous_and_rounded_values_have_no_limits() -> None:
    rng = np.random.default_rng(2)
    for values in (
        rng.normal(size=(500, 4)),
        np.full((500, 4), 0.2) + np.tile([0, 0.1], (500, 2)) * rng.normal(),
    ):
        x = {
            "a": np.tanh(values),
            "b": np.tanh(rng.permutation(values) + 1e-3 * rng.normal(size=values.shape)),
        }
        rows = unsaturated({"b": x["b"]}, LINKS["tanh"])["b"]
        assert rows.all()
    coarse = {"a": np.round(np.tanh(rng.normal(size=(5000, 3))), 2)}
    assert unsaturated(coarse, LINKS["tanh"])["a"].mean() > 0.9
    check = check_saturation({"a": np.ones(5, dtype=bool)}, "tanh")
    assert check.consequence == "passed" and check.message == "No row saturates the link tanh."
