"""The verdict: each row of the theory's table, and what is said where a row fails."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from crlspec.inference.declarations import Contrastive, LscaleI, Pca, UmniCrl
from crlspec.spec.identifiability import Verdict, identifiability, promise
from crlspec.spec.load import load, loads
from crlspec.spec.setting import Setting

NAMES = ("a", "b", "c")
SINGLE = {f"do_{name}": (name,) for name in NAMES}
PAIRS = {f"do_{name}_{copy}": (name,) for name in NAMES for copy in "12"}


def setting(
    mixing: Any, design: Any, kind: Any, targets: Mapping[str, tuple[str, ...]], **more: Any
) -> Setting:
    return Setting(mixing, design, kind, NAMES, "obs", tuple(targets), targets, **more)


SEVERAL = SINGLE | {"m": ("a", "b")}
CLOSURE = "closure"
ROWS: list[tuple[Setting, str, str, str]] = [
    (setting("linear", "single-node", "hard", SINGLE), "scaling", "exact", "JMLR 2025"),
    (setting("linear", "single-node", "soft", SINGLE, function="linear"), "ancestors", CLOSURE, "JMLR 2025"),
    (setting("linear", "single-node", "soft", SINGLE), "ancestors", CLOSURE, "JMLR 2025"),
    (
        setting("linear", "single-node", "soft", SINGLE, function="nonlinear"),
        "surrounding-parents", "exact", "JMLR 2025",
    ),
    (setting("linear", "multi-node", "hard", SEVERAL), "scaling", "exact", "NeurIPS 2024"),
    (setting("linear", "multi-node", "soft", SEVERAL), "ancestors", CLOSURE, "NeurIPS 2024"),
    (setting("linear", "coupled", "hard", PAIRS), "scaling", "exact", "JMLR 2025"),
    (setting("general", "coupled", "hard", PAIRS), "smooth-map", "exact", "AISTATS 2024"),
    (setting("glm", "coupled", "hard", PAIRS), "smooth-map", "exact", "AISTATS 2024"),
    (setting("general", "uncoupled", "hard", PAIRS), "smooth-map", "exact", "JMLR 2025"),
    (
        setting("general", "single-node", "hard", SINGLE, noise="gaussian", function="linear"),
        "shift-and-scale", "exact", "Buchholz",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "latents", "graph", "paper"), ROWS, ids=lambda v: str(v)[:40])
def test_rows_of_the_table(given: Setting, latents: str, graph: str, paper: str) -> None:
    verdict = identifiability(given)
    assert verdict.covered
    assert not verdict.missing
    assert verdict.latents == latents
    assert verdict.graph == graph
    assert paper in verdict.paper
    assert verdict.citation.startswith("@")
    assert verdict.nodes == NAMES
    text = str(verdict)
    assert text.startswith("Covered by the theory.")
    assert all(line.endswith(".") for line in text.splitlines())


@pytest.mark.parametrize(("given", "latents", "graph", "paper"), ROWS, ids=lambda v: str(v)[:40])
def test_concealed_targets_change_no_promise(given: Setting, latents: str, graph: str, paper: str) -> None:
    verdict = identifiability(replace(given, targets=None))
    assert (verdict.covered, verdict.graph, verdict.nodes) == (True, graph, NAMES)


def test_the_finite_sample_theorem_is_noted() -> None:
    assert any("probability" in note for note in identifiability(ROWS[1][0]).notes)


def test_the_assumption_that_cannot_be_read_off_is_noted() -> None:
    assert any("sufficiently nonlinear" in note for note in identifiability(ROWS[3][0]).notes)
    assert any("differ almost everywhere" in note for note in identifiability(ROWS[7][0]).notes)


def faulty(given: Setting, word: str, remedy: str) -> Verdict:
    verdict = identifiability(given)
    assert not verdict.covered
    assert any(word in one.text for one in verdict.missing), verdict.missing
    assert any(remedy in text for text in verdict.remedies), verdict.remedies
    assert str(verdict).startswith("Not covered")
    return verdict


def test_gaussian_latents_without_interventions_give_nothing() -> None:
    given = setting("linear", "observational", "none", {}, noise="gaussian", function="linear")
    assert faulty(given, "rotation", "hard intervention").graph == "nothing"
    faulty(replace(given, noise="other"), "without interventions", "hard intervention")
    faulty(replace(given, mixing="general"), "general mixing can hide", "two hard")


def test_fewer_environments_name_the_covered_nodes() -> None:
    verdict = faulty(
        setting("linear", "single-node", "hard", {"do_a": ("a",), "do_c": ("c",)}), "for b", "for b"
    )
    assert verdict.nodes == ("a", "c")
    assert (verdict.latents, verdict.graph) == ("ancestors", "nothing")
    short = {name: hit for name, hit in PAIRS.items() if name != "do_c_2"}
    verdict = faulty(setting("general", "coupled", "hard", short), "for c", "second environment for c")
    assert verdict.nodes == ("a", "b")
    assert (verdict.latents, verdict.graph) == ("smooth-map", "part")
    assert "Graph: only who is an ancestor of whom among the latents intervened on." in str(verdict)


def test_fewer_environments_with_concealed_targets_are_counted() -> None:
    given = replace(setting("linear", "single-node", "hard", SINGLE), environments=("e1", "e2"), targets=None)
    verdict = faulty(given, "3 are needed", "add 1 environment")
    assert (verdict.count, verdict.latents) == (2, "ancestors")
    assert "2 of them, those intervened on: up to mixing with their ancestors" in str(verdict)


def test_do_is_refused_with_its_reason() -> None:
    given = setting("linear", "single-node", "hard", SINGLE, deterministic=True)
    faulty(given, "no density", "stochastic")


def test_signatures_without_full_rank_fail() -> None:
    faulty(
        setting("linear", "multi-node", "hard", {"e": ("a", "b"), "f": ("b",)}), "rank 3 is needed", "add 1"
    )
    dependent = {"e": ("a", "b"), "f": ("c",), "g": ("a", "b", "c")}
    faulty(setting("linear", "multi-node", "hard", dependent), "has rank 2", "add 1")


def test_general_mixings_name_what_fails() -> None:
    faulty(setting("general", "single-node", "hard", SINGLE), "one environment per latent", "coupled")
    faulty(setting("general", "coupled", "soft", PAIRS), "are soft", "kind: hard")
    faulty(setting("general", "multi-node", "hard", SINGLE), "several targets", "coupled")
    part = SINGLE | {"again": ("a",)}
    faulty(
        setting("general", "single-node", "hard", part), "one environment", "second hard environment for b, c"
    )


@pytest.mark.parametrize(
    "name", ["linear/hard-5", "linear/soft-8", "linear/quadratic-soft-5", "linear/mlp-hard-8"]
)
def test_shipped_specs_are_covered_by_their_estimator(name: str) -> None:
    verdict = identifiability(load(name))
    assert verdict.covered
    assert verdict.estimator == "lscale-i"
    assert verdict.graph == ("closure" if name == "linear/soft-8" else "exact")


@pytest.mark.parametrize(
    ("given", "variant", "word"),
    [
        (setting("general", "single-node", "hard", SINGLE), "auto", "linear mixings, got general"),
        (setting("linear", "coupled", "hard", PAIRS), "auto", "has two"),
        (setting("linear", "uncoupled", "hard", PAIRS), "auto", "has two"),
        (setting("linear", "multi-node", "hard", SINGLE), "auto", "one target each"),
        (setting("linear", "observational", "none", {}), "auto", "without interventions"),
        (setting("linear", "single-node", "soft", SINGLE), "hard", "needs hard interventions, got soft"),
        (setting("linear", "single-node", "mixed", SINGLE), "hard", "got mixed"),
        (setting("linear", "single-node", "soft", SINGLE, function="linear"), "full-rank", "nonlinear"),
        (
            setting("linear", "single-node", "hard", {"e": ("a",)}),
            "auto",
            "no environment intervenes on b, c",
        ),
        (
            setting("linear", "single-node", "hard", SINGLE | {"e": ("a",)}),
            "auto",
            "several environments intervene on a",
        ),
        (setting("linear", "single-node", "hard", SINGLE, deterministic=True), "auto", "no density"),
    ],
)
def test_lscale_i_refuses_with_a_reason(given: Setting, variant: Any, word: str) -> None:
    reason = LscaleI(variant=variant).refusal(given)
    assert reason is not None
    assert word in reason[0]
    assert reason[1]


def test_lscale_i_takes_its_own_settings() -> None:
    for kind in ("hard", "soft", "mixed"):
        assert LscaleI().refusal(setting("linear", "single-node", kind, SINGLE)) is None
    unread = Setting("linear", "single-node", "hard", NAMES)
    assert LscaleI().refusal(unread) is None


def test_an_estimator_that_is_not_named_is_only_warned_of() -> None:
    from crlspec.spec.check import check

    text = """latents: 2
