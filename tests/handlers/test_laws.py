"""The laws of ``intervene``, on Pyro programs that crlspec did not make."""

from __future__ import annotations

from typing import Any, NamedTuple

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine

from crlspec.handlers import intervene, scale, shift
from tests.handlers import programs

pytestmark = pytest.mark.usefixtures("own_rng")


class Case(NamedTuple):
    """A program, a site that has parents or none, a hard distribution for it, a second site, one for that."""

    program: Any
    site: str
    hard: Any
    other: str
    other_hard: Any


CASES = {
    "eight schools": Case(
        programs.eight_schools, "theta", dist.Normal(3, 2).expand([8]).to_event(1), "mu", dist.Cauchy(0, 1)
    ),
    "regression": Case(programs.regression, "weight", dist.Laplace(1, 2), "slope", dist.StudentT(4, 0, 1)),
    "hidden Markov": Case(
        programs.hidden_markov, "state_2", dist.Categorical(torch.tensor([0.9, 0.1])), "stay", dist.Beta(1, 1)
    ),
    "mixture": Case(programs.mixture, "which", dist.Bernoulli(0.9), "centre", dist.Laplace(0, 1)),
    "correlated": Case(
        programs.correlated,
        "cause",
        dist.MultivariateNormal(torch.ones(3), torch.eye(3)),
        "sum",
        dist.Normal(0, 5),
    ),
    "subsampled": Case(programs.subsampled, "wait", dist.LogNormal(0, 1), "seen", dist.Laplace(0, 1)),
}

SHIFTED = [
    (programs.eight_schools, "theta"), (programs.eight_schools, "tau"), (programs.regression, "sigma"),
    (programs.mixture, "centre"), (programs.correlated, "cause"),
    (programs.subsampled, "wait"),
]  # fmt: skip
SCALED = [
    (programs.eight_schools, "theta"), (programs.regression, "weight"), (programs.mixture, "centre"),
    (programs.correlated, "cause"), (programs.subsampled, "seen"),
]  # fmt: skip


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def run(program, values=None, seed=0):
    """The trace of a program with the given values at its sites, log densities computed."""
    torch.manual_seed(seed)
    if values:
        program = pyro.condition(program, data=values)
    trace = poutine.trace(program).get_trace()
    trace.compute_log_prob()
    return trace


def values_of(program):
    """Values for all latent sites, drawn from the program, plates and data left out."""
    nodes = run(program).nodes.items()
    return {
        name: node["value"]
        for name, node in nodes
        if node["type"] == "sample" and not poutine.util.site_is_subsample(node) and not node["is_observed"]
    }


def density(program, values):
    """log p at the given values, all sites together."""
    return run(program, values).log_prob_sum()


def test_an_empty_intervention_changes_nothing(case):
    plain, empty = run(case.program), run(intervene(case.program, {}))
    assert list(plain.nodes) == list(empty.nodes)
    for name, node in plain.nodes.items():
        if node["type"] == "sample":
            assert torch.equal(torch.as_tensor(node["value"]), torch.as_tensor(empty.nodes[name]["value"]))
    torch.testing.assert_close(empty.log_prob_sum(), plain.log_prob_sum())


def test_the_density_is_the_interventional_one(case):
    """log p'(v) = log p(v) − log p(v_a | earlier) + log D(v_a), times the scale of subsampled plates."""
    values = values_of(intervene(case.program, {case.site: case.hard}))
    before = run(case.program, values)
    after = density(intervene(case.program, {case.site: case.hard}), values)
    node = before.nodes[case.site]
    new = case.hard.log_prob(node["value"]) * node["scale"]
    expected = before.log_prob_sum() - node["log_prob_sum"] + new.expand(node["log_prob"].shape).sum()
    torch.testing.assert_close(after, expected)


def test_the_site_is_sampled_from_its_new_distribution():
    """Not a value set afterwards: draws follow the new distribution, and what follows reads them."""
    cut = intervene(programs.regression, {"slope": dist.Normal(4, 0.1), "sigma": 0.01})
    drawn = torch.stack([run(cut, seed=k).nodes["slope"]["value"] for k in range(200)])
    assert float(drawn.mean()) == pytest.approx(4, abs=0.03)
    assert float(drawn.std()) == pytest.approx(0.1, abs=0.02)
    trace = run(cut)
    people = trace.nodes["weight"]["value"]
    assert float((people[-1] - people[0]) / 2) == pytest.approx(
        float(trace.nodes["slope"]["value"]), abs=0.05
    )
    assert "slope__CF" not in trace.nodes


def test_a_hard_intervention_cuts_the_parents(case):
    """The log density of the site has no gradient in the sites before it."""
    values = values_of(intervene(case.program, {case.site: case.hard}))
    real = {n: v.requires_grad_() for n, v in values.items() if v.is_floating_point() and n != case.site}
    trace = run(intervene(case.program, {case.site: case.hard}), values)
    assert not trace.nodes[case.site]["log_prob_sum"].requires_grad
    if case.site not in ("which", "state_2"):
        assert run(case.program, values).nodes[case.site]["log_prob_sum"].requires_grad or not real


