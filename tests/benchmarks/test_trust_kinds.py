"""The cases of the benchmark of trust are what they say: sound where they say so, and broken where they say so."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trust_kinds
from trust_kinds import CONTROL, KINDS, draw
from trust_kinds.case import NAMES
from trust_kinds.scm import NOISES, ancestors, change, draw_model, hard, soft

import crlspec

SINGLE = [name for name, kind in KINDS.items() if kind.group == "sound" and name.startswith(("hard", "soft"))]


def gaussian(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Precision matrix and mean."""
    return np.linalg.inv(np.cov(x, rowvar=False)), x.mean(0)


@pytest.mark.parametrize("name", KINDS)
def test_a_case_is_whole(name: str) -> None:
    kind, case = KINDS[name], draw(KINDS[name], 0)
    n = len(case.parents)
    assert CONTROL in case.samples and set(case.samples) <= {CONTROL, *NAMES}
    assert case.parents.shape == (n, n) and not case.parents.diagonal().any()
    width = {x.shape[1] for x in case.samples.values()}
    assert len(width) == 1 and width.pop() >= n
    for environment, x in case.samples.items():
        assert np.isfinite(x).all()
        assert case.truth[environment].shape == (len(x), n)
    assert set(case.at_fault) <= {*case.samples, *(case.observed or ())}
    assert set(case.targets) <= set(case.samples) - {CONTROL}
    assert (kind.group == "sound") == (kind.expectation == "ok expected") == (kind.violated == "")
    assert bool(kind.words) == (kind.group == "violation")
    crlspec.loads(case.spec)


@pytest.mark.parametrize(
    "name", ["hard Gaussian", "umni soft", "escaped (70% hit)", "log counts declared general"]
)
def test_a_seed_is_a_case(name: str) -> None:
    first, again, other = draw(KINDS[name], 3), draw(KINDS[name], 3), draw(KINDS[name], 4)
    assert list(first.samples) == list(again.samples)
    for environment, x in first.samples.items():
        np.testing.assert_array_equal(x, again.samples[environment])
    assert not np.array_equal(first.samples[CONTROL][:9, :2], other.samples[CONTROL][:9, :2])


def test_the_generators_know_nothing_of_crlspec() -> None:
    folder = Path(trust_kinds.__file__).parent
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [module for module in modules if module.split(".")[0] == "crlspec"], file


@pytest.mark.parametrize("function", ["linear", "quadratic", "sine"])
@pytest.mark.parametrize("intervene", [hard, soft])
def test_log_ratios_see_the_target_and_its_parents_alone(function: str, intervene) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    model = draw_model(rng, 5, 0.5, function=function)
    z = model.sample(rng, 40)
    for i in range(5):
        changed = intervene(rng, model, i)
        ratio = model.log_density(z) - changed.log_density(z)
        for k in range(5):
            moved = z.copy()
            moved[:, k] += 0.7
            same = np.allclose(model.log_density(moved) - changed.log_density(moved), ratio, atol=1e-9)
            assert same == (k != i and not model.parents[i, k])


@pytest.mark.parametrize("name", SINGLE)
def test_sound_environments_are_hard_or_soft_as_declared(name: str) -> None:
    """Least squares of the target on its parents: nothing left where hard, something left where soft."""
    case = draw(KINDS[name], 1)
    for environment, (i,) in case.targets.items():
        parents = case.parents[i]
        if not parents.any():
            continue
        z = case.truth[environment] - case.truth[environment].mean(0)
        if "quadratic" in name:
            z = np.column_stack([z**2 - (z**2).mean(0), z])[:, [*np.flatnonzero(parents), len(parents) + i]]
        else:
            z = np.column_stack([z[:, parents], z[:, i]])
        correlation = np.corrcoef(z, rowvar=False)[-1, :-1]
        bound = 4.5 / np.sqrt(len(z))
        assert name.startswith("soft") or np.abs(correlation).max() < bound
        assert case.claim == ("scaling" if name.startswith("hard") else "ancestors")


def test_the_noise_of_every_family_is_standardised() -> None:
    for name in ("normal", "laplace", "skewed"):
        noise = NOISES[name](np.random.default_rng(0), (200_000, 2))
        np.testing.assert_allclose(noise.mean(0), 0, atol=0.01)
        np.testing.assert_allclose(noise.var(0), 1, atol=0.05)


def test_observations_span_as_many_dimensions_as_there_are_latents() -> None:
    for name in (
        "hard Gaussian",
        "soft Gaussian",
        "umni hard",
        "one latent twice",
        "two latents in one",
        "rows AR(.8)",
    ):
        case = draw(KINDS[name], 2)
        pooled = np.concatenate([x - x.mean(0) for x in case.samples.values()])
        assert np.linalg.matrix_rank(pooled, tol=1e-8 * np.linalg.norm(pooled)) == len(case.parents)


