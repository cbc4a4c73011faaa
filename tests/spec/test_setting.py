"""The setting that a spec declares or assumes."""

from pathlib import Path

import pytest

from crlspec.spec.check import check
from crlspec.spec.load import load, loads
from crlspec.spec.setting import Setting

GOOD = Path(__file__).parent / "good"
MODEL = """latents: {a: "Normal(0, 1)", b: "Normal(0.5*a, 1)", c: "NODE"}
mixing: {kind: linear, observed: 6}
"""


def of(environments: str, node: str = "Normal(a + b, 1)", more: str = "") -> Setting:
    return Setting.of(loads(MODEL.replace("NODE", node) + f"environments: {environments}\n{more}"))


def test_designed_settings() -> None:
    setting = Setting.of(load("linear/hard-5"))
    assert setting == Setting(
        "linear", "single-node", "hard", ("z1", "z2", "z3", "z4", "z5"), "obs",
        tuple(f"do_z{k}" for k in range(1, 6)), {f"do_z{k}": (f"z{k}",) for k in range(1, 6)}, None,
        "gaussian", "linear", False, tuple(f"x{k}" for k in range(1, 26)),
    )  # fmt: skip
    soft = Setting.of(load("linear/quadratic-soft-5"))
    assert (soft.kind, soft.function, soft.environments[0]) == ("soft", "nonlinear", "soft_z1")


def test_the_kind_is_read_off_the_equations() -> None:
    hard = "{o: {}, x: {a: 'Normal(0, 2)'}, y: {b: 'Normal(0, 2)'}, z: {c: 'Normal(0, 2)'}}"
    soft = "{o: {}, x: {a: shift(1)}, y: {b: scale(2)}, z: {c: 'Normal(0.5*a, 2)'}}"
    mixed = "{o: {}, y: {b: 'Normal(0, 2)'}, z: {c: 'Normal(0.5*a, 2)'}}"
    assert of(hard).kind == "hard"
    assert of(soft).kind == "soft", "an intervention on a root is hard and soft at once"
    assert of(mixed).kind == "mixed"
    assert of("{o: {}, x: {a: shift(1)}}").kind == "hard"
    assert of(hard).observational == "o"
    assert of(hard).design == "single-node"


def test_the_design_is_read_off_the_targets() -> None:
    assert of("{o: {}}").design == "observational"
    assert of("{o: {}, x: {a: shift(1), b: shift(1)}}").design == "multi-node"
    pairs = "{o: {}, x: {a: shift(1)}, y: {a: shift(2)}}"
    assert of(pairs).design == "coupled"
    assert of(pairs).pairs == (("x", "y"),)
    uncoupled = of(pairs, more="conceal: [pairs]")
    assert (uncoupled.design, uncoupled.pairs, uncoupled.targets) == ("uncoupled", None, None)


def test_concealed_targets_are_not_in_the_setting() -> None:
    setting = of("{o: {}, x: {a: shift(1)}, y: {b: shift(1)}}", more="conceal: [targets]")
    assert setting.targets is None
    assert setting.environments == ("x", "y")


@pytest.mark.parametrize(
    ("node", "environment", "noise", "function"),
    [
        ("Normal(a + b, 1)", "Normal(0, 2)", "gaussian", "linear"),
        ("Normal(tanh(a), 1)", "Normal(0, 2)", "gaussian", "nonlinear"),
        ("Laplace(a, 1)", "Normal(0, 2)", "other", "linear"),
        ("Normal(a + b, 1)", "Laplace(0, 2)", "other", "linear"),
        ("Normal(a + b, 1)", "Normal(a**2, 2)", "gaussian", "nonlinear"),
    ],
)
def test_noise_and_function_count_the_replaced_mechanisms(
    node: str, environment: str, noise: str, function: str
) -> None:
    setting = of(f"{{o: {{}}, x: {{c: '{environment}'}}}}", node)
    assert (setting.noise, setting.function) == (noise, function)


def test_do_is_deterministic() -> None:
    assert of("{o: {}, x: {a: do(1)}}").deterministic
    assert not of("{o: {}, x: {a: shift(1)}}").deterministic


def test_assumed_settings() -> None:
    setting = Setting.of(load(GOOD / "assumed.yaml"))
    assert setting == Setting("linear", "single-node", "hard", ("z1", "z2"), "obs")
    more = load(
        GOOD / "assumed.yaml",
        sets=[
            "assume.interventions={design: coupled, kind: hard, pairs: [[p, q], [r, s]]}",
            "assume.mixing=general",
        ],
    )
    coupled = Setting.of(more)
    assert coupled.environments == ("p", "q", "r", "s")
    assert coupled.pairs == (("p", "q"), ("r", "s"))
    told = Setting.of(load(GOOD / "assumed.yaml", sets=["assume.interventions.targets={e: [z2], f: [z1]}"]))
    assert told.targets == {"e": ("z2",), "f": ("z1",)}
    assert told.environments == ("e", "f")


def test_a_density_that_is_not_positive_everywhere_is_warned_of() -> None:
    issues = check(loads(MODEL.replace("NODE", "Uniform(a, a + 1)")))
    assert [i.severity for i in issues if "Uniform" in i.message] == ["warning"]


def test_settings_are_told_in_words() -> None:
    assert (
        str(Setting.of(load("linear/hard-5"))) == "linear mixing of 5 latents, hard single-node interventions"
    )


@pytest.mark.parametrize("noise", ["{kind: uniform}", "{a: {kind: normal}, b: {kind: log-normal}}"])
def test_bounded_noise_is_warned_of_as_in_equations(noise: str) -> None:
    model = "latents: [a, b]\nscm: {graph: [a -> b], mechanism: {kind: linear}, noise: NOISE}\n"
    design = "interventions: {design: single-node, kind: hard, noise: {variance: {times: 4}}}\n"
    text = model.replace("NOISE", noise) + design + "mixing: {kind: linear, observed: 3}\n"
    found = [i for i in check(loads(text)) if "not positive everywhere" in i.message]
    assert [(i.severity, i.line) for i in found] == [("warning", 2)]