def test_disjoint_sites_commute(case):
    first, second = {case.site: case.hard}, {case.other: case.other_hard}
    both = intervene(case.program, first | second)
    values = values_of(both)
    expected = density(both, values)
    for one, two in ((first, second), (second, first)):
        torch.testing.assert_close(density(intervene(intervene(case.program, one), two), values), expected)


def test_on_one_site_the_outer_handler_overrides(case):
    inner, outer = {case.site: case.hard}, {case.site: case.hard.mask(True)}
    alone = intervene(case.program, outer)
    values = values_of(alone)
    nested = run(intervene(intervene(case.program, inner), outer), values)
    torch.testing.assert_close(nested.log_prob_sum(), density(alone, values))
    assert isinstance(nested.nodes[case.site]["fn"], dist.MaskedDistribution)


@pytest.mark.parametrize(("program", "site"), SHIFTED)
def test_nested_functions_are_composed(program, site):
    """Inside first: shift, then scale by hand, is not scale by hand, then shift."""

    def twice(now):
        return dist.TransformedDistribution(now, dist.transforms.AffineTransform(0.0, 2.0))

    nested = intervene(intervene(program, {site: shift(0.5)}), {site: twice})
    once = intervene(program, {site: lambda now: twice(shift(0.5)(now))})
    values = values_of(nested)
    torch.testing.assert_close(density(nested, values), density(once, values))
    other = density(intervene(intervene(program, {site: twice}), {site: shift(0.5)}), values)
    assert not torch.allclose(other, density(once, values))


@pytest.mark.parametrize(("program", "site"), SHIFTED)
def test_shifts_add_up(program, site):
    nested = intervene(intervene(program, {site: shift(1.0)}), {site: shift(0.5)})
    once = intervene(program, {site: shift(1.5)})
    values = values_of(once)
    torch.testing.assert_close(density(nested, values), density(once, values))
    torch.testing.assert_close(run(nested).nodes[site]["value"], run(once).nodes[site]["value"])
    back = intervene(once, {site: shift(-1.5)})
    plain = values_of(program)
    torch.testing.assert_close(density(back, plain), density(program, plain))


@pytest.mark.parametrize(("program", "site"), SHIFTED)
def test_shifted_values_are_the_old_ones_plus_the_shift(program, site):
    before, after = run(program).nodes[site], run(intervene(program, {site: shift(1.5)})).nodes[site]
    torch.testing.assert_close(after["value"], before["value"] + 1.5)
    torch.testing.assert_close(after["log_prob"], before["log_prob"])
    assert bool(after["fn"].support.check(after["value"]).all())


@pytest.mark.parametrize(("program", "site"), SCALED)
def test_scales_multiply_and_keep_the_location(program, site):
    nested = intervene(intervene(program, {site: scale(4.0)}), {site: scale(0.5)})
    once = intervene(program, {site: scale(2.0)})
    values = values_of(once)
    torch.testing.assert_close(density(nested, values), density(once, values))
    before, after = run(program).nodes[site], run(once).nodes[site]
    torch.testing.assert_close(after["fn"].mean, before["fn"].mean)
    torch.testing.assert_close(after["fn"].variance, 4 * before["fn"].variance)
    torch.testing.assert_close(after["value"] - after["fn"].mean, 2 * (before["value"] - before["fn"].mean))


@pytest.mark.parametrize(("program", "site"), SCALED)
def test_scale_and_shift_commute(program, site):
    one = intervene(intervene(program, {site: scale(3.0)}), {site: shift(-1.0)})
    two = intervene(intervene(program, {site: shift(-1.0)}), {site: scale(3.0)})
    values = values_of(one)
    torch.testing.assert_close(density(one, values), density(two, values))


def test_scale_of_a_normal_is_a_normal_of_another_scale():
    values = values_of(programs.regression)
    wide = intervene(programs.regression, {"slope": scale(3.0)})
    plain = intervene(programs.regression, {"slope": dist.Normal(0, 3)})
    torch.testing.assert_close(density(wide, values), density(plain, values))


def test_a_constant_is_do_without_a_shadow(case):
    fixed = case.hard.sample()
    trace = run(intervene(case.program, {case.site: fixed}))
    node = trace.nodes[case.site]
    assert bool((node["value"] == fixed).all())
    assert float(node["log_prob_sum"]) == 0
    others = sum(
        n["log_prob_sum"] for name, n in trace.nodes.items() if "log_prob_sum" in n and name != case.site
    )
    torch.testing.assert_close(trace.log_prob_sum(), torch.as_tensor(others))
    latent = [
        name for name in trace.stochastic_nodes if not poutine.util.site_is_subsample(trace.nodes[name])
    ]
    assert case.site not in latent


