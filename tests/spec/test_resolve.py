"""A resolved spec holds no randomness and runs again by itself; its draws do not depend on neighbours."""

from pathlib import Path

import numpy as np
import pytest

from crlspec.errors import SpecError
from crlspec.spec.check import check
from crlspec.spec.identifiability import identifiability
from crlspec.spec.interventions import ReplacedMechanism
from crlspec.spec.load import dump, load, loads
from crlspec.spec.resolve import resolve
from crlspec.spec.schema import Spec
from crlspec.spec.setting import Setting

GOOD = Path(__file__).parent / "good"
DESIGNS = [
    "interventions: {design: observational}",
    "interventions: {design: single-node, kind: soft, noise: {variance: {times: [2, 3]}}, "
    "mechanism: {times: 0.5}}",
    "interventions: {design: single-node, kind: hard, targets: [z2], noise: {mean: {plus: 2}}}",
    "interventions: {design: coupled, kind: hard, noise: {variance: {value: 0.1}}, "
    "second: {noise: {variance: {times: 4}}}}",
    "interventions: {design: uncoupled, kind: hard, noise: {mean: {value: -2}}, "
    "second: {noise: {mean: {value: 2}}}}",
    "interventions: {design: multi-node, kind: hard, noise: {variance: {times: 0.25}}, environments: 5}",
    "interventions: {design: multi-node, kind: soft, noise: {variance: {times: 4}}, "
    "targets: {a: [z1, z3], b: [z2]}}",
    "environments: {obs: {}, a: {z1: do(2)}, b: {z2: shift(1), z3: scale(2)}, c: {z3: 'Normal(0.1*z2, 1)'}}",
    "environments: {obs: {}, a: {z1: {kind: hard, noise: {kind: laplace, variance: [1, 2]}}}, "
    "b: {z2: {kind: soft, mechanism: {kind: sine}}}}\nconceal: [targets]",
    "interventions: {design: single-node, kind: hard, noise: {variance: {times: 0.25}}}\nconceal: [targets]",
]
MODEL = """latents: 4
scm:
  graph: {kind: random, density: 0.6}
  mechanism: {kind: MECHANISM}
  noise: {kind: normal, mean: [-1, 1], variance: [0.5, 1.5]}
mixing: {kind: MIXING, observed: 7}
"""


def specs() -> list[Spec]:
    kinds = [
        ("linear", "linear"),
        ("quadratic", "glm"),
        ("mlp", "mlp"),
        ("sine", "mlp"),
        ("location-scale", "glm"),
    ]
    texts = [MODEL.replace("MECHANISM", m).replace("MIXING", x) for m, x in kinds]
    known = texts[0].replace("{kind: random, density: 0.6}", "[z1 -> z2, z2 -> z3]")
    designed = [loads(known + design) for design in DESIGNS]
    return [*designed, *(loads(text + DESIGNS[1]) for text in texts), load(GOOD / "equations.yaml")]


@pytest.mark.parametrize("spec", specs(), ids=str)
def test_resolved_specs_are_fixed_points_and_round_trip(spec: Spec) -> None:
    resolved = resolve(spec, 3)
    assert resolve(resolved, 99) == resolved
    again = loads(dump(resolved))
    assert again == resolved
    assert resolve(again, 5) == resolved
    assert resolve(spec, 3) == resolved
    assert resolved.environments is not None
    if resolved.scm is not None:
        assert isinstance(resolved.scm.graph, tuple)
        assert isinstance(resolved.scm.mechanism, dict)
        assert isinstance(resolved.scm.noise, dict)
        assert all(m.is_resolved for m in resolved.scm.mechanism.values())
        assert all(n.is_resolved for n in resolved.scm.noise.values())
    assert resolved.mixing is not None
    assert resolved.mixing.is_resolved


@pytest.mark.parametrize("spec", specs(), ids=str)
def test_the_setting_and_the_verdict_stay_the_same(spec: Spec) -> None:
    resolved = resolve(spec, 3)
    before, after = Setting.of(spec), Setting.of(resolved)
    if "environments" in spec.model_fields_set or getattr(spec.interventions, "environments", None) is None:
        assert after == before
    assert identifiability(resolved).theorem == identifiability(spec).theorem


