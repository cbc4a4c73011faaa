"""GSCALE-I behind a known link and on a general mixing, coupled and uncoupled, and its parts alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from crlspec.data import Problem
from crlspec.errors import DataError, SettingMismatch
from crlspec.inference.edges.leave_one_out import edges_by_contrast, effects, order_of
from crlspec.inference.encoders.answer import checks_of, status_of
from crlspec.inference.encoders.linear_starts import leading_components, linear_starts
from crlspec.inference.encoders.log_ratios import (
    LOG_2,
    even_direction,
    leading_direction,
    one_direction,
    quadratic_ratio,
)
from crlspec.inference.encoders.pairing import Pairing, find_pairs
from crlspec.inference.encoders.restarts import agreement_of
from crlspec.inference.encoders.sign_starts import distances, sides
from crlspec.inference.estimate import Estimate
from crlspec.inference.gscale import GScaleI
from crlspec.inference.thresholds import GscaleThresholds
from crlspec.progress import silent
from crlspec.scores.gaussian import GaussianScores
from crlspec.spec.setting import Setting
from crlspec.testing import EstimatorContract, PairsToy

TOY = PairsToy(samples=3000)
TARGETS = {name: (TOY.target(name),) for name in TOY.environments}
MIXING, latents = TOY.mixing, TOY.z
SETTING = replace(TOY.problem.setting, targets=TARGETS)
ENVIRONMENTS = SETTING.environments


class TestGScaleI(EstimatorContract):
    def toy(self) -> PairsToy:
        return PairsToy()

    def estimator(self) -> GScaleI:
        return GScaleI()

    def refused(self) -> Sequence[Setting]:
        return [
            replace(SETTING, mixing="linear"),
            replace(SETTING, kind="soft"),
            replace(SETTING, design="single-node", pairs=None, targets=None),
            replace(SETTING, deterministic=True),
            replace(SETTING, link=None),
        ]


@cache
def problem(design: str = "coupled") -> Problem:
    x = {name: np.tanh(latents(name) @ MIXING.T) for name in ("obs", *ENVIRONMENTS)}
    setting = SETTING if design == "coupled" else replace(SETTING, design=design, targets=None, pairs=None)
    return Problem(setting, ("x1", "x2", "x3", "x4"), x)


@cache
def solved(design: str = "coupled") -> Estimate:
    return GScaleI().solve(problem(design), GaussianScores(), 0, silent)


def correlations(estimate: Estimate, names: Sequence[str] = ("a", "b", "c")) -> np.ndarray:
    z, found = latents("obs"), estimate.encoder(problem().samples["obs"])
    shown = {z: TOY.target(e) for z, e in estimate.environment_of.items()}
    columns = [list(estimate.latents).index(next(k for k, v in shown.items() if v == name)) for name in names]
    return np.abs(np.corrcoef(z.T, found[:, columns].T)[:3, 3:])


def edges(estimate: Estimate) -> set[tuple[str, str]]:
    shown = {z: TOY.target(e) for z, e in estimate.environment_of.items()}
    return {(shown[edge.source], shown[edge.target]) for edge in estimate.edges}


@pytest.mark.parametrize("design", ["coupled", "uncoupled"])
def test_latents_and_graph_behind_a_link(design):
    found = solved(design)
    assert np.diagonal(correlations(found)).min() > 0.998
    assert edges(found) == {("c", "a"), ("a", "b")}
    assert found.status.ok
    x = problem().samples["obs"]
    np.testing.assert_allclose(found.decoded(found.encoder(x)), x, atol=1e-6)


def test_pairs_that_nobody_told_are_found_and_reported():
    signature = solved("uncoupled").diagnostics["signature"]
    pairs = {frozenset(signature["environment"].values[signature.values[:, k] == 1]) for k in range(3)}
    assert pairs == {frozenset(pair) for pair in SETTING.pairs or ()}
    assert float(solved("uncoupled").diagnostics["pairing_margin"]) > 3
    assert "signature" not in solved().diagnostics


def test_names_and_order_of_environments_do_not_matter():
    turned = problem("uncoupled")
    setting = replace(turned.setting, environments=("c2", "b1", "a1", "a2", "c1", "b2"))
    samples = {name: turned.samples[name] for name in ("b1", "obs", "c2", "a1", "c1", "a2", "b2")}
    other = GScaleI().solve(Problem(setting, turned.observed, samples), GaussianScores(), 0, silent)
    np.testing.assert_allclose(correlations(other), correlations(solved("uncoupled")), atol=1e-6)
    assert edges(other) == edges(solved("uncoupled"))


@pytest.mark.slow
def test_a_general_mixing():
    x = {}
    for name in ("obs", *ENVIRONMENTS):
        u = latents(name) @ MIXING.T
        x[name] = np.concatenate([u, np.tanh(u)], axis=1) + 0.2 * np.roll(u, 1, 1).repeat(2, 1) ** 2
    setting = replace(SETTING, mixing="general", link=None)
    general = Problem(setting, tuple(f"x{k}" for k in range(8)), x)
    found = GScaleI(restarts=2, steps=150).solve(general, GaussianScores(), 0, silent)
    recovered = np.abs(np.corrcoef(latents("obs").T, found.encoder(x["obs"]).T)[:3, 3:])
    assert np.diagonal(recovered).min() > 0.95
    back = found.decoded(found.encoder(x["obs"]))
    assert back is not None
    assert 1 - ((back - x["obs"]) ** 2).sum() / ((x["obs"] - x["obs"].mean(0)) ** 2).sum() > 0.9
    assert found.diagnostics["restart_losses"].sizes == {"restart": 2}
    assert found.diagnostics["recombined_losses"].sizes == {"recombined": 2}
    agreed = bool((found.diagnostics["restart_agreement"] >= GscaleThresholds.agreement).all())
    agreement = next(check for check in found.checks if check.name == "agreement")
    assert (agreement.consequence == "passed") == agreed and not (found.status.ok and not agreed)
    alone = GScaleI(restarts=1, steps=20).solve(general, GaussianScores(), 0, silent)
    assert alone.status.code == "undecided"
    assert "one restart alone" in alone.status.message
    assert alone.status.remedy


def test_restarts_that_end_elsewhere_leave_it_undecided():
    z = latents("obs")
    folded = np.column_stack([z[:, 0], z[:, 1], np.abs(z[:, 2])])
    gaussianised = np.column_stack([-z[:, 0], z[:, 1] ** 3, z[:, 2]])
    np.testing.assert_allclose(agreement_of(np.stack([gaussianised, folded, z]), 2), 1.0)
    agreement = agreement_of(np.stack([folded, z]), 1)
    assert agreement[2] < 0.1
    checks = checks_of(
        Pairing((), np.zeros((0, 0)), float("inf")), np.full(3, 100.0), agreement, GscaleThresholds()
    )
    assert [check.name for check in checks if check.objects] == ["agreement"]
    status = status_of(checks, agreement, None)
    assert status.code == "undecided"
    assert "No two restarts" in status.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mixing": "linear"}, "mixings that are not linear"),
        ({"link": None}, "needs its link"),
        ({"design": "single-node"}, "two environments per latent"),
        ({"kind": "soft"}, "needs hard interventions"),
        ({"deterministic": True}, "no density"),
        ({"observation_noise": "isotropic"}, "no noise on the observations behind a link"),
        (
            {"environments": ENVIRONMENTS[:4], "targets": None},
            "got 4 interventional environments for 3 latents",
        ),
        ({"targets": {**SETTING.targets, "c2": ("a",)}}, r"a \(3\), c \(1\)"),  # type: ignore[dict-item]
    ],
)
def test_settings_that_it_cannot_take_are_refused_with_a_remedy(change, words):
    setting = replace(SETTING, **change)
    with pytest.raises(SettingMismatch, match=words) as caught:
        GScaleI().accepts(setting)
    assert caught.value.remedy


def test_data_that_contradict_the_link_or_the_number_of_latents_are_refused():
    outside = {name: 1.5 * x for name, x in problem().samples.items()}
    with pytest.raises(DataError, match="range of the link tanh"):
        GScaleI().solve(replace(problem(), samples=outside), GaussianScores(), 0, silent)
    flat = {name: x[:, [0, 1, 0, 1]] for name, x in problem().samples.items()}
    general = replace(SETTING, mixing="general", link=None)
    with pytest.raises(DataError, match="span 2 dimensions, fewer than the 3 latents"):
        GScaleI().solve(replace(problem(), samples=flat, setting=general), GaussianScores(), 0, silent)


def test_environments_that_do_not_differ_leave_it_undecided():
    samples = dict(problem().samples)
    half = samples["a1"]
    samples["a1"], samples["a2"] = half[:1500], half[1500:]
    found = GScaleI().solve(replace(problem(), samples=samples), GaussianScores(), 0, silent)
    assert found.status.code == "undecided"
    assert found.status.remedy


def test_a_quadratic_log_ratio_is_exact_for_normal_samples():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(60_000, 2)), rng.normal(size=(60_000, 2))
    second[:, 0] = 1 + 2 * second[:, 0]
    ratio = quadratic_ratio(first, second)
    expected = np.array([[-0.5 + 1 / 8, 0], [0, 0]])
    np.testing.assert_allclose(ratio.quadratic, expected, atol=0.02)
    np.testing.assert_allclose(ratio.linear, [-1 / 4, 0], atol=0.03)
    both = np.concatenate([first, second])
    found = one_direction(first, second, leading_direction(ratio, both) + np.array([0.0, 0.3]))
    assert abs(found.row[1]) < 0.02 * abs(found.row[0])
    assert found.share(ratio) > 0.999
    assert quadratic_ratio(first[:30_000], first[30_000:]).loss == pytest.approx(LOG_2, abs=1e-3)


def test_an_even_direction_follows_the_latent_and_not_its_absolute_value():
    rng = np.random.default_rng(3)

    def observed(scale: float) -> np.ndarray:
        z, other = rng.normal(size=(2, 4000)) * [[scale], [1.0]]
        return np.column_stack([z + other, np.abs(z), other + 0.1 * z])

    first, second = observed(0.5), observed(2.0)
    row = even_direction(first, second).row
    u = np.concatenate([first, second]) @ row
    assert u.std() == pytest.approx(1.0)
    z = np.concatenate([first, second]) @ [1.0, 0.0, -1.0]
    assert abs(np.corrcoef(u, z)[0, 1]) > 0.98
    assert abs(np.corrcoef(u, np.abs(z))[0, 1]) < 0.1


def test_pairs_need_no_more_than_two_environments():
    first, second = latents("a1"), latents("a2")
    assert find_pairs([first, second], silent).pairs == ((0, 1),)


def test_pairs_behind_a_bent_mixing_are_functions_of_the_same_latent():
    rng = np.random.default_rng(0)
    scales = np.array([[1.0, 1.0], [0.5, 1.0], [1.0, 0.5], [2.0, 1.0], [1.0, 2.0]])  # pairs: 0 and 2, 1 and 3
    z = [rng.normal(size=(3000, 2)) * scale for scale in scales]
    y = [np.column_stack([one**2, np.abs(one.sum(1))]) for one in z]
    pooled = np.concatenate(z)
    densities = np.stack([-((pooled / scale) ** 2).sum(1) / 2 - np.log(scale).sum() for scale in scales], 1)
    found = find_pairs(y[1:], silent, densities[:, 1:] - densities[:, :1])
    assert found.pairs == ((0, 2), (1, 3))
    assert found.margin > found.clear
    np.testing.assert_allclose(found.costs, found.costs.T)


def test_the_order_is_read_off_what_interventions_move():
    samples = [latents(name) for name in ("obs", *ENVIRONMENTS)]
    moved = effects(samples, [(1, 2), (3, 4), (5, 6)])
    assert (moved > 0).tolist() == [[False, True, False], [False, False, False], [True, True, False]]
    assert order_of(moved) == (2, 0, 1)


def test_a_remainder_of_mixing_is_no_edge():
    """b's estimate holds some of c, linearly and not: c → b stays out, while what is true is found."""
    samples = []
    for name in ("obs", *ENVIRONMENTS):
        z = latents(name)
        z[:, 1] += 0.15 * z[:, 2] + 0.05 * z[:, 2] ** 2
        samples.append(z)
    step = edges_by_contrast(samples, [(1, 2), (3, 4), (5, 6)], 0, silent)
    found = {(step.order[j], step.order[i]) for i, j in np.argwhere(step.p_values < 0.01)}
    assert found == {(2, 0), (0, 1)}


