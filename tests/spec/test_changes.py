"""What soft interventions change, and what is promised where they change the noise of linear latents alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from crlspec.errors import SpecError
from crlspec.inference.declarations import LscaleI, UmniCrl
from crlspec.spec.check import check
from crlspec.spec.identifiability import identifiability, promise
from crlspec.spec.load import loads
from crlspec.spec.schema import Spec
from crlspec.spec.setting import Setting


def equations(**changed: str) -> Spec:
    environments = ", ".join(f"s{name}: {{{name}: {value}}}" for name, value in changed.items())
    return loads(f"""latents: {{a: "Normal(0, 1)", b: "Normal(1.1*a, 1)", c: "Normal(-0.9*b + 0.7*a, 1)"}}
mixing: {{kind: linear, observed: 6}}
environments: {{obs: {{}}, {environments}}}
""")


def design(change: str) -> Spec:
    return loads(f"""latents: 3
scm: {{graph: {{kind: random, density: 0.5}}, mechanism: {{kind: linear}}, noise: {{kind: normal}}}}
mixing: {{kind: linear, observed: 6}}
interventions: {{design: single-node, kind: soft, {change}}}
""")


def own(more: str) -> Spec:
    return loads(f"""latents: 3
data: {{path: nowhere}}
assume: {{mixing: linear, interventions: {{design: single-node, kind: soft{more}}}}}
""")


HALF = '"Normal(0.5*a, 1)"'
THIRD = '"Normal(-0.9*b + 0.2*a, 1)"'


@pytest.mark.parametrize(
    ("spec", "changes"),
    [
        (equations(a="shift(2)", b="shift(2)", c="shift(2)"), "shift"),
        (equations(a="scale(2)", b="scale(2)", c="scale(2)"), "scale"),
        (equations(a="scale(2)", b="shift(2)", c="scale(2)"), "scale"),
        (equations(a="shift(2)", b=HALF, c=THIRD), "mechanism"),  # nothing else can be done to a root
        (equations(a="shift(2)", b=HALF, c="shift(2)"), "shift"),  # nothing shows the parents of c
        (equations(b='"Normal(1.1*a + 3, 1)"', c='"Normal(0.7*a - 0.9*b - 1, 1)"'), "shift"),
        (equations(b='"Normal(1.1*a, 2)"', c='"Normal(1 + 0.7*a - 0.9*b, 1)"'), "scale"),
        (equations(b='"Laplace(1.1*a, 1)"', c="shift(1)"), "scale"),
        (equations(b='"Normal(tanh(a), 1)"', c=THIRD), "mechanism"),
        (equations(b='"Normal(0, 2)"', c='"Normal(0, 2)"'), "mechanism"),  # hard: no soft one to speak of
        (design("noise: {variance: {times: 0.25}}"), "scale"),
        (design("noise: {mean: {plus: 2}}"), "shift"),
        (design("noise: {variance: {times: 0.25}}, mechanism: {times: 1}"), "scale"),
        (design("noise: {variance: {times: 0.25}}, mechanism: {times: 0.5}"), "mechanism"),
        (own(""), "mechanism"),
        (own(", changes: shift"), "shift"),
        (own(", changes: scale"), "scale"),
    ],
)
def test_what_changes_is_read_off_the_file(spec: Spec, changes: str) -> None:
    assert Setting.of(spec).changes == changes


def test_the_most_that_any_environment_of_a_latent_changes_counts() -> None:
    text = """latents: {a: "Normal(0, 1)", b: "Normal(1.1*a, 1)"}
