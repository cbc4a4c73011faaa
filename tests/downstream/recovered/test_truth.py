"""Results of the truth: right for mixings that a matrix undoes, refused for others."""

from __future__ import annotations

import numpy as np
import pytest

import crlspec
from crlspec.testing import true_result

TEXT = """
latents: {a: "Normal(0, 1)", b: "Normal(0.9*a, 0.6)"}
mixing: {kind: KIND, observed: 4}
environments: {obs: {}, do_a: {a: "Normal(0, 2)"}, do_b: {b: "Normal(0, 2)"}}
"""


@pytest.mark.parametrize("kind", ["linear", "glm"])
def test_latents_and_graph_are_the_truth(kind):
    truth = crlspec.compile(crlspec.loads(TEXT.replace("KIND", kind)), seed=0)
    data = truth.sample(200, seed=0)
    result = true_result(truth, data)
    z, found = data["obs"]["z"].values, result.latents["obs"]["z_hat"].values
    assert np.abs(np.corrcoef(z.T, found.T)[:2, 2:].diagonal()).min() > 1 - 1e-6
    assert {edge.pair for edge in result.edges} == set(truth.graph.edges)


def test_other_mixings_are_refused():
    truth = crlspec.compile(crlspec.loads(TEXT.replace("KIND", "mlp")), seed=0)
    with pytest.raises(TypeError, match="linear and glm, not mlp"):
        true_result(truth, truth.sample(50, seed=0))