def test_seeds_differ() -> None:
    spec = load("linear/hard-5")
    assert resolve(spec, 0) != resolve(spec, 1)


def noise_variances(spec: Spec, environment: str) -> dict[str, float]:
    assert spec.environments is not None
    table = {}
    for latent, value in spec.environments[environment].items():
        assert isinstance(value, ReplacedMechanism)
        assert value.noise is not None
        assert isinstance(value.noise.variance, float)
        table[latent] = value.noise.variance
    return table


def test_a_new_latent_leaves_other_draws_unchanged() -> None:
    small, large = (resolve(load("linear/hard-5", sets=[f"latents={n}"]), 7) for n in (4, 5))
    assert small.scm is not None
    assert large.scm is not None
    assert isinstance(small.scm.noise, dict)
    assert isinstance(large.scm.noise, dict)
    assert isinstance(large.scm.graph, tuple)
    assert small.scm.graph == tuple(edge for edge in large.scm.graph if "z5" not in edge)
    assert small.scm.noise == {k: v for k, v in large.scm.noise.items() if k != "z5"}
    assert noise_variances(small, "do_z2") == noise_variances(large, "do_z2")


def test_a_new_environment_leaves_other_draws_unchanged() -> None:
    text = MODEL.replace("MECHANISM", "linear").replace("MIXING", "linear")
    noise = "{kind: hard, noise: {kind: normal, variance: [1, 9]}}"
    one = resolve(loads(text + f"environments: {{obs: {{}}, a: {{z1: {noise}}}}}"), 1)
    two = resolve(loads(text + f"environments: {{obs: {{}}, new: {{z1: {noise}}}, a: {{z1: {noise}}}}}"), 1)
    assert noise_variances(one, "a") == noise_variances(two, "a") != noise_variances(two, "new")
    assert one.scm == two.scm
    assert one.mixing == two.mixing


def test_designs_change_what_they_say() -> None:
    text = (
        MODEL.replace("MECHANISM", "linear")
        .replace("MIXING", "linear")
        .replace("{kind: random, density: 0.6}", "[z1 -> z2]")
    )
    base = text.replace("mean: [-1, 1], variance: [0.5, 1.5]", "mean: 1, variance: 2")
    soft = resolve(loads(base + DESIGNS[1]), 0)
    assert soft.environments is not None
    assert soft.scm is not None
    assert isinstance(soft.scm.mechanism, dict)
    changed = soft.environments["soft_z2"]["z2"]
    assert isinstance(changed, ReplacedMechanism)
    assert changed.kind == "soft"
    assert changed.mechanism == soft.scm.mechanism["z2"].scaled(0.5)
    assert 4 <= noise_variances(soft, "soft_z2")["z2"] <= 6
    coupled = resolve(loads(base + DESIGNS[3]), 0)
    assert tuple(coupled.environments or ()) == ("obs", *(f"do_z{k}_{c}" for k in range(1, 5) for c in "ab"))
    assert noise_variances(coupled, "do_z1_a") == {"z1": 0.1}
    assert noise_variances(coupled, "do_z1_b") == {"z1": 8.0}


def test_shift_and_scale_change_location_and_deviation() -> None:
    base = MODEL.replace("MECHANISM", "linear").replace("MIXING", "linear")
    base = base.replace("mean: [-1, 1], variance: [0.5, 1.5]", "mean: 1, variance: 2")
    spec = resolve(loads(base + "environments: {obs: {}, a: {z1: shift(3), z2: scale(2)}}"), 0)
    assert spec.environments is not None
    first, second = spec.environments["a"]["z1"], spec.environments["a"]["z2"]
    assert isinstance(first, ReplacedMechanism)
    assert isinstance(second, ReplacedMechanism)
    assert first.noise is not None
    assert second.noise is not None
    assert (first.noise.mean, first.noise.variance) == (4.0, 2.0)
    assert (second.noise.mean, second.noise.variance) == (1.0, 8.0)
    texts = "latents: {a: 'Normal(1, 2)', b: 'Normal(0.5*a + 1, 1)'}\nmixing: {kind: linear, observed: 3}\n"
    rewritten = resolve(loads(texts + "environments: {obs: {}, e: {a: shift(3), b: scale(2)}}"), 0)
    assert rewritten.environments is not None
    assert rewritten.environments["e"] == {"a": "Normal(1 + 3.0, 2)", "b": "Normal(0.5 * a + 1, 2.0 * 1)"}


