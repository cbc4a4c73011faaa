"""Trainings cut short, for tests of what is done with an answer and not of how good it is."""

from __future__ import annotations

from functools import partial

import pytest

from crlspec.inference.edges import classifier, classifier_model
from crlspec.numerics import supervised


def short_edges(patch: pytest.MonkeyPatch) -> None:
    """Edges by a classifier of 20 steps."""
    patch.setattr(classifier, "fit_contrasts", partial(classifier_model.fit_contrasts, steps=20))


def short_networks(patch: pytest.MonkeyPatch) -> None:
    """Supervised networks of 20 steps; of columns they begin at a linear regression."""
    patch.setattr(supervised, "LEAST_STEPS", 20)
    patch.setattr(supervised, "PASSES", 1)
