"""Interventions replace mechanisms: what each kind does to density, score and samples."""

from pathlib import Path

import numpy as np
import pytest
import torch

import crlspec
from crlspec.errors import CrlspecError
from crlspec.generative.equation import LOCATION_SCALE
from crlspec.generative.intervention import Constant, Scaled, Shifted, scaled
from crlspec.generative.model import Model
from crlspec.spec.expression import SCALABLE

DESIGNED = """
crlspec: 1
latents: 5
scm:
  graph: [z1 -> z2, z2 -> z3, z1 -> z4, z3 -> z4]
  mechanism: {kind: MECHANISM}
  noise: {kind: normal, variance: [0.5, 1.5]}
mixing: {kind: linear, observed: 8}
interventions: {design: single-node, kind: KIND, noise: {variance: {times: 0.25}}EXTRA}
"""

EXPLICIT = """
crlspec: 1
latents:
  light:  Normal(0, 1)
  dose:   Normal(0.8*light, 0.5)
  growth: Normal(tanh(light) - 1.2*dose, 1)
environments:
  control: {}
  hard: {dose: "Normal(0, 2)"}
  soft: {growth: "Normal(0.3*tanh(light) - 1.2*dose, 1)"}
  both: {light: shift(2), dose: scale(0.25)}
  fixed: {dose: do(1.5)}
  mixed: {dose: "Normal(0, 2)", growth: "Normal(dose, 1)"}
mixing: {kind: linear, observed: 4}
samples: 500
"""


def designed(mechanism: str, kind: str, extra: str = "") -> Model:
    text = DESIGNED.replace("MECHANISM", mechanism).replace("KIND", kind).replace("EXTRA", extra)
    return crlspec.compile(crlspec.loads(text), seed=4)


@pytest.fixture(scope="module")
def explicit() -> Model:
    return crlspec.compile(crlspec.loads(EXPLICIT))


@pytest.mark.parametrize("mechanism", ["linear", "quadratic", "mlp", "sine", "location-scale"])
@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_score_differences_live_on_targets_and_their_parents(mechanism, kind):
    model = designed(mechanism, kind, ", mechanism: {times: 0.5}" if kind == "soft" else "")
    z = model.scm.sample(50, seed=0)
    for environment in model.environments.values():
        difference = model.score(z) - model.score(z, environment.name)
        touched = set(environment.targets)
        for target in environment.targets:
            touched |= set(model.graph.predecessors(target))
        for column, latent in enumerate(model.latents):
            changed = bool((difference[:, column].abs() > 1e-9).any())
            assert changed == (latent in touched), (environment.name, latent)


def test_hard_interventions_cut_the_parents():
    model = designed("linear", "hard")
    environment = model.environments["do_z4"]
    assert (environment.kind, environment.targets) == ("hard", ("z4",))
    assert environment.scm.mechanisms["z4"].parents == ()
    z = environment.sample(20_000, seed=0).numpy()
    assert abs(np.corrcoef(z.T)[3, [0, 1, 2]]).max() < 0.03
    ratio = z[:, 3].var() / float(model.scm.mechanisms["z4"].noise.deviation) ** 2
    assert ratio == pytest.approx(0.25, rel=0.05)


def test_soft_interventions_keep_the_parents():
    model = designed("linear", "soft", ", mechanism: {times: 0.5}")
    before, after = model.scm.mechanisms["z4"], model.environments["soft_z4"].scm.mechanisms["z4"]
    assert after.parents == before.parents
    torch.testing.assert_close(after.function.weight, 0.5 * before.function.weight)
    torch.testing.assert_close(after.noise.deviation, 0.5 * before.noise.deviation)


def test_untouched_mechanisms_are_the_same_objects():
    model = designed("linear", "hard")
    changed = model.environments["do_z2"].scm.mechanisms
    assert all((changed[name] is model.scm.mechanisms[name]) == (name != "z2") for name in model.latents)


@pytest.mark.parametrize(
    ("environment", "dose", "growth"),
    [
        ("control", lambda z: (0.8 * z[:, 0], 0.5), lambda z: (np.tanh(z[:, 0]) - 1.2 * z[:, 1], 1.0)),
        ("hard", lambda z: (0 * z[:, 0], 2.0), lambda z: (np.tanh(z[:, 0]) - 1.2 * z[:, 1], 1.0)),
        ("soft", lambda z: (0.8 * z[:, 0], 0.5), lambda z: (0.3 * np.tanh(z[:, 0]) - 1.2 * z[:, 1], 1.0)),
        ("mixed", lambda z: (0 * z[:, 0], 2.0), lambda z: (z[:, 1], 1.0)),
    ],
)
def test_explicit_environments_have_the_density_written_down(explicit, environment, dose, growth):
    z = np.random.default_rng(0).standard_normal((40, 3))
    parts = [(0.0, 1.0), dose(z), growth(z)]
    expected = sum(
        -0.5 * ((z[:, i] - mean) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)
        for i, (mean, scale) in enumerate(parts)
    )
    np.testing.assert_allclose(explicit.log_density(torch.tensor(z), environment).numpy(), expected)