mixing: {kind: linear, observed: 6}
environments: {obs: {}, s1: {a: shift(1)}, s2: {b: shift(1)}, s3: {b: "Normal(0.2*a, 1)"}}
"""
    assert Setting.of(loads(text)).changes == "mechanism"


@pytest.mark.parametrize(
    "spec",
    [
        equations(a="shift(2)", b="scale(2)", c="shift(2)"),
        own(", changes: shift"),
        design("noise: {mean: {plus: 2}}"),
    ],
)
def test_of_linear_latents_nothing_is_promised(spec: Spec) -> None:
    verdict = identifiability(spec)
    assert (verdict.covered, verdict.latents, verdict.graph, verdict.nodes) == (
        False,
        "nothing",
        "nothing",
        (),
    )
    assert [one.assumption for one in verdict.missing] == ["mechanisms"]
    assert "a linear model without edges fits as well" in verdict.missing[0].text
    assert any("noise of each latent up to scaling" in note for note in verdict.notes)
    assert verdict.remedies[0] == (
        "use interventions that change how a latent depends on its parents, or hard ones"
    )
    assert verdict.estimator == "lscale-i"
    assert not LscaleI().covers(Setting.of(spec))
    assert not UmniCrl().covers(Setting.of(spec))
    assert promise(Setting.of(spec), LscaleI()) == verdict
    assert [issue.severity for issue in check(spec)] == ["warning"]  # not refused


def test_the_remedies_are_covered() -> None:
    assert identifiability(equations(a="shift(2)", b=HALF, c=THIRD)).graph == "closure"
    hard = equations(a='"Normal(0, 2)"', b='"Normal(0, 2)"', c='"Normal(0, 2)"')
    assert identifiability(hard).graph == "exact"
    (issue,) = check(design("noise: {mean: {plus: 2}}"))
    assert issue.remedy is not None and issue.remedy.startswith("add mechanism: {times: 0.5}")
    mended = design("noise: {mean: {plus: 2}}, mechanism: {times: 0.5}")
    assert identifiability(mended).covered and check(mended) == ()
    (issue,) = check(own(", changes: shift"))
    assert issue.remedy is not None and issue.remedy.startswith("leave changes out")
    assert identifiability(own("")).covered and check(own("")) == ()


def test_own_data_of_nonlinear_mechanisms_may_be_shifted() -> None:
    shifted = Setting.of(own(", changes: shift"))
    assert "(function: nonlinear)" in identifiability(shifted).remedies[1]
    verdict = identifiability(replace(shifted, function="nonlinear"))
    assert verdict.covered and verdict.graph == "exact"
    assert any(
        "an environment that only shifts or rescales it does not show them" in note for note in verdict.notes
    )
    assert len(identifiability(replace(shifted, function="linear")).remedies) == 1


def test_several_targets_that_are_only_shifted_are_no_better() -> None:
    hit = {"e": ("a",), "f": ("a", "b"), "g": ("b", "c")}
    given = Setting("linear", "multi-node", "soft", ("a", "b", "c"), "obs", tuple(hit), hit)
    assert identifiability(given).covered
    shifted = identifiability(replace(given, changes="shift"))
    assert (shifted.covered, shifted.graph, shifted.estimator) == (False, "nothing", "umni-crl")


def test_hard_interventions_have_no_changes() -> None:
    text = """latents: 3
data: {path: nowhere}
assume: {mixing: linear, interventions: {design: single-node, kind: hard, changes: shift}}
"""
    with pytest.raises(SpecError) as refused:
        loads(text)
    (issue,) = refused.value.issues
    assert issue.message == "changes: shift speaks of soft interventions, got kind: hard."
    assert issue.remedy == "remove changes, or use kind: soft."
    for mended in (text.replace(", changes: shift", ""), text.replace("kind: hard", "kind: soft")):
        assert loads(mended).assume is not None


@pytest.mark.parametrize("mixing", ["linear", "general"])
def test_that_hardness_cannot_be_tested_is_noted(mixing: str) -> None:
    hit = {"e": ("a",), "f": ("b",)}
    family: dict[str, Any] = {"mixing": mixing, "noise": "gaussian", "function": "linear"}
    hard = Setting(
        design="single-node", kind="hard", latents=("a", "b"), environments=tuple(hit), targets=hit, **family
    )
    (note,) = [text for text in identifiability(hard).notes if "are hard" in text]
    assert note.endswith("taken as hard, and latents and effects are relative to that")
    assert not [
        text for text in identifiability(replace(hard, function="nonlinear")).notes if "are hard" in text
    ]
    assert not [text for text in identifiability(replace(hard, kind="soft")).notes if "are hard" in text]
