"""Every tensor is made where its inputs live: under another default device, and in float64, nothing strays.

The default device of these tests is ``meta``, whose tensors hold no numbers: a tensor that is made without saying
where cannot meet one of the inputs, which are on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from crlspec.inference.edges.classifier_model import ContrastModel, Rows
from crlspec.inference.edges.classifier_tests import contrast_scores
from crlspec.inference.edges.leave_one_out import _Fits
from crlspec.inference.encoders.gaussian_environments import GaussianEnvironments, Start
from crlspec.inference.encoders.gaussianise import Balanced
from crlspec.inference.encoders.structured_ratio import Settings, StructuredRatio
from crlspec.inference.likelihood.edge_tests import _Scores
from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.inference.likelihood.noise_scale import heteroscedasticity
from crlspec.inference.soft.invariance_test import invariance
from crlspec.inference.soft.shared_test import shared
from crlspec.numerics.sample import Sample


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


DRAWS = torch.randn(400, 3, generator=generator())
SAMPLE = Sample(DRAWS.cumsum(1), torch.arange(400) % 4)
TARGETS = torch.tensor([[1, 2, 3]])
NESTED = FlexibleLikelihood(torch.eye(3)[None], TARGETS, generator(), width=4)
SOFT = FlexibleLikelihood(torch.eye(3)[None], TARGETS, generator(), width=4, soft=True)
SHARED = FlexibleLikelihood(
    torch.eye(3)[None], torch.ones(1, 3, 4).tril().bool(), generator(), width=4, soft=True
)
GRAPH = torch.ones(1, 3, 3).tril(-1).bool()
GIVEN = NESTED.given(GRAPH, generator())
ROWS = Rows(DRAWS, torch.arange(400) % 7)
CONTRASTS = ContrastModel(np.tri(3, k=-1, dtype=bool), generator(), width=4)
FITS = _Fits(DRAWS, torch.zeros(3, 400).bool(), [(1, -1), (1, 0)], 4, generator())
RATIOS = StructuredRatio(
    torch.eye(3)[None], [(1, 2), (3, 4), (5, 6)], Settings(True, width=4, depth=1), generator()
)
START = Start(np.eye(3), np.zeros(3), np.eye(3), np.zeros(3))
ENVIRONMENTS = GaussianEnvironments([START], 4, generator())

PARTS: dict[str, Callable[[], object]] = {
    "rows": lambda: [model.rows() for model in (NESTED, SOFT, GIVEN)],
    "loss": lambda: [model.loss(SAMPLE) for model in (NESTED, SOFT, GIVEN)],
    "newton": lambda: [model.newton(SAMPLE) for model in (NESTED, SOFT, GIVEN)],
    "edge tests": lambda: _Scores(GIVEN, SAMPLE).tests([(2, 0)]),
    "noise scale": lambda: heteroscedasticity(GIVEN, SAMPLE),
    "invariance": lambda: invariance(SOFT, SAMPLE, 1),
    "shared mechanisms": lambda: shared(SHARED, SAMPLE),
    "classifier": lambda: CONTRASTS.losses(ROWS).sum() + CONTRASTS.losses_without(ROWS).sum(),
    "classifier's tests": lambda: contrast_scores(CONTRASTS, ROWS).tests(),
    "leave one out": lambda: FITS.at(
        torch.tensor([0, 1, 2], device="cpu"), torch.tensor([3, 4], device="cpu")
    ),
    "structured ratio": lambda: RATIOS.losses(DRAWS[None, :10].expand(7, -1, -1)),
    "environments": lambda: (ENVIRONMENTS.contrast(SAMPLE), ENVIRONMENTS.likelihood(SAMPLE)),
    "balanced batches": lambda: Balanced(SAMPLE)(16, generator()),
}


@pytest.mark.parametrize("name", PARTS)
def test_no_tensor_is_made_elsewhere_than_its_inputs(name: str) -> None:
    with torch.device("meta"):
        PARTS[name]()


def test_a_likelihood_of_float64_stays_one() -> None:
    sample = Sample(SAMPLE.y.double(), SAMPLE.environment)
    for model in (NESTED, SOFT, GIVEN):
        assert model.double().loss(sample).dtype == model.rows().dtype == torch.float64
        model.float()