def test_kinds_of_explicit_environments(explicit):
    kinds = {name: environment.kind for name, environment in explicit.environments.items()}
    assert kinds["control"] == "none"
    assert kinds["fixed"] == "hard"
    assert kinds["soft"] == "soft"
    assert kinds["mixed"] == "mixed"
    assert explicit.environments["both"].targets == ("light", "dose")


def test_shift_adds_to_the_value_and_scale_keeps_the_location(explicit):
    z = torch.tensor(np.random.default_rng(1).standard_normal((30, 3)))
    light, dose = z[:, 0], z[:, 1]
    normal = torch.distributions.Normal
    expected = (
        normal(2.0, 1.0).log_prob(light)
        + normal(0.8 * light, 0.125).log_prob(dose)
        + normal(torch.tanh(light) - 1.2 * dose, 1.0).log_prob(z[:, 2])
    )
    torch.testing.assert_close(explicit.log_density(z, "both"), expected)


def test_do_leaves_the_density_of_the_others(explicit):
    z = explicit.environments["fixed"].sample(200, seed=0)
    assert bool((z[:, 1] == 1.5).all())
    normal = torch.distributions.Normal
    expected = normal(0.0, 1.0).log_prob(z[:, 0])
    expected = expected + normal(torch.tanh(z[:, 0]) - 1.8, 1.0).log_prob(z[:, 2])
    torch.testing.assert_close(explicit.log_density(z, "fixed"), expected.double())
    score = explicit.score(z, "fixed")
    assert bool((score[:, 1] == 0).all())
    torch.testing.assert_close(score[:, 2], -(z[:, 2] - torch.tanh(z[:, 0]) + 1.8))


@pytest.mark.parametrize("latent", ["light", "dose", "growth"])
def test_do_runs_where_torch_checks_arguments(latent, monkeypatch, own_rng):
    """A Delta's constraint depends on its arguments: it cannot be checked value by value."""
    monkeypatch.setattr(torch.distributions.Distribution, "_validate_args", True)
    path = Path(__file__).parents[1] / "spec" / "good" / "equations.yaml"
    model = crlspec.compile(crlspec.load(path, sets=[f"environments.dark={{{latent}: do(1)}}"]))
    data = model.sample(50, seed=1)["dark"]
    assert bool((data["z"].sel(latent=latent) == 1.0).all())
    z = torch.tensor(data["z"].sel(latent=list(model.latents)).values)
    assert bool(torch.isfinite(model.log_density(z, "dark")).all())
    assert bool((model.score(z, "dark")[:, model.latents.index(latent)] == 0).all())
    drawn, x = model.pyro("dark")(7)
    assert bool((drawn[..., model.latents.index(latent)] == 1.0).all()) and len(x) == 7


@pytest.mark.parametrize("family", ["LogNormal(0, 0.5)", "Gamma(2, 3)", "Uniform(-1, 2)", "Gumbel(1, 2)"])
def test_shift_is_exact_for_every_mechanism(family):
    model = crlspec.compile(
        crlspec.loads(f'latents: {{a: "{family}"}}\nmixing: {{kind: linear, observed: 1}}')
    )
    base = model.scm.mechanisms["a"]
    moved = model.scm.replace({"a": Shifted(base, 3.0)})
    z = model.scm.sample(50, seed=0)
    torch.testing.assert_close(moved.log_density(z + 3.0), model.scm.log_density(z))
    torch.testing.assert_close(moved.sample(50, seed=0), z + 3.0)