def test_the_sides_of_a_turning_point_are_told_by_neighbours():
    rng = np.random.default_rng(0)
    z = rng.uniform(-2, 2, size=(3000, 2))
    points = np.column_stack([z[:, 0], z[:, 1] + np.sin(2 * z[:, 0])])
    ratios = np.column_stack([1 - z[:, 0] ** 2, 3 * z[:, 1] ** 2])
    far = distances(ratios)
    signed = far * sides(points, far, rng)
    assert np.abs(np.diagonal(np.corrcoef(z.T, signed.T)[:2, 2:])).min() > 0.9


def test_quadratic_log_ratios_stand_on_the_leading_components_of_a_general_mixing() -> None:
    pairs = PairsToy(400)
    bends = np.random.default_rng(0).normal(size=(pairs.problem.samples["obs"].shape[1], 40))
    wide = [np.tanh(x @ bends) for x in pairs.problem.samples.values()]
    for general, count in ((True, 24), (False, 40)):
        leading = leading_components(wide, general)
        assert [one.shape for one in leading] == [(400, count)] * len(wide)
    ratios, rows = linear_starts(leading_components(wide, True), [(1, 2), (3, 4)], True, 40, 0.5)
    assert rows.shape == (2, 40) and not rows[:, 24:].any()
    np.testing.assert_array_equal(rows[:, :24], [ratio.row for ratio in ratios])