def test_changes_of_distributions_without_loc_stay_as_they_are() -> None:
    texts = "latents: {a: 'Gamma(2, 3)', b: 'Uniform(a, a + 1)'}\nmixing: {kind: linear, observed: 3}\n"
    spec = loads(texts + "environments: {obs: {}, e: {a: shift(3), b: scale(2)}, f: {b: shift(-1)}}")
    assert not [issue for issue in check(spec) if issue.severity == "error"]
    resolved = resolve(spec, 0)
    assert resolved.environments == {
        "obs": {},
        "e": {"a": "shift(3.0)", "b": "scale(2.0)"},
        "f": {"b": "shift(-1.0)"},
    }
    assert resolve(resolved, 5).environments == resolved.environments


@pytest.mark.parametrize("family", ["Gamma(2, 3)", "LogNormal(0, 1)", "HalfNormal(1)", "Beta(2, 2)"])
def test_scale_without_a_location_to_keep_is_refused(family: str) -> None:
    text = f"latents: {{a: '{family}'}}\nmixing: {{kind: linear, observed: 3}}\n"
    text += "environments: {o: {}, e: {a: scale(2)}}"
    with pytest.raises(SpecError, match=r"scale\(\) cannot change .*, which has no location to keep"):
        loads(text)


def test_designs_over_equations() -> None:
    texts = "latents: {a: 'Normal(1, 2)', b: 'Laplace(0.5*a + 1, 1)'}\nmixing: {kind: linear, observed: 3}\n"
    hard = resolve(loads(texts + DESIGNS[3]), 0)
    assert hard.environments is not None
    assert hard.environments["do_b_b"] == {"b": "Laplace(1.0, 2.0 * 1)"}
    assert hard.environments["do_a_a"] == {
        "a": f"Normal(1.0, {np.sqrt(0.1)!r})".replace("np.float64(", "").replace("))", ")")
    }
    soft = resolve(loads(texts + DESIGNS[1].replace("[2, 3]", "4")), 0)
    assert soft.environments is not None
    assert soft.environments["soft_b"] == {"b": "Laplace(0.5 * (0.5 * a + 1), 2.0 * 1)"}


def test_random_targets_have_full_rank_and_no_empty_environment() -> None:
    spec = loads(MODEL.replace("MECHANISM", "linear").replace("MIXING", "linear") + DESIGNS[5])
    for seed in range(20):
        environments = resolve(spec, seed).environments
        assert environments is not None
        hits = [tuple(replaced) for name, replaced in environments.items() if name != "obs"]
        assert len(hits) == 5
        assert all(hits)
        signature = np.array([[latent in hit for hit in hits] for latent in spec.latents], dtype=float)
        assert np.linalg.matrix_rank(signature) == 4


def test_targets_that_cannot_have_full_rank_are_refused() -> None:
    text = MODEL.replace("MECHANISM", "linear").replace("MIXING", "linear") + DESIGNS[5].replace(
        "environments: 5", "density: 1"
    )
    with pytest.raises(SpecError, match="no targets of full rank"):
        loads(text)


def test_assumptions_have_nothing_to_draw() -> None:
    spec = load(GOOD / "assumed.yaml")
    assert resolve(spec, 0) == spec


@pytest.mark.parametrize("seed", range(5))
def test_a_triangular_signature_has_an_own_environment_for_each_latent(seed: int) -> None:
    """I ∨ an upper triangle, columns permuted: latents taken from the last to the first have ever more columns."""
    spec = resolve(load("linear/umni-hard-5"), seed)
    assert spec.environments is not None
    environments = [set(hit) for hit in spec.environments.values() if hit]
    assert len(environments) == 5
    last = [max(hit, key=spec.latents.index) for hit in environments]
    assert sorted(last) == sorted(spec.latents)
