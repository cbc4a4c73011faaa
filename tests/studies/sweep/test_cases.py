"""Settings of a sweep: products of alternatives, refused before anything runs."""

from __future__ import annotations

import pytest

import crlspec
from crlspec.errors import SpecError
from crlspec.studies.sweep.cases import alternatives, cases_of, changes_of


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("samples=5,10", ["samples=5", "samples=10"]),
        ("latents.a=Normal(0, 1)", ["latents.a=Normal(0, 1)"]),
        ("latents.a=Normal(0, 1), Normal(0, 2)", ["latents.a=Normal(0, 1)", "latents.a=Normal(0, 2)"]),
        ("scm.noise={kind: normal, variance: [0.5, 1]}", ["scm.noise={kind: normal, variance: [0.5, 1]}"]),
        ('name="a,b",c', ['name="a,b"', "name=c"]),
    ],
)
def test_commas_outside_brackets_and_quotes_part_alternatives(entry: str, expected: list[str]) -> None:
    assert alternatives(entry) == expected


def test_an_empty_alternative_is_refused() -> None:
    with pytest.raises(SpecError, match="empty"):
        alternatives("samples=5,")


def test_all_combinations_are_cases() -> None:
    sets = changes_of(["estimator.alpha=0.05"], {"samples": [50, 60], "scores.kind": ["gaussian", "exact"]})
    cases = cases_of("linear/hard-5", sets)
    assert [case.name for case in cases] == [
        f"samples={n} scores.kind={kind}" for n in (50, 60) for kind in ("gaussian", "exact")
    ]
    assert {case.spec().samples for case in cases} == {50, 60}
    assert len({case.digest for case in cases}) == 4
    (one,) = cases_of(crlspec.load("linear/hard-5"))
    assert one.name == "linear-hard-5" and one.spec() == crlspec.load("linear/hard-5")


def test_a_setting_that_cannot_run_is_refused() -> None:
    with pytest.raises(SpecError, match="lscale-i cannot take this"):
        cases_of("linear/hard-5", ["mixing.kind=linear,glm"])
    with pytest.raises(SpecError, match="vary"):
        changes_of([], {"samples": 50})  # type: ignore[dict-item]