scm: {graph: [z1 -> z2], mechanism: {kind: linear}, noise: {kind: normal}}
mixing: {kind: mlp, observed: 4}
interventions:
  {design: coupled, kind: hard, noise: {variance: {times: 0.25}}, second: {noise: {variance: {times: 4}}}}
"""
    assert check(loads(text)) == ()
    assert identifiability(loads(text)).covered
    assert identifiability(loads(text)).estimator == "gscale-i"
    issues = check(loads(text.replace("kind: hard", "kind: soft")))
    assert {issue.severity for issue in issues} == {"warning"}
    assert any("no estimator takes this: the interventions are soft" in issue.message for issue in issues)


@pytest.mark.parametrize("name", ["linear/umni-hard-5", "linear/umni-soft-5", "linear/umni-quadratic-hard-5"])
def test_multi_node_specs_are_covered_by_umni_crl(name: str) -> None:
    verdict = identifiability(load(name))
    assert verdict.covered
    assert verdict.estimator == "umni-crl"
    assert verdict.graph == ("closure" if "soft" in name else "exact")


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (setting("general", "multi-node", "hard", SINGLE), "linear mixings, got general"),
        (setting("linear", "observational", "none", {}), "without interventions"),
        (setting("linear", "multi-node", "hard", {"e": ("a", "b"), "f": ("b",)}), "cannot have rank 3"),
        (setting("linear", "multi-node", "hard", {"e": ("a",), "f": ("b",), "g": ("a",)}), "has rank 2"),
        (setting("linear", "multi-node", "hard", SINGLE, deterministic=True), "no density"),
    ],
)
def test_umni_crl_refuses_with_a_reason(given: Setting, word: str) -> None:
    reason = UmniCrl().refusal(given)
    assert reason is not None
    assert word in reason[0]
    assert reason[1]


def test_umni_crl_takes_single_nodes_too_and_several_environments_on_one() -> None:
    for kind in ("hard", "soft", "mixed"):
        assert UmniCrl().refusal(setting("linear", "single-node", kind, SINGLE | {"more": ("a",)})) is None
    assert UmniCrl().refusal(setting("linear", "coupled", "hard", PAIRS)) is None


@pytest.mark.parametrize(("mechanism", "warned"), [("", True), (", mechanism: {times: 0.5}", False)])
def test_soft_interventions_on_the_noise_of_linear_mechanisms_are_warned_of(
    mechanism: str, warned: bool
) -> None:
    from crlspec.spec.check import check

    text = f"""latents: 2
