"""UMNI-CRL on data of a generator that knows nothing of crlspec, and its refusals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

import crlspec
from crlspec.data import Problem
from crlspec.errors import SettingMismatch
from crlspec.inference.estimate import Estimate
from crlspec.inference.soft.fit import FAR, fit_soft
from crlspec.inference.soft.gaussian import _own_and_others
from crlspec.inference.umni import UmniCrl
from crlspec.numerics.graphs import transitive_closure
from crlspec.progress import silent
from crlspec.scores.base import ScoreDifference
from crlspec.scores.exact import ExactScores
from crlspec.scores.gaussian import GaussianScores
from crlspec.scores.ratio import RatioScores
from crlspec.spec.setting import Setting
from crlspec.testing import EstimatorContract, LinearGaussianToy
from tests.reference.generator import Reference, generate

TOY = LinearGaussianToy().problem.setting
Targets = dict[str, tuple[int, ...]]

TRIANGULAR: Targets = {"a": (1,), "b": (0, 1, 3), "c": (2, 1), "d": (3, 2)}
FULL_RANK: Targets = {"a": (0, 1), "b": (1, 2), "c": (2, 3, 0), "d": (3, 1)}
MORE: Targets = {"a": (0, 1), "b": (1, 2), "c": (2, 3, 0), "d": (3, 1), "e": (2,), "f": (0, 1), "g": (3,)}
TWICE: Targets = {"a": (0,), "b": (1,), "c": (2,), "d": (3,), "e": (1,), "f": (3,)}


class TestUmniCrl(EstimatorContract):
    def estimator(self) -> UmniCrl:
        return UmniCrl()

    def refused(self) -> Sequence[Setting]:
        return (
            replace(TOY, mixing="general"),
            replace(TOY, mixing="glm"),
            replace(TOY, design="observational", kind="none", environments=()),
            replace(TOY, deterministic=True),
            replace(TOY, environments=TOY.environments[:2]),
            replace(TOY, targets={"do_a": ("a",), "do_b": ("b",), "do_c": ("a",)}),
        )


class TestExactScores(TestUmniCrl):
    def scores(self) -> ScoreDifference:
        return ExactScores(LinearGaussianToy().difference)


def problem_of(reference: Reference, kind: str = "hard", told: Targets | None = None) -> Problem:
    environments = tuple(name for name in reference.x if name != "obs")
    latents = tuple(f"u{k}" for k in range(reference.mixing.shape[1]))
    targets = None if told is None else {name: tuple(f"u{k}" for k in hit) for name, hit in told.items()}
    setting = Setting(
        "linear", "multi-node", kind, latents, "obs", environments, targets  # type: ignore[arg-type]
    )  # fmt: skip
    return Problem(setting, tuple(f"x{k}" for k in range(len(reference.mixing))), reference.x)


def node_of(found: Estimate, targets: Targets) -> dict[str, int]:
    """The generator's node of each latent, by its recovered signature: an error where none has it."""
    names = [str(name) for name in found.diagnostics["signature"]["environment"].values]
    truth = {tuple(int(node in targets[name]) for name in names): node for node in range(4)}
    return {
        z: truth[tuple(found.diagnostics["signature"].sel(latent=z).values.tolist())] for z in found.latents
    }


def graph_of(found: Estimate, node: dict[str, int]) -> np.ndarray:
    adjacency = np.zeros((4, 4), dtype=bool)
    for edge in found.edges:
        adjacency[node[edge.source], node[edge.target]] = True
    return adjacency


def correlations(found: Estimate, node: dict[str, int], reference: Reference) -> list[float]:
    z_hat, z = found.encoder(reference.x["obs"]), reference.z["obs"]
    return [abs(np.corrcoef(z_hat[:, k], z[:, node[u]])[0, 1]) for k, u in enumerate(found.latents)]


@pytest.mark.parametrize(
    "targets", [pytest.param(TRIANGULAR, marks=pytest.mark.slow), FULL_RANK, MORE, TWICE]
)
def test_hard_signature_latents_and_graph_are_recovered(targets: Targets) -> None:
    """On all of three seeds the signature and the latents; of 18 pairs at alpha = .01 at most one is wrong; two of
    the three are decided, at least."""
    wrong = decided = 0
    for seed in (1, 2, 3):
        reference = generate(
            seed, latents=4, observed=9, samples=20_000, targets=targets, variance_factor=0.25
        )
        found = UmniCrl().solve(problem_of(reference), GaussianScores(), 0, silent)
        node = node_of(found, targets)
        wrong += int((graph_of(found, node) != reference.adjacency).sum())
        assert min(correlations(found, node, reference)) > 0.999
        decided += found.status.ok
        assert {check.name for check in found.checks if check.objects} <= {"order"}
        assert found.graph == "exact"
        assert sorted(node.values()) == [0, 1, 2, 3]
    assert wrong <= 1 and decided >= 2


