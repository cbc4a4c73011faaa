"""What is known already of graph and targets: ``assume: {known: …}`` in a file, and as part of a Setting."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from crlspec.errors import SpecError
from crlspec.inference.declarations import GscaleI, Ropes, UmniCrl
from crlspec.spec.json_schema import json_schema
from crlspec.spec.known import Known
from crlspec.spec.load import dump, loads
from crlspec.spec.setting import Setting

FILE = """
latents: [a, b, c]
data: {{path: cells.csv, environment: guide, observational: control}}
assume:
  mixing: linear
  interventions: {interventions}
  known: {known}
{more}
"""
SINGLE = "{design: single-node, kind: hard}"
TOLD = "{design: single-node, kind: hard, targets: {e1: [a], e2: [b], e3: [c]}}"
SOFT = "{design: single-node, kind: soft, targets: {e1: [a], e2: [b], e3: [c]}}"
ALL = "{edges: [a -> b -> c], absent: [a -> c], order: [a, c], targets: {e1: [a], e2: [b], e3: [c]}}"


def text(known: str, interventions: str = SINGLE, more: str = "") -> str:
    return FILE.format(known=known, interventions=interventions, more=more)


def issues(known: str, interventions: str = TOLD, more: str = "") -> list[str]:
    with pytest.raises(SpecError) as caught:
        loads(text(known, interventions, more))
    return [f"{one.field}: {one.message} Remedy: {one.remedy}" for one in caught.value.issues]


def test_what_is_known_comes_back_from_a_dump_and_from_json() -> None:
    spec = loads(text(ALL))
    assert loads(dump(spec)) == spec
    assert "edges: [a -> b, b -> c]" in dump(spec)
    setting = Setting.of(spec)
    assert setting.known == Known(
        (("a", "b"), ("b", "c")), (("a", "c"),), ("a", "c"), {"e1": ("a",), "e2": ("b",), "e3": ("c",)}
    )
    assert Setting.from_values(json.loads(json.dumps(setting.as_values()))) == setting


def test_a_setting_says_what_is_known() -> None:
    assert str(Setting.of(loads(text(ALL)))).endswith(
        "known: a -> b; b -> c; no a -> c; a before c; e1 targets a; e2 targets b; e3 targets c"
    )


def test_editors_know_the_block() -> None:
    known = json_schema()["$defs"]["KnownFacts"]
    assert set(known["properties"]) == {"edges", "absent", "order", "targets"}
    assert known["additionalProperties"] is False


@pytest.mark.parametrize(("known", "said"), [
    ("{}", "assume.known: known says nothing. Remedy: give edges, absent, order or targets, or leave known out."),
    ("{edges: a}", "assume.known.edges: got 'a'; a list of edges is needed. Remedy: write e.g. [a -> b]."),
    ("{edges: [a -> x]}", "assume.known.edges.0: unknown latent 'x'. Remedy: allowed: a, b, c."),
    ("{edges: [a -> a]}", "assume.known.edges.0: a -> a joins a latent with itself. Remedy: name two latents."),
    ("{order: [a, b, a]}", "assume.known.order: the latent 'a' is listed twice. Remedy: list each latent once."),
    ("{edges: [a -> b], absent: [a -> b]}",
     "assume.known.absent: a -> b is said to be there and to be absent. Remedy: leave it out of one of the two."),
    ("{edges: [a -> b], order: [b, a]}",
     "assume.known.edges: edges and order close a cycle: a -> b -> a. Remedy: leave one of them out."),
    ("{targets: {e1: [a]}}",
     "assume.known.targets: interventions.targets names the targets already. Remedy: leave known.targets out."),
])  # fmt: skip
def test_what_cannot_be_is_named_with_its_remedy(known: str, said: str) -> None:
    assert said in issues(known)


@pytest.mark.parametrize(("known", "said"), [
    ("{edges: [a -> b]}",
     "assume.known: the targets are concealed, so nothing tells which latent a, b is. Remedy: say which environment "
     "targets it, such as known: {targets: {environment: [a]}}; or name all targets, interventions: {targets: {…}}."),
    ("{targets: {e1: [a, b]}}",
     "assume.known.targets.e1: a single-node design has one target per environment, got 2. Remedy: list one latent, "
     "or use design: multi-node."),
    ("{targets: {e1: [a], e2: [a]}}",
     "assume.known.targets: 2 environments are said to target a. Remedy: keep one, or use design: multi-node and "
     "estimator: {kind: umni-crl}."),
    ("{targets: {control: [a]}}",
     "assume.known.targets.control: the observational environment has no target. Remedy: leave it out."),
])  # fmt: skip
def test_latents_are_tied_to_environments(known: str, said: str) -> None:
    assert said in issues(known, SINGLE)


SEVERAL = "{design: multi-node, kind: hard}"


def test_some_targets_of_a_multi_node_design_are_taken_and_name_the_latents_that_they_tell_apart() -> None:
    spec = loads(text("{targets: {e1: [a, b], e2: [b, c]}, order: [a, c], edges: [a -> b]}", SEVERAL))
    known = Setting.of(spec).known
    assert known is not None and known.alone("abc") == {"a", "b", "c"} and Setting.of(spec).known_enters
    two = Known(targets={"e1": ("a",)})
    assert two.classes("abc") == [("a",), ("b", "c")] and two.alone("abc") == {"a"}


@pytest.mark.parametrize(("known", "said"), [
    ("{targets: {e1: [a]}, edges: [a -> b]}",
     "assume.known: some targets are concealed, and those known do not tell which latent b is. Remedy: say which "
     "environments target it and no other latent, such as known: {targets: {environment: [b]}}; or name all targets, "
     "interventions: {targets: {…}}."),
    ("{targets: {e1: []}}",
     "assume.known.targets.e1: an environment without a target. Remedy: list its latents, or leave it out."),
    ("{targets: {e1: [a, a]}}",
     "assume.known.targets.e1: the latent 'a' is listed twice. Remedy: list each latent once."),
    ("{targets: {control: [a]}}",
     "assume.known.targets.control: the observational environment has no target. Remedy: leave it out."),
])  # fmt: skip
def test_known_targets_of_a_multi_node_design_make_sense(known: str, said: str) -> None:
    assert issues(known, SEVERAL) == [said]


def test_known_targets_of_pairs_behind_a_linear_mixing_are_told_all_or_none() -> None:
    assert (
        "assume.known.targets: some targets of a design uncoupled are known, and its estimators are told all or "
        "none. Remedy: name those of every environment, interventions: {targets: {…}}, or leave known.targets out."
    ) in issues("{targets: {e1: [a]}}", "{design: uncoupled, kind: hard}")


COUPLED = "{design: coupled, kind: hard, pairs: [[a1, a2], [b1, b2], [c1, c2]]}"
UNCOUPLED = "{design: uncoupled, kind: hard}"


def general(known: str, interventions: str) -> str:
    return text(known, interventions).replace("mixing: linear", "mixing: general")


@pytest.mark.parametrize("known", [
    "{targets: {b1: [a], a2: [c]}, edges: [a -> c]}", "{targets: {a1: [a], a2: [a]}}",
])  # fmt: skip
@pytest.mark.parametrize("interventions", [COUPLED, UNCOUPLED])
def test_known_targets_name_the_latents_of_pairs(known: str, interventions: str) -> None:
    setting = Setting.of(loads(general(known, interventions)))
    assert setting.known_enters and GscaleI().refused(setting) is None
    assert (setting.tied.targets is None) == (interventions == UNCOUPLED)


def test_known_targets_tell_those_of_the_other_pairs() -> None:
    setting = Setting.of(loads(general("{targets: {b1: [a], a2: [c]}}", COUPLED)))
    assert setting.tied.targets == {
        "a1": ("c",), "a2": ("c",), "b1": ("a",), "b2": ("a",), "c1": ("b",), "c2": ("b",),
    }  # fmt: skip
    assert setting.tied.tied == setting.tied


@pytest.mark.parametrize(("interventions", "known", "said"), [
    (UNCOUPLED, "{targets: {e1: [a, b]}}",
     "assume.known.targets.e1: the design uncoupled has one target per environment, got 2. Remedy: list one latent, "
     "or use design: multi-node."),
    (UNCOUPLED, "{targets: {e1: [a], e2: [a], e3: [a]}}",
     "assume.known.targets: 3 environments are said to target a. Remedy: keep two: the design uncoupled has two for "
     "each latent."),
    (COUPLED, "{targets: {a1: [a], b1: [a]}}",
     "assume.known.targets: a1 and b1 are said to target a, and are no pair. Remedy: correct known.targets, or "
     "interventions.pairs."),
    (COUPLED, "{targets: {a1: [a], a2: [b]}}",
     "assume.known.targets: a1 and a2 are a pair, and are said to target a and b. Remedy: correct known.targets, or "
     "interventions.pairs."),
    (COUPLED, "{edges: [a -> b]}",
     "assume.known: the targets are concealed, so nothing tells which latent a, b is. Remedy: say which environment "
     "targets it, such as known: {targets: {environment: [a]}}; or name all targets, interventions: {targets: {…}}."),
])  # fmt: skip
def test_known_targets_of_pairs_make_sense(interventions: str, known: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        loads(general(known, interventions))
    assert said in [f"{one.field}: {one.message} Remedy: {one.remedy}" for one in caught.value.issues]


def test_a_latent_of_pairs_that_nothing_ties_is_refused_and_the_remedy_mends_it() -> None:
    setting = Setting.of(loads(general("{targets: {a1: [a]}}", UNCOUPLED)))
    loose = replace(setting, known=Known(edges=(("a", "b"),), targets={"a1": ("a",)}))
    for declaration in (GscaleI(), Ropes()):
        refused = declaration.knowledge(loose)
        assert refused is not None and refused.reason == (
            f"{declaration.kind} cannot take this: the targets are concealed, so nothing tells which latent b is"
        )
        assert refused.remedy == (
            "say which environment targets it, such as known: {targets: {environment: [b]}}; or name all targets, "
            "interventions: {targets: {…}}."
        )
        tied = replace(loose, known=Known(edges=(("a", "b"),), targets={"a1": ("a",), "b1": ("b",)}))
        assert declaration.knowledge(tied) is None


@pytest.mark.parametrize(("more", "said"), [
    ("estimator: {kind: pca}",
     "pca cannot use the targets that assume.known names. Remedy: leave targets out of assume.known; with linear "
     "mixings umni-crl uses them, else gscale-i."),
    ("estimator: {kind: umni-crl, refine: none}", None),
])  # fmt: skip
def test_estimators_say_whether_they_use_known_targets(more: str, said: str | None) -> None:
    if said is None:
        assert loads(text("{targets: {e1: [a]}}", SEVERAL, more))
    else:
        assert any(one.endswith(said) for one in issues("{targets: {e1: [a]}}", SEVERAL, more))


def test_targets_of_latents_that_are_not_gaussian_are_told_all_or_none() -> None:
    setting = Setting(
        "linear", "multi-node", "hard", ("a", "b"), "obs", ("e1", "e2"), known=Known(targets={"e1": ("a",)}),
        function="nonlinear",
    )  # fmt: skip
    refused = UmniCrl().refused(setting)
    assert refused is not None and str(refused.reason).startswith(
        "umni-crl cannot take this: targets known of some environments are tested by the likelihood of Gaussian"
    )
    same = replace(setting, function="linear", known=Known(targets={"e1": ("a", "b"), "e2": ("a", "b")}))
    refused = UmniCrl().refused(same)
    assert refused is not None and refused.reason == (
        "umni-crl cannot take this: with the targets that are known the signature matrix has rank 1 at most, and "
        "rank 2 is needed"
    )


@pytest.mark.parametrize(("interventions", "known", "more", "said"), [
    (TOLD, "{edges: [a -> b]}", "estimator: {kind: lscale-i, refine: none}",
     "lscale-i cannot take this: what assume.known says of the graph enters the likelihood, which refine: none "
     "leaves out. Remedy: leave refine: none out, or edges, absent and order out of assume.known."),
    (SOFT, "{absent: [a -> b]}", "estimator: {kind: lscale-i}",
     "lscale-i cannot take this: soft interventions show ancestors, not edges, and a -> b may be absent though a is "
     "an ancestor. Remedy: say order: [b, a] where a is no ancestor of b, and leave absent out."),
    (TOLD, "{edges: [a -> b]}", "estimator: {kind: pca}",
     "pca cannot use what assume.known says of the graph. Remedy: leave edges, absent and order out of assume.known; "
     "with linear mixings lscale-i and umni-crl use them, with two hard interventions on each latent gscale-i and "
     "ropes."),
])  # fmt: skip
def test_an_estimator_that_cannot_use_it_refuses(
    interventions: str, known: str, more: str, said: str
) -> None:
    assert any(one.endswith(said) for one in issues(known, interventions, more))
