"""Strengths of edges: by hand where they are known."""

from __future__ import annotations

import math

import pytest

import crlspec
from crlspec.studies.power.strengths import edge_strengths

SPEC = """\
crlspec: 1
latents:
  a: Normal(0, 2)
  b: Normal(0.5*a, 0.8)
  c: Normal(0.3*b**2, 1)
mixing: {kind: linear, observed: 5}
environments: {obs: {}, do_a: {a: "Normal(0, 1)"}, do_b: {b: "Normal(0, 1)"}, do_c: {c: "Normal(0, 2)"}}
samples: 100
"""


def test_a_strength_is_the_move_of_the_mean_in_deviations_of_the_noise() -> None:
    found = edge_strengths(crlspec.compile(crlspec.loads(SPEC), seed=0), samples=200_000)
    variance_b = 1 + 0.64
    expected = {("a", "b"): 0.5 * 2 / 0.8, ("b", "c"): 0.3 * math.sqrt(2) * variance_b}
    assert found == pytest.approx(expected, rel=0.02)
