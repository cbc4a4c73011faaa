"""Priors in place of numbers: read, written, drawn, told by check, refused where they make no sense."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import crlspec
from crlspec.errors import SpecError
from crlspec.registry import Registry
from crlspec.spec.json_schema import json_schema
from crlspec.spec.prior import POSITIVE, Prior
from crlspec.spec.resolve import resolve
from crlspec.spec.vocabulary import DISTRIBUTIONS

SPEC = """
latents: 3
scm:
  graph: [z1 -> z2 -> z3, z1 -> z3]
  mechanism: {kind: linear, weight: "Normal(0, 1)"}
  noise: {kind: normal, variance: "LogNormal(0, .5)", mean: 0.5}
mixing: {kind: linear, observed: 5}
environments:
  obs: {}
  cut: {z2: {kind: hard, noise: {kind: normal, variance: "Gamma(2, 1)"}}}
  soft: {z3: {kind: soft, mechanism: {kind: linear, weight: {z1: 1, z2: "Normal(0, 2)"}}}}
  moved: {z2: shift(2)}
"""

EXPECTED = {
    "Normal(1, 2)": stats.norm(1, 2),
    "Laplace(1, 2)": stats.laplace(1, 2),
    "StudentT(5, 1, 2)": stats.t(5, 1, 2),
    "Cauchy(1, 2)": stats.cauchy(1, 2),
    "Gumbel(1, 2)": stats.gumbel_r(1, 2),
    "Logistic(1, 2)": stats.logistic(1, 2),
    "LogNormal(0.5, 0.7)": stats.lognorm(0.7, scale=np.exp(0.5)),
    "Uniform(1, 3)": stats.uniform(1, 2),
    "Exponential(4)": stats.expon(scale=0.25),
    "Gamma(2, 4)": stats.gamma(2, scale=0.25),
    "Beta(2, 3)": stats.beta(2, 3),
    "HalfNormal(2)": stats.halfnorm(scale=2),
    "HalfCauchy(2)": stats.halfcauchy(scale=2),
    "Chi2(3)": stats.chi2(3),
}


def test_every_distribution_of_the_language_can_be_a_prior():
    assert {text.partition("(")[0] for text in EXPECTED} == set(DISTRIBUTIONS)


@pytest.mark.parametrize("text", EXPECTED)
def test_draws_follow_the_distribution(text):
    rng = np.random.default_rng(0)
    draws = [Prior.parse(text).draw(rng) for _ in range(2000)]
    assert stats.kstest(draws, EXPECTED[text].cdf).pvalue > 1e-3
    assert (min(draws) > 0) or text.partition("(")[0] not in POSITIVE


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_equal_priors_are_equal_however_they_are_written(loc, scale):
    prior = Prior.parse(f"Normal({loc!r}, {scale!r})")
    assert Prior.parse(f" Normal( scale = {scale!r},loc={loc!r} ) ") == prior
    assert Prior.parse(str(prior)) == prior
    assert prior.arguments == {"loc": loc, "scale": scale}


def test_a_spec_with_priors_is_written_and_read():
    spec = crlspec.loads(SPEC)
    assert crlspec.loads(crlspec.dump(spec)) == spec
    assert spec.scm.mechanism.weight == Prior.parse("Normal(0, 1)")
    assert "variance: 'LogNormal(0, 0.5)'" in crlspec.dump(spec)


def test_resolving_draws_a_number_for_every_edge():
    spec = crlspec.loads(SPEC)
    resolved = resolve(spec, 3)
    assert resolve(resolved, 4) == resolved == crlspec.loads(crlspec.dump(resolved))
    weights = [w for m in resolved.scm.mechanism.values() for w in m.weight.values()]
    assert len(set(weights)) == 3
    assert resolve(spec, 4) != resolved
    moved, base = resolved.environments["moved"]["z2"].noise, resolved.scm.noise["z2"]
    assert (moved.mean, moved.variance) == (2.5, base.variance)
    assert resolved.environments["soft"]["z3"].mechanism.weight["z1"] == 1.0


def test_priors_leave_the_other_draws_alone():
    """The weight of one latent becomes a prior: graph, mixing and the rest are those without it."""
    plain = crlspec.loads("latents: 4\nscm: {graph: {kind: random}, mechanism: {kind: linear}, noise: {kind: normal, "
                          "variance: [0.5, 2]}}\nmixing: {kind: glm, observed: 5}")  # fmt: skip
    prior = crlspec.loads(crlspec.dump(plain), sets=['scm.mechanism.weight="Normal(0, 1)"'])
    one, other = resolve(plain, 5), resolve(prior, 5)
    assert (one.scm.graph, one.scm.noise, one.mixing) == (other.scm.graph, other.scm.noise, other.mixing)


def test_check_says_what_a_prior_means():
    (note,) = [issue for issue in crlspec.check(crlspec.loads(SPEC)) if "prior" in issue.message]
    assert note.severity == "note"
    assert (note.line, note.field) == (5, "scm.mechanism.weight")
    assert (
        note.message
        == "mechanism.weight has a prior (as have 3 more): a compiled model has one draw from it."
    )
    assert "crlspec.bayesian(spec)" in note.remedy


def test_the_json_schema_takes_them():
    weight = json_schema(Registry.installed())["$defs"]["LinearMechanism"]["properties"]["weight"]["anyOf"]
    assert [entry["type"] for entry in weight] == ["number", "array", "string", "object"]
    assert [entry["type"] for entry in weight[3]["additionalProperties"]["anyOf"]] == ["number", "string"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"Normal(0, 1)"', '"Normal(0, z1)"', "5:48: scm.mechanism.weight: unknown name 'z1'."),
        ('"Normal(0, 1)"', '"Nrmal(0, 1)"', "5:38: scm.mechanism.weight: unknown distribution 'Nrmal'."),
        (
            '"Normal(0, 1)"',
            '"Uniform(2, 1)"',
            "5:46: scm.mechanism.weight: low of Uniform must be below high.",
        ),
        (
            '"Normal(0, 1)"',
            "Normal(0, 1)",
            "5:43: scm.mechanism.weight: the equation cannot be read: '(' was never",
        ),
        (
            '"LogNormal(0, .5)"',
            '"Normal(0, 1)"',
            "6:36: scm.noise.variance: Normal(0, 1) has numbers that are not above 0.",
        ),
        (
            '"Normal(0, 2)"',
            "true",
            "11:73: environments.soft.z3.mechanism.weight.z2: got true; a number is needed.",
        ),
    ],
)
def test_what_is_refused(old, new, said):
    with pytest.raises(SpecError) as caught:
        crlspec.loads(SPEC.replace(old, new))
    assert f"text:{said}" in str(caught.value)
    assert all(issue.remedy for issue in caught.value.issues)
