"""Results that are the truth of a spec."""

from __future__ import annotations

import crlspec
from crlspec.result import Result
from crlspec.testing import true_result


def recovered(text: str, samples: int, seed: int = 0) -> tuple[crlspec.Model, Result]:
    """A compiled spec, and a result that is its truth."""
    truth = crlspec.compile(crlspec.loads(text), seed=seed)
    return truth, true_result(truth, truth.sample(samples, seed=seed))
