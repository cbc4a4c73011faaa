"""Every row of the table promises no more than is true: where it stops, two models of one distribution differ.

Linear-Gaussian models behind one mixing have the same distributions where one's latents are T z of the other's, G' =
G T⁻¹: what is shown is that the moments of T z, in every environment, are those of another graph with the same
targets. Rows whose promise a theorem bounds by itself cite it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from crlspec.spec.identifiability import identifiability
from crlspec.spec.setting import Setting
from crlspec.spec.verdict import Verdict

Moments = dict[str, tuple[np.ndarray, np.ndarray]]
Hits = Mapping[str, Mapping[int, tuple[list[float], float, float]]]
"""Environment → target → its weights, variance and mean there."""

CHAIN = np.array([[0.0, 0.0, 0.0], [1.1, 0.0, 0.0], [0.0, -0.9, 0.0]])
FULL = np.array([[0.0, 0.0, 0.0], [1.1, 0.0, 0.0], [0.7, -0.9, 0.0]])
SINGLE = {"e1": {0}, "e2": {1}, "e3": {2}}
NAMES = ("z1", "z2", "z3")


def moments_of(arrows: np.ndarray, hits: Hits) -> Moments:
    """Mean and covariance of z = A z + ε, ε standard normal, in every environment."""
    found = {}
    for name, changed in {"obs": {}, **hits}.items():
        a, variances, means = arrows.copy(), np.ones(len(arrows)), np.zeros(len(arrows))
        for i, (weights, variance, mean) in changed.items():
            a[i], variances[i], means[i] = weights, variance, mean
        spread = np.linalg.inv(np.eye(len(a)) - a)
        found[name] = (spread @ means, spread @ np.diag(variances) @ spread.T)
    return found


def under(change: np.ndarray, given: Moments) -> Moments:
    """The moments of T z."""
    return {name: (change @ mean, change @ cov @ change.T) for name, (mean, cov) in given.items()}


def mechanism(given: Moments, name: str, i: int, parents: list[int]) -> np.ndarray:
    """Weights of the parents, intercept and variance of latent i in an environment."""
    mean, cov = given[name]
    weights = np.linalg.solve(cov[np.ix_(parents, parents)], cov[parents, i]) if parents else np.zeros(0)
    rest = cov[i, i] - weights @ cov[parents, i]
    return np.array([*weights, mean[i] - weights @ mean[parents], rest])


def is_model(
    given: Moments, edges: set[tuple[int, int]], targets: Mapping[str, set[int]], hard: bool
) -> bool:
    """Whether the moments are those of the graph (latents in causal order) with these targets.

    Given all before it each latent follows its parents alone; its mechanism changes only where it is a target, and
    there, if hard, it follows nothing.
    """
    n = len(given["obs"][0])
    for name in given:
        for i in range(n):
            before, hit = list(range(i)), i in targets.get(name, set())
            found = mechanism(given, name, i, before)
            strangers = [k for k in before if (k, i) not in edges or (hit and hard)]
            if np.abs(found[strangers]).max(initial=0) > 1e-9:
                return False
            if not hit and np.abs(found - mechanism(given, "obs", i, before)).max() > 1e-9:
                return False
    return True


def edges_of(arrows: np.ndarray) -> set[tuple[int, int]]:
    return {(int(j), int(i)) for i, j in zip(*np.nonzero(arrows), strict=True)}


def elementwise(change: np.ndarray) -> bool:
    return bool((np.count_nonzero(change, axis=1) == 1).all())


def verdict_of(mixing: Any, design: Any, kind: Any, targets: Mapping[str, set[int]], **more: Any) -> Verdict:
    hit = {name: tuple(NAMES[k] for k in sorted(which)) for name, which in targets.items()}
    family = {"noise": "gaussian", "function": "linear", **more}
    return identifiability(Setting(mixing, design, kind, NAMES, "obs", tuple(hit), hit, **family))


def test_no_interventions_of_gaussian_latents_leave_every_rotation() -> None:
    given = moments_of(FULL, {})
    factor = np.linalg.inv(np.linalg.cholesky(given["obs"][1]))
    for seed in range(3):
        turned = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0] @ factor
        assert is_model(under(turned, given), set(), {}, hard=True)
    verdict = verdict_of("linear", "observational", "none", {})
    assert (verdict.covered, verdict.latents, verdict.graph) == (False, "nothing", "nothing")


def test_no_interventions_of_linear_latents_leave_the_noises_as_latents() -> None:
    """Also of noise that is not normal, which tells rotations apart: (I − A) z is a model without edges."""
    assert np.allclose((np.eye(3) - FULL) @ np.linalg.inv(np.eye(3) - FULL), np.eye(3))
    given = under(np.eye(3) - FULL, moments_of(FULL, {}))
    assert is_model(given, set(), {}, hard=True)
    assert verdict_of("linear", "observational", "none", {}, noise="other").graph == "nothing"


def test_no_interventions_behind_a_general_mixing_leave_maps_that_bend() -> None:
    """Normal latents turned by an angle that grows with their length are normal again."""
    z = np.random.default_rng(0).normal(size=(50, 2))

    def turned(points: np.ndarray) -> np.ndarray:
        angle = (points**2).sum(-1)
        c, s = np.cos(angle), np.sin(angle)
        return np.stack(
            [c * points[..., 0] - s * points[..., 1], s * points[..., 0] + c * points[..., 1]], -1
        )

    steps = 1e-6 * np.eye(2)
    slopes = np.stack([(turned(z + step) - turned(z - step)) / 2e-6 for step in steps], -1)
    assert np.allclose((turned(z) ** 2).sum(1), (z**2).sum(1)) and np.allclose(
        np.linalg.det(slopes), 1, atol=1e-5
    )
    assert verdict_of("general", "observational", "none", {}, noise="unknown").latents == "nothing"


def test_do_has_no_density() -> None:
    """The theorems are about densities p and q of an environment; a latent fixed to a value has none."""
    verdict = verdict_of("linear", "single-node", "hard", SINGLE, deterministic=True)
    assert (verdict.latents, verdict.graph) == ("nothing", "nothing")


def test_hard_interventions_leave_scales_and_no_more() -> None:
    """Not below scaling: D z is as good. That nothing else is left is shown by Varıcı et al., JMLR 2025."""
    given = moments_of(FULL, {f"e{k + 1}": {k: ([0.0] * 3, 4.0, 0.0)} for k in range(3)})
    assert is_model(given, edges_of(FULL), SINGLE, hard=True)
    assert is_model(under(np.diag([2.0, -0.5, 3.0]), given), edges_of(FULL), SINGLE, hard=True)
    verdict = verdict_of("linear", "single-node", "hard", SINGLE)
    assert (verdict.covered, verdict.latents, verdict.graph) == (True, "scaling", "exact")


def test_hardness_of_linear_latents_is_a_matter_of_coordinates() -> None:
    """Weights b that fall to c = .4 b: on z_i − c z_pa the same intervention is hard, with weights b − c."""
    given = moments_of(FULL, {f"e{k + 1}": {k: (list(0.4 * FULL[k]), 1.0, 0.0)} for k in range(3)})
    assert not is_model(given, edges_of(FULL), SINGLE, hard=True)
    change = np.eye(3) - 0.4 * FULL
    other = under(change, given)
    graph = {(0, 1), (0, 2), (1, 2)}
    assert is_model(other, graph, SINGLE, hard=True) and not elementwise(change)
    assert mechanism(other, "obs", 1, [0])[0] == pytest.approx(0.6 * 1.1)
    verdict = verdict_of("linear", "single-node", "hard", SINGLE)
    assert any("no data can show that interventions are hard" in note for note in verdict.notes)
    bent = verdict_of("linear", "single-node", "hard", SINGLE, function="nonlinear")
    assert not any("are hard" in note for note in bent.notes)


@pytest.mark.parametrize("design", ["single-node", "multi-node"])
def test_soft_interventions_on_linear_latents_leave_closures_and_ancestors(design: str) -> None:
    """A chain, and its transitive closure, and any mixture of a latent with its ancestors."""
    targets = SINGLE if design == "single-node" else {"e1": {0, 2}, "e2": {1, 2}, "e3": {2}}
    soft = {i: (list(0.4 * CHAIN[i]), 0.5, 0.3) for i in range(3)}
    given = moments_of(CHAIN, {name: {i: soft[i] for i in hit} for name, hit in targets.items()})
    assert is_model(given, {(0, 1), (1, 2)}, targets, hard=False)
    change = np.array([[1.0, 0.0, 0.0], [0.2, 1.0, 0.0], [0.5, -0.3, 1.0]])
    assert not is_model(under(change, given), {(0, 1), (1, 2)}, targets, hard=False)
    assert is_model(under(change, given), {(0, 1), (0, 2), (1, 2)}, targets, hard=False)
    verdict = verdict_of("linear", design, "soft", targets)
    assert (verdict.covered, verdict.latents, verdict.graph) == (True, "ancestors", "closure")


def test_some_soft_interventions_among_hard_ones_are_promised_what_soft_ones_are() -> None:
    hits: Hits = {
        "e1": {0: ([0.0] * 3, 4.0, 0.0)}, "e2": {1: ([0.0] * 3, 4.0, 0.0)}, "e3": {2: ([0.0, -0.3, 0.0], 1.0, 0.0)},
    }  # fmt: skip
    change = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 1.0]])
    other = under(change, moments_of(CHAIN, hits))
    assert is_model(other, {(0, 1), (0, 2), (1, 2)}, SINGLE, hard=False)
    verdict = verdict_of("linear", "single-node", "mixed", SINGLE)
    assert (verdict.latents, verdict.graph) == ("ancestors", "closure")


@pytest.mark.parametrize(
    ("variance", "mean", "changes"), [(1.0, 2.0, "shift"), (4.0, 0.0, "scale"), (0.5, 1.0, "scale")]
)
@pytest.mark.parametrize("design", ["single-node", "multi-node"])
def test_shifts_and_rescalings_of_linear_latents_leave_no_edge(
    variance: float, mean: float, changes: str, design: str
) -> None:
    """x = G (I − A)⁻¹ (ε + c e_i): the noises are latents of a model without edges, and of every other graph."""
    targets = SINGLE if design == "single-node" else {"e1": {0, 2}, "e2": {1, 2}, "e3": {2}}
    hits = {name: {i: (list(FULL[i]), variance, mean) for i in hit} for name, hit in targets.items()}
    given = moments_of(FULL, hits)
    assert is_model(given, edges_of(FULL), targets, hard=False)
    assert is_model(under(np.eye(3) - FULL, given), set(), targets, hard=False)
    turned = under(np.array([[0, 0, 1.0], [0, 1, 0], [1, 0, 0]]) @ (np.eye(3) - FULL), given)
    reverse = np.array([[1.0, 0, 0], [0.8, 1, 0], [0.3, 0.6, 1]])
    flipped = {name: {2 - i for i in hit} for name, hit in targets.items()}
    assert is_model(under(reverse, turned), {(0, 1), (0, 2), (1, 2)}, flipped, hard=False)
    verdict = verdict_of("linear", design, "soft", targets, changes=changes)
    assert (verdict.covered, verdict.latents, verdict.graph) == (False, "nothing", "nothing")
    mixed = verdict_of("linear", design, "mixed", targets, changes=changes)
    assert (mixed.covered, mixed.graph) == (False, "nothing")


@pytest.mark.parametrize("kind", ["shift", "scale"])
def test_shifts_and_rescalings_of_bent_mechanisms_show_parents(kind: str) -> None:
    """z2 = z1² + ε, shifted or rescaled: the score difference has full rank, Assumption 2 of JMLR 2025; of a linear
    mechanism it has rank one."""
    rng = np.random.default_rng(0)
    z1, noise = rng.normal(size=(2, 4000))

    def ranks(slope: np.ndarray) -> int:
        size = np.ones(4000) if kind == "shift" else 0.75 * noise  # of d log p − d log q along z2
        d = np.stack([-slope * size, size], 1)
        return int(np.linalg.matrix_rank(d.T @ d / 4000, tol=1e-6))

    assert ranks(2 * z1) == 2 and ranks(np.full(4000, 1.1)) == 1
    verdict = verdict_of("linear", "single-node", "soft", SINGLE, function="nonlinear", changes=kind)
    assert (verdict.covered, verdict.graph) == (True, "exact")
    assert any(
        "environment that only shifts or rescales it does not show them" in note for note in verdict.notes
    )


def test_soft_interventions_on_bent_mechanisms_leave_surrounding_parents() -> None:
    """z2 = f(z1) + ε, and z2 + z1 = (f(z1) + z1) + ε: the same graph, another latent; its parent z1 surrounds it.

    That the graph is exact is shown in JMLR 2025, under Assumption 2, which the note names.
    """
    rng = np.random.default_rng(1)
    z1, noise = rng.normal(size=(2, 100))
    for f in (np.sin, lambda v: 0.4 * np.sin(v)):  # observational, and in the environment of z2
        assert np.allclose((f(z1) + noise) + z1, (f(z1) + z1) + noise)
    verdict = verdict_of("linear", "single-node", "soft", SINGLE, function="nonlinear")
    assert (verdict.latents, verdict.graph) == ("surrounding-parents", "exact")
    assert any("sufficiently nonlinear" in note for note in verdict.notes)


def test_a_latent_without_an_environment_leaves_others_mixed_and_the_graph_open() -> None:
    """z1 → z2, z1 → z3; hard interventions on z2 and z3 alone. Another z1, of the same variance in all environments,
    and another z2 independent of it where it is a target, are causes of z3 both."""
    w, square = 1.1, 4.0
    arrows = np.array([[0.0, 0.0, 0.0], [w, 0.0, 0.0], [0.8, 0.0, 0.0]])
    targets = {"e2": {1}, "e3": {2}}
    given = moments_of(arrows, {"e2": {1: ([0.0] * 3, square, 0.0)}, "e3": {2: ([0.0] * 3, 2.0, 0.0)}})
    alpha = (square - w**2 - 1) / (2 * w)
    change = np.array([[alpha, 1.0, 0.0], [square, -alpha, 0.0], [0.0, 0.0, 1.0]])
    assert is_model(given, {(0, 1), (0, 2)}, targets, hard=True)
    assert not is_model(under(change, given), {(0, 1), (0, 2)}, targets, hard=True)
    assert is_model(under(change, given), {(0, 1), (0, 2), (1, 2)}, targets, hard=True)  # z2 → z3 is new
    for design in ("single-node", "coupled"):
        verdict = verdict_of("linear", design, "hard", targets)
        assert (verdict.covered, verdict.latents, verdict.graph) == (False, "ancestors", "nothing")
        assert verdict.nodes == ("z2", "z3")
    behind = verdict_of("general", "single-node", "hard", targets)  # a linear mixing is a general one
    assert (behind.covered, behind.latents, behind.graph) == (False, "nothing", "nothing")


def test_behind_a_general_mixing_latents_without_environments_leave_ancestors_alone() -> None:
    """z1 → z2 → z3, two hard interventions on z1 and z3: with the noise of z2 in its place z1 → z3 is direct."""
    hits = {
        f"e{k}_{copy}": {k: ([0.0] * 3, variance, 0.0)}
        for k in (0, 2)
        for copy, variance in (("a", 4.0), ("b", 0.25))
    }
    targets = {name: set(hit) for name, hit in hits.items()}
    given = moments_of(CHAIN, hits)
    change = np.array([[1.0, 0.0, 0.0], [-1.1, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert is_model(given, {(0, 1), (1, 2)}, targets, hard=True)
    assert is_model(under(change, given), {(0, 2), (1, 2)}, targets, hard=True)
    verdict = verdict_of("general", "coupled", "hard", targets)
    assert (verdict.covered, verdict.latents, verdict.graph, verdict.nodes) == (
        False, "smooth-map", "part", ("z1", "z3"),
    )  # fmt: skip
    assert verdict.graph_text == "only who is an ancestor of whom among the latents intervened on"


def test_latents_that_are_always_hit_together_are_not_told_apart() -> None:
    """Signature of rank 1: wherever both are targets their variances change alike, so the principal axes of the
    observational covariance are latents without an edge."""
    arrows = np.array([[0.0, 0.0], [1.1, 0.0]])
    both = {i: ([0.0, 0.0], 4.0, 0.0) for i in range(2)}
    less = {i: ([0.0, 0.0], 0.25, 0.0) for i in range(2)}
    given = moments_of(arrows, {"e1": both, "e2": less})
    targets = {"e1": {0, 1}, "e2": {0, 1}}
    assert is_model(given, {(0, 1)}, targets, hard=True)
    axes = np.linalg.eigh(given["obs"][1])[1].T
    assert is_model(under(axes, given), set(), targets, hard=True) and not elementwise(axes)
    for kind in ("hard", "soft"):
        verdict = verdict_of("linear", "multi-node", kind, {"e1": {0, 1}, "e2": {0, 1}, "e3": {2}})
        assert (verdict.covered, verdict.latents, verdict.graph) == (False, "nothing", "nothing")


def test_multi_node_hard_interventions_of_full_rank() -> None:
    """Exact, and scales alone are left (Varıcı et al., NeurIPS 2024). Scales are: D z is as good."""
    targets = {"e1": {0, 1}, "e2": {1, 2}, "e3": {2}}
    hits = {name: {i: ([0.0] * 3, 4.0, 0.0) for i in hit} for name, hit in targets.items()}
    given = under(np.diag([2.0, -1.0, 0.5]), moments_of(FULL, hits))
    assert is_model(given, edges_of(FULL), targets, hard=True)
    verdict = verdict_of("linear", "multi-node", "hard", targets)
    assert (verdict.covered, verdict.latents, verdict.graph) == (True, "scaling", "exact")


@pytest.mark.parametrize("design", ["coupled", "uncoupled"])
def test_general_mixings_leave_a_map_of_each_latent(design: str) -> None:
    """Not below: x = f(z) = (f ∘ h⁻¹)(h(z)) for h of each latent by itself, and hard stays hard. That nothing else is
    left is shown in AISTATS 2024 of coupled and in JMLR 2025 of uncoupled environments."""
    pairs = {f"e{k}_{copy}": {k} for k in range(3) for copy in "ab"}
    verdict = verdict_of("general", design, "hard", pairs, noise="unknown", function="unknown")
    assert (verdict.covered, verdict.latents, verdict.graph) == (True, "smooth-map", "exact")


def test_soft_interventions_behind_a_general_mixing_leave_everything_open() -> None:
    """z1, z2 without an edge, and z1, z2 + g(z1) with one: each mechanism changes in its own environments only."""
    rng = np.random.default_rng(2)
    z1, z2 = rng.normal(size=(2, 200_000))
    assert abs(np.corrcoef(z1, z2)[0, 1]) < 0.01
    assert np.corrcoef(z1, z2 + np.sinh(z1))[0, 1] > 0.5
    pairs = {f"e{k}_{copy}": {k} for k in range(3) for copy in "ab"}
    verdict = verdict_of("general", "coupled", "soft", pairs)
    assert (verdict.covered, verdict.latents, verdict.graph) == (False, "nothing", "nothing")


def test_one_hard_intervention_behind_a_general_mixing_asks_for_linear_gaussian_latents() -> None:
    """With those see Buchholz et al., NeurIPS 2023, up to shifts and scales, which f(z − c) leaves open;
    without, two are needed: the counterexample of von Kügelgen et al., NeurIPS 2023."""
    given = moments_of(FULL, {f"e{k + 1}": {k: ([0.0] * 3, 4.0, 0.0)} for k in range(3)})
    moved = {name: (mean + 1.0, cov) for name, (mean, cov) in under(np.diag([2.0, 1, 1]), given).items()}
    shifted = {name: (mean - moved["obs"][0], cov) for name, (mean, cov) in moved.items()}
    assert is_model(shifted, edges_of(FULL), SINGLE, hard=True)
    verdict = verdict_of("general", "single-node", "hard", SINGLE)
    assert (verdict.covered, verdict.latents, verdict.graph) == (True, "shift-and-scale", "exact")
    assert any("are hard" in note for note in verdict.notes)
    unsaid = verdict_of("general", "single-node", "hard", SINGLE, noise="unknown", function="unknown")
    assert (unsaid.covered, unsaid.latents, unsaid.graph) == (False, "nothing", "nothing")


def noisy(kind: str, observed: int | None, mixing: Any = "linear", latents: int = 3) -> Verdict:
    names, hit = NAMES[:latents], {f"e{k + 1}": (NAMES[k],) for k in range(latents)}
    seen = None if observed is None else tuple(f"x{k}" for k in range(observed))
    given = Setting(
        mixing, "single-node", "hard", names, "obs", tuple(hit), hit, noise="gaussian", function="linear",
        observed=seen, observation_noise=kind,  # type: ignore[arg-type]
    )  # fmt: skip
    return identifiability(given)


@pytest.mark.parametrize("observed", [6, 4])
def test_isotropic_noise_behind_a_linear_mixing_is_told_by_spare_variables(observed: int) -> None:
    """The least eigenvalue of any environment is its size, and what is left in the space of the others is the row."""
    given = moments_of(CHAIN, {f"e{k + 1}": {k: ([0.0] * 3, 4.0, 0.0)} for k in range(3)})
    mixing = np.random.default_rng(0).normal(size=(observed, 3))
    seen = {name: mixing @ cov @ mixing.T + 0.09 * np.eye(observed) for name, (_, cov) in given.items()}
    found = {}
    for name, cov in seen.items():
        values, vectors = np.linalg.eigh(cov)
        np.testing.assert_allclose(values[: observed - 3], 0.09)
        back = np.linalg.pinv(mixing)
        found[name] = (np.zeros(3), back @ (cov - values[0] * np.eye(observed)) @ back.T)
        inside = vectors[:, observed - 3 :]
        np.testing.assert_allclose(inside @ inside.T @ mixing, mixing)
    assert is_model(found, edges_of(CHAIN), SINGLE, hard=True)
    verdict = noisy("isotropic", observed)
    assert (verdict.covered, verdict.latents, verdict.graph) == (True, "scaling", "exact")
    assert any("deconvolution" in note for note in verdict.notes)
    assert any(text.startswith("observe more variables") for text in verdict.remedies)
    assert noisy("isotropic", None).covered and noisy("isotropic", 6).notes == noisy("isotropic", None).notes


def test_noise_without_spare_variables_is_not_told() -> None:
    """Noise on as many variables as latents leaves covariances that a mixing without noise has as well, of latents
    that follow another graph: a chain becomes complete, and no target is cut off from its causes."""
    given = moments_of(CHAIN, {f"e{k + 1}": {k: ([0.0] * 3, 4.0, 0.0)} for k in range(3)})
    seen = {name: (mean, cov + 0.09 * np.eye(3)) for name, (mean, cov) in given.items()}
    assert is_model(given, edges_of(CHAIN), SINGLE, hard=True)
    assert not is_model(seen, edges_of(CHAIN), SINGLE, hard=True)
    verdict = noisy("isotropic", 3)
    assert not verdict.covered and [one.assumption for one in verdict.missing] == ["noise-free"]


def test_noise_of_each_variable_takes_a_factor_model_that_is_identified() -> None:
    """Six variables of three latents have as many covariances as parameters, and two solutions (Wilson & Worcester,
    PNAS 25, 1939); one variable more, and there is one but for special loadings."""
    assert [noisy("per-variable", d).covered for d in (4, 5, 6, 7)] == [False, False, False, True]
    assert noisy("per-variable", 4, latents=1).covered and not noisy("per-variable", 2, latents=1).covered


def test_noise_behind_a_general_mixing_is_no_part_of_any_theorem() -> None:
    """All of them ask for x = f(z): the row keeps its words and is not covered."""
    assert not noisy("isotropic", 6, "general").covered
    assert noisy("none", 6, "general").covered