@pytest.mark.parametrize("targets", [TRIANGULAR, FULL_RANK, MORE])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_soft_signature_and_closure_are_recovered_on_all_seeds(seed: int, targets: Targets) -> None:
    reference = generate(
        seed, latents=4, observed=9, samples=20_000, targets=targets, variance_factor=0.25, kind="soft"
    )
    found = UmniCrl().solve(problem_of(reference, "soft"), GaussianScores(), 0, silent)
    node = node_of(found, targets)
    assert found.graph == "transitive closure"
    np.testing.assert_array_equal(graph_of(found, node), transitive_closure(reference.adjacency))


def test_told_targets_are_kept_and_name_the_latents() -> None:
    reference = generate(4, latents=4, observed=9, samples=20_000, targets=FULL_RANK)
    found = UmniCrl().solve(problem_of(reference, told=FULL_RANK), GaussianScores(), 0, silent)
    assert node_of(found, FULL_RANK) == {f"u{k}": k for k in range(4)}
    np.testing.assert_array_equal(graph_of(found, node_of(found, FULL_RANK)), reference.adjacency)
    strengths = found.diagnostics["signature_strength"]
    np.testing.assert_allclose(strengths, found.diagnostics["signature"], atol=0.3)


def test_the_order_of_the_environments_does_not_matter() -> None:
    reference = generate(5, latents=4, observed=9, samples=20_000, targets=TRIANGULAR)
    turned = replace(reference, x={name: reference.x[name] for name in ("c", "obs", "d", "a", "b")})
    first, second = (
        UmniCrl().solve(problem_of(one), GaussianScores(), 0, silent) for one in (reference, turned)
    )
    by_node = [
        {node: found.encoder.matrix[k] for k, node in enumerate(node_of(found, TRIANGULAR).values())}
        for found in (first, second)
    ]
    for node in range(4):
        np.testing.assert_allclose(by_node[0][node], by_node[1][node], atol=1e-4 * np.abs(first.mixing).max())
    assert {str(e) for e in first.diagnostics["signature"]["environment"].values} == set(TRIANGULAR)


def test_each_latent_is_shown_by_an_environment_of_its_own_that_targets_it() -> None:
    reference = generate(6, latents=4, observed=9, samples=20_000, targets=FULL_RANK)
    found = UmniCrl().solve(problem_of(reference), GaussianScores(), 0, silent)
    shown = dict(found.environment_of)
    assert sorted(shown) == sorted(found.latents) and len(set(shown.values())) == 4
    for latent, environment in shown.items():
        assert int(found.diagnostics["signature"].sel(latent=latent, environment=environment)) == 1


def test_too_few_samples_to_tell_the_targets_are_called_undecided() -> None:
    reference = generate(9, latents=4, observed=4, samples=60, targets=FULL_RANK, variance_factor=0.8)
    found = UmniCrl().solve(problem_of(reference), GaussianScores(), 0, silent)
    assert found.status.code == "undecided" and found.status.remedy
    assert found.status.message.startswith(
        "Another assignment of targets to environments explains the data about as well as the one found. "
        "Targets, latents and graph may be wrong."
    )