def test_constants_are_changed_like_anything_else():
    program = programs.regression
    moved = run(intervene(intervene(program, {"slope": 2}), {"slope": shift(0.5)}))
    assert float(moved.nodes["slope"]["value"]) == 2.5
    assert (
        float(run(intervene(intervene(program, {"slope": 2}), {"slope": scale(7.0)})).nodes["slope"]["value"])
        == 2
    )
    freed = run(intervene(intervene(program, {"slope": 2}), {"slope": dist.Normal(0, 1)})).nodes["slope"]
    assert not freed["is_observed"] and float(freed["value"]) != 2
    again = run(intervene(intervene(program, {"slope": dist.Normal(0, 1)}), {"slope": 3})).nodes["slope"]
    assert again["is_observed"] and float(again["value"]) == 3


def test_observed_sites_keep_their_data(case):
    """Conditioning and intervening commute; the data count under the new distribution."""
    data = {
        case.site: case.hard.sample(run(case.program).nodes[case.site]["fn"].batch_shape[: 1 - 0 or None])
    }
    shape = run(case.program).nodes[case.site]["value"].shape
    data = {case.site: case.hard.expand(shape[: len(shape) - case.hard.event_dim]).sample()}
    values = {k: v for k, v in values_of(case.program).items() if k != case.site}
    one = run(pyro.condition(intervene(case.program, {case.site: case.hard}), data), values)
    two = run(intervene(pyro.condition(case.program, data), {case.site: case.hard}), values)
    torch.testing.assert_close(one.log_prob_sum(), two.log_prob_sum())
    for trace in (one, two):
        assert trace.nodes[case.site]["is_observed"]
        assert torch.equal(trace.nodes[case.site]["value"], data[case.site])


def test_data_of_the_program_itself_count_under_the_new_distribution():
    new = dist.Normal(0, 10).expand([8]).to_event(1)
    node = run(intervene(programs.eight_schools, {"effect": new})).nodes["effect"]
    assert node["is_observed"] and torch.equal(node["value"], programs.EFFECTS)
    torch.testing.assert_close(node["log_prob"], new.log_prob(programs.EFFECTS))


def test_a_function_may_read_earlier_sites():
    def rewired(now, values):
        return dist.Normal(values["intercept"] - values["slope"], now.scale)

    trace = run(intervene(programs.regression, {"sigma": 0.5, "weight": rewired}))
    expected = dist.Normal(trace.nodes["intercept"]["value"] - trace.nodes["slope"]["value"], 0.5)
    node = trace.nodes["weight"]
    torch.testing.assert_close(node["log_prob"], expected.log_prob(node["value"]))


def test_a_deterministic_site_may_be_replaced():
    noisy = intervene(programs.regression, {"line": lambda now: dist.Normal(now.v, 0.1)})
    trace = run(noisy)
    line, weight = trace.nodes["line"], trace.nodes["weight"]
    assert not line["is_observed"] and line["value"].shape == (10,) and line["log_prob"].shape == (10,)
    torch.testing.assert_close(weight["fn"].mean, line["value"])
    moved = run(intervene(programs.regression, {"line": shift(3.0)}))
    plain = run(programs.regression)
    torch.testing.assert_close(moved.nodes["line"]["value"], plain.nodes["line"]["value"] + 3)
    torch.testing.assert_close(moved.log_prob_sum(), plain.log_prob_sum())


@pytest.mark.parametrize("inside", [True, False])
def test_do_decides_what_the_program_reads(inside):
    """The draw that ``pyro.do`` leaves behind has the new distribution; functions read the value of do."""
    data, change = {"slope": torch.tensor(2.0)}, {"slope": dist.Normal(50, 0.1), "weight": _at_slope}
    if inside:
        program = intervene(pyro.do(programs.regression, data), change)
    else:
        program = pyro.do(intervene(programs.regression, change), data)
    trace = run(program)
    assert float(trace.nodes["slope"]["value"]) == pytest.approx(50, abs=1)
    torch.testing.assert_close(
        trace.nodes["line"]["value"], trace.nodes["intercept"]["value"] + 2 * programs.AGES
    )
    torch.testing.assert_close(trace.nodes["weight"]["value"], torch.full((10,), 2.0), rtol=0, atol=0.1)


def _at_slope(now, values):
    return dist.Normal(values["slope"], 0.01)


def test_a_function_is_applied_once_where_do_splits_the_site():
    program = pyro.do(
        intervene(programs.regression, {"slope": lambda now: shift(100.0)(now)}), {"slope": 0.0}
    )
    assert float(run(program).nodes["slope"]["fn"].mean) == 100


def test_several_ways_to_write_it():
    expected = run(intervene(programs.regression, {"slope": 3})).nodes["weight"]["value"]
    with intervene(replacements={"slope": 3}):
        trace = run(programs.regression)
    torch.testing.assert_close(trace.nodes["weight"]["value"], expected)
    decorated = intervene(replacements={"slope": 3})(programs.regression)
    for _ in range(2):
        torch.testing.assert_close(run(decorated).nodes["weight"]["value"], expected)
