"""``intervene`` beside what else works on programs: scopes, counters, pictures, pickles and Predictive."""

from __future__ import annotations

import importlib.util
import pickle
import warnings

import cloudpickle
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.contrib.autoname import name_count, scope
from pyro.infer import Predictive
from pyro.infer.inspect import generate_graph_specification, get_model_relations, render_model
from pyro.poutine.util import site_is_subsample

from crlspec.errors import CrlspecError, DensityWarning
from crlspec.generative.drawing import drawing_from
from crlspec.handlers import intervene, scale, shift

pytestmark = pytest.mark.usefixtures("own_rng")


def plant(n=4):
    with pyro.plate("plants", n):
        light = pyro.sample("light", dist.Normal(0.0, 1.0))
        dose = pyro.sample("dose", dist.Normal(0.5 * light, 1.0))
        x = pyro.deterministic("x", light + dose, event_dim=0)
        return pyro.sample("growth", dist.Normal(x, 1.0))


def against_light(now, values):
    return dist.Normal(-values["light"], 0.5)


def wider(now):
    return dist.Laplace(now.mean, 2.0)


REPLACEMENTS = {
    "constant": 1.5,
    "delta": dist.Delta(torch.tensor(1.5)),
    "hard": dist.Normal(0.0, 2.0),
    "shift": shift(2.0),
    "scale": scale(0.5),
    "function": wider,
    "rewired": against_light,
}


@pytest.fixture(params=REPLACEMENTS)
def changed(request):
    return intervene(plant, {"dose": REPLACEMENTS[request.param]})


def values_of(program, *args, seed=0):
    with drawing_from(torch.Generator().manual_seed(seed)):
        nodes = poutine.trace(program).get_trace(*args).nodes
    return {name: node["value"] for name, node in nodes.items() if is_site(node)}


def is_site(node):
    return node["type"] == "sample" and not site_is_subsample(node)


def equal(first, second):
    assert set(first) == set(second)
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=0, atol=0)


def test_in_a_scope_sites_have_the_names_that_the_program_gives_them(changed):
    inside = values_of(changed)
    scoped = values_of(scope(changed, prefix="plant"))
    equal({f"plant/{name}": value for name, value in inside.items()}, scoped)


def test_around_a_scope_sites_have_the_names_that_the_scope_gives_them():
    around = intervene(scope(plant, prefix="a"), {"a/dose": 1.5})
    assert values_of(around)["a/dose"].eq(1.5).all()
    with pytest.raises(CrlspecError, match="the program has no site 'dose'; it has a/light, a/dose"):
        intervene(scope(plant, prefix="a"), {"dose": 1.5})()


def test_two_scopes_are_two_programs_each_with_its_own_intervention():
    def both():
        scope(intervene(plant, {"dose": 1.0}), prefix="a")(2)
        scope(prefix="b")(scope(intervene(plant, {"dose": shift(1.0)}), prefix="c"))(3)

    found = values_of(both)
    assert found["a/dose"].eq(1.0).all()
    assert found["b/c/dose"].shape == (3,)


def test_an_unknown_site_in_a_scope_is_told_by_the_names_within():
    with pytest.raises(CrlspecError) as told:
        scope(intervene(plant, {"dos": 1.5}), prefix="plant")()
    assert str(told.value).startswith("the program has no site 'dos'; it has light, dose, x, growth.")


@pytest.mark.parametrize("inside", [True, False])
def test_do_in_a_scope_decides_what_the_program_reads(inside):
    if inside:
        program = intervene(pyro.do(plant, {"light": torch.ones(4)}), {"dose": lambda now, v: v["light"] * 2})
    else:
        program = pyro.do(intervene(plant, {"dose": lambda now, v: v["light"] * 2}), {"light": torch.ones(4)})
    assert values_of(scope(program, prefix="p"))["p/dose"].eq(2.0).all()


def test_names_that_are_counted_are_names_as_well():
    def twice():
        pyro.sample("dose", dist.Normal(0.0, 1.0))
        return pyro.sample("dose", dist.Normal(0.0, 1.0))

    found = values_of(name_count(intervene(twice, {"dose": 1.5})))
    assert {name: float(value) for name, value in found.items()} == {"dose": 1.5, "dose__1": 1.5}


def test_relations_are_those_of_the_intervened_program(changed, request):
    plain, found = get_model_relations(plant, (5,)), get_model_relations(changed, (5,))
    hard = {"constant", "delta", "hard"}
    cut = request.node.callspec.params["changed"] in hard
    assert found["sample_sample"]["dose"] == ([] if cut else ["light"])
    assert found["plate_sample"] == plain["plate_sample"]
    assert {k: v for k, v in found["sample_sample"].items() if k == "light"} == {"light": []}


def test_a_fixed_site_is_drawn_as_a_deterministic_one():
    for replaced in ("constant", "delta"):
        found = get_model_relations(intervene(plant, {"dose": REPLACEMENTS[replaced]}), (5,))
        assert found["sample_dist"]["dose"] == "Deterministic"
        assert found["sample_sample"] == {"light": [], "dose": [], "x": ["light"], "growth": ["light"]}
    last = get_model_relations(intervene(plant, {"growth": 0.0}), (5,))
    assert last["sample_sample"]["growth"] == []


def test_it_is_drawn(changed):
    drawn = generate_graph_specification(get_model_relations(changed, (5,)), render_params=True)
    assert set(drawn["plate_groups"]["plants"]) == {"light", "dose", "x", "growth"}
    if importlib.util.find_spec("graphviz"):
        assert "dose" in str(render_model(changed, (5,), render_distributions=True))


@pytest.mark.parametrize("tool", [pickle, cloudpickle])
def test_it_comes_back_from_a_pickle(changed, tool):
    values_of(changed)
    equal(values_of(tool.loads(tool.dumps(changed))), values_of(changed))


def test_a_function_without_a_name_needs_cloudpickle():
    changed = intervene(plant, {"dose": lambda now: dist.Normal(now.mean, 3.0)})
    equal(values_of(pickle.loads(cloudpickle.dumps(changed))), values_of(changed))


def test_a_computed_site_held_at_old_values_warns():
    old = values_of(plant)
    told = (
        "the site 'x' is computed, and held at other values than the intervention gives. Remedy: leave it out"
    )
    with pytest.warns(DensityWarning, match=told):
        found = Predictive(intervene(plant, {"light": 3.0}), {"x": old["x"][None]}, return_sites=["x"])()
    assert found["x"].eq(old["x"]).all()


def test_left_out_it_is_computed_anew():
    old = values_of(plant)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DensityWarning)
        found = Predictive(
            intervene(plant, {"light": 3.0}), {"dose": old["dose"][None]}, return_sites=["x"]
        )()
    torch.testing.assert_close(found["x"], 3.0 + old["dose"][None])


def test_held_at_the_values_that_it_has_it_does_not_warn():
    old = values_of(plant)
    held = {name: old[name][None] for name in ("light", "dose", "x")}
    with warnings.catch_warnings():
        warnings.simplefilter("error", DensityWarning)
        Predictive(intervene(plant, {"growth": shift(1.0)}), held)()
        Predictive(intervene(plant, {"x": shift(1.0)}), {"light": held["light"]}, return_sites=["x"])()