def test_refusals_say_why_and_what_to_do() -> None:
    double = replace(TOY, targets={"do_a": ("a",), "do_b": ("b",), "do_c": ("a",)})
    with pytest.raises(SettingMismatch, match=r"signature matrix has rank 2, and rank 3 is needed") as caught:
        UmniCrl().accepts(double)
    assert "add 1 environment" in caught.value.remedy
    with pytest.raises(SettingMismatch, match=r"2 interventional environments for 3 latents"):
        UmniCrl().accepts(replace(TOY, environments=TOY.environments[:2]))
    with pytest.raises(SettingMismatch, match=r"umni-crl cannot take this: UMNI-CRL inverts linear mixings"):
        UmniCrl().accepts(replace(TOY, mixing="general"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_quadratic_latents_are_told_apart_by_their_scores(kind: str) -> None:
    """Of three seeds, the signature on all, the graph (soft: its closure) with at most one wrong edge in each."""
    targets: Targets = {"a": (0, 1), "b": (1, 2), "c": (2, 3), "d": (3,)}
    for seed in (1, 2, 3):
        reference = generate(
            seed, latents=4, observed=9, samples=10_000, family="quadratic", targets=targets,
            variance_factor=0.25, kind=kind,
        )  # fmt: skip
        found = UmniCrl().solve(problem_of(reference, kind), RatioScores(), 0, silent)
        node = node_of(found, targets)
        truth = reference.adjacency if kind == "hard" else transitive_closure(reference.adjacency)
        assert int((graph_of(found, node) != truth).sum()) <= 1


def test_degenerate_orders_are_left_out_of_the_soft_likelihood() -> None:
    """Orders whose start is no encoder at all have no likelihood; the others are fitted as ever."""
    n, rng = 3, np.random.default_rng(0)
    moments = np.stack([np.eye(n + 1)] * (n + 1))
    moments[1:, 1:, 1:] += np.stack([np.diag(rng.uniform(0.5, 2, n)) for _ in range(n)])
    groups = np.broadcast_to(_own_and_others(n), (2, n, 2, n + 1))
    starts = np.stack([np.eye(n), np.ones((n, n))])
    sound, degenerate = fit_soft(groups, starts, moments, np.full(n + 1, 1e4))
    assert degenerate.loss == FAR and sound.loss < 10


def test_without_refinement_the_result_says_that_its_p_values_are_not_calibrated() -> None:
    reference = generate(4, latents=4, observed=9, samples=20_000, targets=FULL_RANK)
    found = UmniCrl(refine="none").solve(problem_of(reference), GaussianScores(), 0, silent)
    assert [stage.name for stage in found.stages] == ["signature"]
    assert "not calibrated" in found.status.message
    assert sorted(node_of(found, FULL_RANK).values()) == [0, 1, 2, 3]


QUADRATIC = ["latents=3", "samples=1500", "scores.kind=exact"]
TOLD = ["interventions.signature=random", "interventions.targets={e1: [z1], e2: [z2, z1], e3: [z3, z2]}"]


def test_exact_scores_that_nobody_knows_are_refused_with_a_remedy_that_works() -> None:
    """Concealed targets of latents that are not Gaussian are found by scores of marginals."""
    spec = crlspec.load("linear/umni-quadratic-hard-5", sets=QUADRATIC)
    model = crlspec.compile(spec, seed=0)
    with pytest.raises(SettingMismatch, match=r"exact scores with concealed targets .* Or tell the targets"):
        crlspec.solve(spec, model.sample(seed=0), model=model)


def test_exact_scores_serve_known_targets_of_latents_that_are_not_gaussian(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No scores are trained, and order, signature and latents are exact."""
    monkeypatch.setattr(RatioScores, "estimate", lambda *_: pytest.fail("ratio scores were trained"))
    spec = crlspec.load("linear/umni-quadratic-hard-5", sets=QUADRATIC + TOLD)
    model = crlspec.compile(spec, seed=0)
    found = crlspec.solve(spec, model.sample(seed=0), model=model)
    assert found.status.ok
    strength = found.diagnostics["signature_strength"].sel(
        environment=["e1", "e2", "e3"], latent=["z1", "z2", "z3"]
    )
    np.testing.assert_allclose(strength, [[1, 0, 0], [1, 1, 0], [0, 1, 1]], atol=1e-6)
    assert found.metrics(model, samples=2000)["mcc"] > 0.99


def test_a_latent_that_changes_in_two_ways_is_told_and_one_that_changes_alike_is_not() -> None:
    """A soft intervention that differs between environments is beyond the theorem, and its remedy leads to ok."""
    statuses = {}
    for alike in (False, True):
        rng = np.random.default_rng(3)
        weights = np.array([[0, 0, 0], [1.2, 0, 0], [0, -1.1, 0]])
        x, mixing = {}, rng.normal(size=(6, 3))
        for name, hit in {"obs": (), "e": (0, 1), "f": (1, 2), "g": (2,)}.items():
            b, s = weights.copy(), np.ones(3)
            for i in hit:
                b[i] *= -0.5 if alike or name != "f" else 0.1
                s[i] = 0.5 if alike or name != "f" else 2.0
            noise = rng.normal(size=(10_000, 3)) * s
            x[name] = noise @ np.linalg.inv(np.eye(3) - b).T @ mixing.T
        setting = Setting("linear", "multi-node", "soft", ("u0", "u1", "u2"), "obs", ("e", "f", "g"))
        found = UmniCrl().solve(
            Problem(setting, tuple(f"x{k}" for k in range(6)), x), GaussianScores(), 0, silent
        )
        statuses[alike] = found.status, next(c for c in found.checks if c.name == "one-mechanism")
    assert statuses[True][0].ok
    assert statuses[True][1].message == (
        "Every latent changes in the same way in all environments that target it."
    )
    told = statuses[False][1]
    assert told.consequence == "undecided" and not statuses[False][0].ok
    assert told.message.startswith(
        f"Latent '{told.latents[0]}' does not change in the same way in environments "
    )
    assert told.message.endswith(
        "The theorem asks for one new mechanism of each latent. Targets, latents and graph may be wrong."
    )
    assert told.remedy == (
        "Make the same change wherever a latent is targeted, or give each latent an environment of its own "
        "(design: single-node)."
    )
