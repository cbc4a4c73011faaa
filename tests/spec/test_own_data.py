"""The block data: and the words that need data to be settled: from-environments, components."""

from __future__ import annotations

import pytest

import crlspec
from crlspec.errors import DataError, SpecError
from crlspec.given import latent_names, named_by_environments
from crlspec.spec.json_schema import json_schema
from crlspec.spec.load import dump, loads
from crlspec.spec.setting import Setting

OWN = """
latents: from-environments
data:
  path: cells.h5ad
  environment: guide
  observational: control
  variables: {drop: id}
  layer: counts
  missing: drop-rows
  transform: log1p
  components: 20
assume: {mixing: linear, interventions: {design: single-node, kind: soft}}
"""
MODEL = """
latents: from-environments
scm: {graph: {kind: random}, mechanism: {kind: linear}, noise: {kind: normal}}
mixing: {kind: linear, observed: 5}
interventions: {design: single-node, kind: hard}
"""


def issues(text: str, *sets: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        loads(text, sets=sets)
    return [f"{issue.message} Remedy: {issue.remedy}" for issue in caught.value.issues]


def test_all_keys_of_data_come_back_from_a_dump() -> None:
    spec = loads(OWN)
    assert loads(dump(spec)) == spec
    assert spec.data is not None and spec.latents_from == "environments"
    assert spec.data.reading() == {
        "variable": "x",
        "dims": None,
        "observational": "control",
        "environment": "guide",
        "variables": (),
        "drop": ("id",),
        "layer": "counts",
        "missing": "drop-rows",
        "transform": ("log1p",),
        "components": 20,
    }
    assert loads(OWN, sets=["data.variables=[a, b]"]).data.reading()["variables"] == ("a", "b")  # type: ignore[union-attr]
    assert {"const": "from-environments"} in json_schema()["properties"]["latents"]["anyOf"]
    assert "latents_from" not in json_schema()["properties"]


def test_a_wrong_word_is_answered_with_those_that_are_right() -> None:
    assert issues(OWN, "data.missing=drop") == [
        "got 'drop'; one of the allowed values is needed. Remedy: did you mean drop-rows? allowed: refuse, drop-rows."
    ]
    assert "did you mean components?" in issues(OWN, "data.component=3")[0]
    assert issues(OWN, "data.experiments=[a, b]", "data.layer=null")[0].startswith(
        "environment is not for folders of experiments"
    )


def test_latents_are_called_after_environments_where_each_has_one() -> None:
    setting, tree = (
        Setting.of(loads(OWN)),
        crlspec.from_arrays({"control": [[0.0]], "KO TP53": [[0.0]], "3": [[1.0]]}),
    )
    assert named_by_environments(setting, loads(OWN), tree).latents == ("KO_TP53", "z_3")
    assert latent_names(["a b", "a-b", "normal", "x", "for"]) == ["a_b", "a_b_2", "normal", "z_x", "z_for"]
    pairs = loads(
        OWN,
        sets=["assume.interventions.design=coupled", "assume.interventions.pairs=[[p_lo, p_hi], [q1, r]]"],
    )
    assert named_by_environments(Setting.of(pairs), pairs, tree).latents == ("p", "q1")
    with pytest.raises(DataError, match="there is no environment with an intervention"):
        named_by_environments(setting, loads(OWN), crlspec.from_arrays({"control": [[0.0]]}))
    assert issues(OWN, "assume.interventions.design=multi-node")[0] == (
        "design multi-node has no environment for each latent to be called after. Remedy: give their number, e.g. "
        "latents: 3; or use design: single-node, or coupled with pairs."
    )
    assert any("the spec declares a model, whose latents need names" in text for text in issues(MODEL))


def test_what_components_cost_is_noted_and_what_they_break_refused() -> None:
    (note,) = [one for one in crlspec.check(loads(OWN)) if one.field == "data.components"]
    assert note.severity == "note"
    assert note.message == (
        "the theory then speaks of 20 principal components: of a linear mixing without noise they lose nothing, if "
        "they are as many as latents. With noise, a latent that moves the variables little may lie outside them."
    )
    assert issues(OWN, "assume.observation_noise=per-variable") == [
        "a component mixes the noise of all variables, so that no variable's own is left. Remedy: use "
        "observation_noise: isotropic or none, or leave components out."
    ]


def test_the_verdict_of_latents_from_environments_counts_nothing() -> None:
    verdict = crlspec.identifiability(loads(OWN))
    assert verdict.covered
    assert not any("counted" in note for note in verdict.notes)