@pytest.mark.parametrize(
    ("family", "location"),
    [("Uniform(-1, 2)", 0.5), ("Gumbel(1, 2)", 1.0), ("StudentT(4, 1, 2)", 1.0), ("Cauchy(1, 2)", 1.0)],
)
def test_scale_of_an_equation_keeps_its_location(family, location):
    model = crlspec.compile(
        crlspec.loads(f'latents: {{a: "{family}"}}\nmixing: {{kind: linear, observed: 1}}')
    )
    wider = model.scm.replace({"a": scaled(model.scm.mechanisms["a"], 3.0)})
    assert isinstance(wider.mechanisms["a"], Scaled)
    z = model.scm.sample(50, seed=0)
    torch.testing.assert_close(wider.sample(50, seed=0), location + 3.0 * (z - location))
    far = location + 3.0 * (z - location)
    torch.testing.assert_close(wider.log_density(far), model.scm.log_density(z) - np.log(3.0))


def test_what_check_admits_is_what_the_model_does():
    """shift() of every distribution, and scale() of those that the language and the engine both know."""
    texts = "latents: {a: 'Normal(0, 1)', b: 'Gamma(2, exp(a))', c: 'Uniform(a, a + 2)'}\n"
    changes = "environments: {obs: {}, e: {b: shift(3), c: scale(0.5)}}\nmixing: {kind: linear, observed: 3}"
    model = crlspec.compile(crlspec.loads(texts + changes))
    z = model.environments["e"].sample(200, seed=0)
    a, b, c = z.unbind(-1)
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(a).double()
    expected += torch.distributions.Gamma(2.0, a.exp()).log_prob(b - 3)
    torch.testing.assert_close(model.log_density(z, "e"), expected + np.log(1.0))
    assert bool(((c > a + 0.5) & (c < a + 1.5)).all())
    again = crlspec.compile(crlspec.loads(crlspec.dump(model.spec)))
    torch.testing.assert_close(again.log_density(z, "e"), model.log_density(z, "e"))


def test_language_and_engine_name_the_same_scalable_distributions():
    assert set(SCALABLE) == LOCATION_SCALE


def test_scale_needs_a_location_scale_family_and_a_positive_factor():
    model = crlspec.compile(crlspec.loads('latents: {a: "Gamma(2, 3)"}\nmixing: {kind: linear, observed: 1}'))
    with pytest.raises(CrlspecError, match=r"scale\(2\) of a: .*no location and scale"):
        scaled(model.scm.mechanisms["a"], 2.0, "a")
    with pytest.raises(CrlspecError, match="not positive"):
        scaled(model.scm.mechanisms["a"], 0.0, "a")


def test_a_constant_samples_itself():
    constant = Constant(2.5, torch.float32, "cpu")
    drawn = constant.distribution(torch.empty(4, 0)).sample()
    assert torch.equal(drawn, torch.full((4,), 2.5))


@pytest.mark.parametrize(
    ("design", "environments", "targets"),
    [
        ("design: coupled, kind: hard, second: {noise: {variance: {times: 4}}}", 10, 1),
        ("design: uncoupled, kind: hard, second: {noise: {variance: {times: 4}}}", 10, 1),
        ("design: multi-node, kind: soft, environments: 6", 6, None),
        ("design: multi-node, kind: hard, targets: {e1: [z1, z2], e2: [z3]}", 2, None),
    ],
)
def test_other_designs_become_environments(design, environments, targets):
    text = DESIGNED.replace("design: single-node, kind: KIND", design)
    model = crlspec.compile(crlspec.loads(text.replace("MECHANISM", "linear").replace("EXTRA", "")), seed=1)
    assert len(model.environments) == environments + 1
    assert model.observational == "obs"
    for environment in model.environments.values():
        assert torch.isfinite(environment.score(environment.sample(20, seed=0))).all()
        if targets is not None and environment.targets:
            assert len(environment.targets) == targets


def test_what_is_moved_has_the_support_where_it_then_is() -> None:
    text = """
    latents: {a: "Uniform(0, 1)", b: "Exponential(1)", c: "Normal(a, 1)"}
    environments: {obs: {}, moved: {a: shift(3), b: shift(2)}, wide: {a: scale(2)}}
    mixing: {kind: linear, observed: 4}
    """
    model = crlspec.compile(crlspec.loads(text))

    def support(environment: str, latent: str):
        return model.environments[environment].scm.mechanisms[latent].distribution(torch.zeros(1, 0)).support

    points = torch.tensor([-0.6, 0.5, 1.4, 2.5, 3.5, 4.5])
    assert support("moved", "a").check(points).tolist() == [False] * 4 + [True, False]
    assert support("moved", "b").check(points).tolist() == [False] * 3 + [True] * 3
    assert support("wide", "a").check(points).tolist() == [False, True, True] + [False] * 3
    z = model.environments["moved"].sample(50, seed=0)
    assert torch.isfinite(model.log_density(z, "moved")).all()