scm: {{graph: [z1 -> z2], mechanism: {{kind: linear}}, noise: {{kind: normal}}}}
mixing: {{kind: linear, observed: 4}}
interventions: {{design: single-node, kind: soft, noise: {{variance: {{times: 0.25}}}}{mechanism}}}
"""
    issues = check(loads(text))
    assert [issue.severity for issue in issues] == (["warning"] if warned else [])
    assert not warned or "change the noise alone" in issues[0].message


def test_a_promise_is_that_of_the_estimator() -> None:
    hard = setting("linear", "single-node", "hard", SINGLE)
    assert promise(hard, LscaleI()).covered
    assert promise(hard, UmniCrl()).covered
    baseline = promise(hard, Pca())
    assert (baseline.covered, baseline.latents, baseline.graph, baseline.estimator) == (
        False, "nothing", "nothing", "pca",
    )  # fmt: skip
    unsaid = promise(setting("general", "single-node", "hard", SINGLE), Contrastive())
    assert not unsaid.covered
    assert "no theorem covers the estimator contrastive" in unsaid.missing[-1].text
    said = setting("general", "single-node", "hard", SINGLE, noise="gaussian", function="linear")
    assert promise(said, Contrastive()).covered


def test_facts_of_a_verdict_go_through_json() -> None:
    import json

    verdict = identifiability(setting("linear", "single-node", "hard", {"do_a": ("a",)}))
    values = json.loads(json.dumps(verdict.as_values()))
    assert (values["covered"], values["latents"], values["graph"]) == (False, "ancestors", "nothing")
    assert values["missing"][0]["assumption"] == "environments"
    assert values["text"] == str(verdict)


def test_a_setting_comes_back_from_its_values() -> None:
    import json

    for given, *_ in ROWS:
        assert Setting.from_values(json.loads(json.dumps(given.as_values()))) == given