def test_what_one_intervention_changes_has_the_rank_that_theory_says() -> None:
    """Precision differences of linear-Gaussian latents: rank one for a scale, two for weights, none for a shift."""
    model = draw_model(np.random.default_rng(1), 4, 1.0)

    def precision(one) -> np.ndarray:  # type: ignore[no-untyped-def]
        root = (np.eye(4) - one.weights) / one.deviations[:, None]
        return root.T @ root

    kinds = {0: {"shift": 2.0}, 1: {"deviation": 2.0}, 2: {"weights": 0.3}}
    for rank, what in kinds.items():
        difference = precision(change(model, 3, **what)) - precision(model)  # type: ignore[arg-type]
        assert np.linalg.matrix_rank(difference, tol=1e-9) == rank


@pytest.mark.parametrize(
    ("name", "moved"), [("shift only", True), ("shift only declared", True), ("scale only", False)]
)
def test_shifts_move_means_alone_and_scales_variances_alone(name: str, moved: bool) -> None:
    case = draw(KINDS[name], 0)
    control, mean = gaussian(case.truth[CONTROL])
    for environment, (i,) in case.targets.items():
        precision, other = gaussian(case.truth[environment])
        scaled = np.linalg.svd(precision - control, compute_uv=False)
        assert (abs(other - mean)[i] > 1) == moved
        assert (scaled[0] > 0.3 and scaled[1] < 0.35 * scaled[0]) != moved


def test_a_hidden_cause_leaves_residuals_dependent_and_a_sound_case_does_not() -> None:
    def worst(name: str) -> float:
        case = draw(KINDS[name], 5)
        z = case.truth[CONTROL] - case.truth[CONTROL].mean(0)
        left = z.copy()
        for i, parents in enumerate(case.parents):
            if parents.any():
                left[:, i] -= z[:, parents] @ np.linalg.lstsq(z[:, parents], z[:, i], rcond=None)[0]
        return float(np.abs(np.corrcoef(left, rowvar=False) - np.eye(len(case.parents))).max())

    assert worst("hard Gaussian") < 0.06
    assert worst("hidden cause") > 0.2


def test_rows_depend_on_one_another_where_they_should() -> None:
    def lag(name: str) -> float:
        x = draw(KINDS[name], 0).samples[CONTROL]
        return float(np.mean([np.corrcoef(x[1:, k], x[:-1, k])[0, 1] for k in range(x.shape[1])]))

    assert abs(lag("rows AR(.8)") - 0.8) < 0.07
    assert abs(lag("rows in batches") - 0.49) < 0.1
    assert lag("drift within environments") > 0.3
    assert abs(lag("hard Gaussian")) < 0.05


def test_rows_are_repeated_copied_and_escape_as_they_say() -> None:
    x = draw(KINDS["repeated rows"], 0).samples[CONTROL]
    assert len(np.unique(x, axis=0)) == 100 < len(x)
    twins = draw(KINDS["near-duplicate environments"], 0)
    first, second = (twins.samples[name] for name in twins.at_fault)
    assert 0 < np.abs(first - second).max() < 1e-7
    escaped = draw(KINDS["escaped (50% hit)"], 0)
    (guilty,) = escaped.at_fault
    rows = np.concatenate(list(escaped.samples.values()))
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert len(escaped.samples[guilty]) == len(escaped.samples[CONTROL])


def test_sensors_break_the_one_mixing_in_the_environment_at_fault() -> None:
    for name in (
        "sensors turned (d > n)",
        "sensor gain (d > n)",
        "dead sensor",
        "swapped columns",
        "sensor offsets",
    ):
        case = draw(KINDS[name], 0)
        z, x = (np.concatenate([given[e] for e in case.samples if e not in case.at_fault])
                for given in (case.truth, case.samples))  # fmt: skip
        G = np.linalg.lstsq(z, x, rcond=None)[0]
        np.testing.assert_allclose(z @ G, x, atol=1e-8)
        (guilty,) = case.at_fault
        assert np.abs(case.truth[guilty] @ G - case.samples[guilty]).max() > 0.1


def test_softly_hit_latents_are_judged_by_those_on_which_it_is_hard() -> None:
    for name in ("soft as hard linear", "noise only as hard"):
        case = draw(KINDS[name], 4)
        for environment, (i,) in case.targets.items():
            z = case.truth[environment]
            before = ancestors(case.parents)[i]
            correlation = np.corrcoef(z, rowvar=False)[i, before]
            assert (np.abs(correlation) < 4.5 / np.sqrt(len(z))).all()
        if name == "noise only as hard":
            assert not case.parents.any()


def test_a_hard_change_cuts_and_a_shift_only_moves() -> None:
    model = replace(draw_model(np.random.default_rng(0), 3, 1.0), means=np.array([1.0, 2.0, 3.0]))
    assert not change(model, 2, weights=0.0).parents[2].any()
    moved = change(model, 2, shift=5.0)
    np.testing.assert_array_equal(moved.weights, model.weights)
    np.testing.assert_array_equal(moved.means, [1.0, 2.0, 8.0])


def test_ancestors_are_found_along_paths_and_round_cycles() -> None:
    chain = np.zeros((3, 3), dtype=bool)
    chain[1, 0] = chain[2, 1] = True
    expected = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0]], dtype=bool)
    np.testing.assert_array_equal(ancestors(chain), expected)
    chain[0, 2] = True
    assert ancestors(chain).all()
