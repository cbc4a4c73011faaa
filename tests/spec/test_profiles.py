"""Profiles: the same as --set, chosen by name or device, checked when the file is read, gone from what is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crlspec.errors import SpecError
from crlspec.spec.check import check
from crlspec.spec.json_schema import json_schema
from crlspec.spec.load import dump, load, loads
from crlspec.spec.profiles import choose
from crlspec.spec.resolve import resolve
from crlspec.spec.table import loads_table
from crlspec.studies.sweep.cases import cases_of, cases_of_table

BASE = """\
crlspec: 1
name: small
latents: [a, b, c]
scm:
  graph: [a -> b, b -> c]
  mechanism: {kind: linear, weight: [0.9, 1.2]}
  noise: {kind: normal, variance: [0.8, 1.2]}
mixing: {kind: linear, observed: 6}
interventions: {design: single-node, kind: hard, noise: {variance: {times: 4}}}
samples: 4000
"""
SPEC = f"""{BASE}\
profiles:
  quick: {{samples: 500, mixing.observed: 5, estimator.alpha: 0.001}}
  full:
    samples: 9000
    scores: {{kind: gaussian}}
    scm.graph.1: a -> c
"""
SCENES = (
    "images/balls-2",
    "images/balls-3",
    "robot/arm-3",
    "robot/arm-3-scale",
    "robot/arm-6",
    "robot/arm-6-scale",
)


@pytest.mark.parametrize(
    ("profile", "sets"),
    [
        ("quick", ["samples=500", "mixing.observed=5", "estimator.alpha=0.001"]),
        ("full", ["samples=9000", "scores={kind: gaussian}", "scm.graph.1=a -> c"]),
    ],
)
def test_a_profile_is_the_same_as_its_sets(profile: str, sets: list[str]) -> None:
    under, given = loads(SPEC, profile=profile), loads(BASE, sets=sets)
    assert under == given
    assert dump(under) == dump(given)
    assert dump(resolve(under, 3)) == dump(resolve(given, 3))
    assert (under.profile, given.profile) == (profile, None)
    (case,) = cases_of(given)
    (same,) = cases_of(under)
    assert same.digest == case.digest
    assert (same.spec().profile, case.spec().profile) == (profile, None)


def test_the_file_as_it_stands_is_the_file_without_the_block() -> None:
    for profile in (None, "none"):
        assert dump(loads(SPEC, profile=profile)) == dump(loads(BASE))
        assert loads(SPEC, profile=profile).profile is None


def test_set_wins_over_the_profile_and_the_profile_over_the_file() -> None:
    assert loads(SPEC).samples == 4000
    assert loads(SPEC, profile="quick").samples == 500
    both = loads(SPEC, profile="quick", sets=["samples=70"])
    assert both.samples == 70
    assert both.mixing is not None and both.mixing.observed == 5
    replaced = loads(SPEC, profile="quick", sets=["mixing={kind: linear, observed: 8}"])
    assert replaced.mixing is not None and replaced.mixing.observed == 8


def test_no_profile_leaves_a_trace_in_another() -> None:
    first = dump(loads(SPEC, profile="full"))
    assert dump(loads(SPEC, profile="quick")) != first
    assert dump(loads(SPEC, profile="full")) == first


def test_what_is_written_has_no_block_and_reads_back(tmp_path: Path) -> None:
    spec = loads(SPEC, profile="full")
    assert "profiles" not in dump(spec)
    assert loads(dump(spec)) == spec
    resolved = resolve(spec, 0)
    assert resolved.profile == "full"
    assert loads(dump(resolved)) == resolved


@pytest.mark.parametrize(
    ("device", "profile"), [("cpu", "quick"), ("cpu:0", "quick"), ("cuda", "full"), ("cuda:1", "full")]
)
def test_the_device_chooses_where_no_profile_is_named(tmp_path: Path, device: str, profile: str) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC, encoding="utf-8")
    assert load(path, device=device).profile == profile
    assert load(path, device=device, profile="none").profile is None
    assert load(path).profile is None
    path.write_text(SPEC.replace("quick:", "first:").replace("full:", "second:"), encoding="utf-8")
    assert load(path, device=device).profile is None
    assert choose({}, None, device, "a.yaml") is None


def test_an_unknown_profile_names_those_that_are_there() -> None:
    with pytest.raises(SpecError) as caught:
        loads(SPEC, profile="quik", origin="a.yaml")
    assert str(caught.value) == (
        "a.yaml: there is no profile 'quik'. Remedy: did you mean quick? allowed: quick, full, none."
    )
    with pytest.raises(SpecError) as caught:
        loads(BASE, profile="quick", origin="a.yaml")
    assert str(caught.value) == (
        "a.yaml: there is no profile 'quick': the file has none. Remedy: leave it out, or write profiles: {quick: "
        "{samples: 1000}}."
    )


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (
            "{q: {mixing.obsreved: 5}}",
            "text:11:16: profiles.q.mixing.obsreved: unknown key 'obsreved'. Remedy: did you mean observed?",
        ),
        (
            "{q: {samples: many}}",
            "text:11:25: profiles.q.samples: got 'many'; a whole number from 1 to 1e9 is needed.",
        ),
        (
            "{q: {mixing: {kind: linear, observd: 5}}}",
            "text:11:39: profiles.q.mixing.observd: unknown key 'observd'. Remedy: did you mean observed?",
        ),
        ("{q: {smaples: 5}}", "text:11:16: profiles.q.smaples: unknown key 'smaples'. Remedy: did you mean samples?"),
        (
            "{q: {samples.obs.x: 5}}",
            "text:11:16: profiles.q: samples.obs is no mapping or list with such an entry.",
        ),
        (
            "{q: {latents: [a, b]}}",
            "text:11:12: profiles.q: with this profile scm.graph.1 (5:19): the edge names an unknown latent 'c'.",
        ),
        ("{q: {environments: {obs: {}, e: {a: 'Normal(0, q)'}}}}", "unknown name 'q'"),
        ("{q: {a..b: 5}}", "text:11:16: profiles.q.a..b: got 'a..b'; words parted by single dots are needed."),
        ("{none: {samples: 5}}", "text:11:12: profiles.none: 'none' cannot name a profile."),
        ("{1: {samples: 5}}", "text:11:12: profiles.1: '1' cannot name a profile."),
        ("{q: 5}", "text:11:15: profiles.q: got 5; a mapping of dotted keys is needed. Remedy: write q: {samples:"),
        ("5", "text:11:11: profiles: got 5; named profiles are needed."),
        ("{}", "text:11:11: profiles: got a mapping; named profiles are needed."),
        ("{q: {profiles.r: 5}}", "text:11:16: profiles.q: a profile cannot be changed here."),
    ],
)  # fmt: skip
def test_a_faulty_profile_is_said_with_its_place_whichever_is_taken(block: str, message: str) -> None:
    for profile in (None, "none"):
        with pytest.raises(SpecError) as caught:
            loads(f"{BASE}profiles: {block}\n", profile=profile)
        assert message in str(caught.value)
        assert all(issue.line == 11 and issue.remedy for issue in caught.value.issues)


def test_every_faulty_profile_is_said_at_once_and_faults_of_the_file_once() -> None:
    text = f"{BASE}profiles: {{q: {{samples: 0}}, r: {{mixing.observed: 0}}, s: {{samples: 5}}}}\n"
    with pytest.raises(SpecError) as caught:
        loads(text.replace("hard", "herd"))
    assert [issue.field for issue in caught.value.issues] == [
        "interventions.kind", "profiles.q.samples", "profiles.r.mixing.observed",
    ]  # fmt: skip
    with pytest.raises(SpecError) as caught:
        loads(SPEC.replace("hard", "herd"), sets=["samples=5"])
    assert [issue.field for issue in caught.value.issues] == ["interventions.kind"]
    assert loads(SPEC.replace("hard", "herd"), sets=["interventions.kind=hard"]) == loads(SPEC)


def test_set_that_mends_the_file_is_not_held_up_by_a_profile_that_needs_it_too() -> None:
    text = SPEC.replace("hard", "herd").replace("estimator.alpha: 0.001", "estimator: {alpha: 0.001}")
    assert loads(text, sets=["interventions.kind=hard"]) == loads(BASE)


def test_a_misspelt_block_is_near_to_profiles() -> None:
    with pytest.raises(SpecError, match=r"unknown key 'profils'\. Remedy: did you mean profiles"):
        loads(SPEC.replace("profiles:", "profils:"))
    with pytest.raises(SpecError, match=r"--set profiles\.quick\.samples: a profile cannot be changed here"):
        loads(SPEC, sets=["profiles.quick.samples=5"])


def test_a_path_in_a_profile_is_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "latents: 2\ndata: {path: one, observational: obs}\n"
        "assume: {mixing: linear, interventions: {design: single-node, kind: hard}}\n"
        "profiles: {two: {data.path: two}}\n",
        encoding="utf-8",
    )
    for profile, folder in ((None, "one"), ("two", "two")):
        spec = load(path, profile=profile)
        assert spec.data is not None and spec.data.path == str(tmp_path.resolve() / folder)
    spec = load(path, profile="two", sets=["data.path=three"])
    assert spec.data is not None and spec.data.path == "three"


def test_the_schema_knows_profiles() -> None:
    schema = json_schema()
    block = schema["properties"]["profiles"]
    assert not schema["additionalProperties"]
    assert "profiles" not in schema["required"]
    assert block["additionalProperties"] == {"type": "object"}
    pattern = re.compile(block["propertyNames"]["pattern"])
    assert [bool(pattern.search(name)) for name in ("quick", "a-1_b", "1a", "a b", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert block["propertyNames"]["not"] == {"const": "none"}


@pytest.mark.parametrize("name", SCENES)
def test_shipped_scenes_have_a_quick_and_a_full_profile(name: str) -> None:
    quick, full = load(name, profile="quick"), load(name, profile="full")
    for spec in (quick, full):
        assert not [issue for issue in check(spec) if issue.severity == "error"]
    assert (quick.samples, full.samples) == (4000, 10000)
    cameras = 2 if "arm-6" in name else 1
    assert quick.mixing.image_shape is None
    assert (quick.mixing.pixels, full.mixing.pixels) == ((3, 32, 32), (3 * cameras, 64, 64))
    assert len(quick.latents) == (4 if "balls" in name else 3)
    assert full.latents == load(name).latents


@pytest.mark.parametrize(
    ("large", "small"),
    [
        ("images/balls-3", "images/balls-2"),
        ("robot/arm-6", "robot/arm-3"),
        ("robot/arm-6-scale", "robot/arm-3-scale"),
    ],
)
def test_the_quick_profile_of_a_large_scene_is_that_of_the_small_one(large: str, small: str) -> None:
    assert load(large, profile="quick") == load(small, profile="quick")


def test_settings_of_a_table_take_the_call_before_their_own_profile(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC, encoding="utf-8")
    table = loads_table(
        "table: 1\nname: two\nsettings:\n"
        f"  - {{name: own, spec: '{path}', profile: full, set: [mixing.observed=7]}}\n"
        f"  - {{name: left, spec: '{path}'}}\n"
    )

    def taken(**how: str) -> list[tuple[str | None, object]]:
        return [(case.profile, case.spec().samples) for case in cases_of_table(table, **how)]

    assert taken() == [("full", 9000), (None, 4000)]
    assert taken(device="cpu") == [("full", 9000), ("quick", 500)]
    assert taken(profile="quick", device="cuda") == [("quick", 500), ("quick", 500)]
    assert taken(profile="none", device="cuda") == [(None, 4000), (None, 4000)]
    assert {case.spec().mixing.observed for case in cases_of_table(table, profile="quick")} == {5, 7}
