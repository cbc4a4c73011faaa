"""Any number of samples: an estimation ends in a result or says what is missing, and no sample is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crlspec.data import Problem
from crlspec.errors import CrlspecError, DataError
from crlspec.inference.baselines import Ica, Pca
from crlspec.inference.contrastive import Contrastive
from crlspec.inference.edges import classifier_tests, leave_one_out
from crlspec.inference.edges.classifier_model import ContrastModel, Rows
from crlspec.inference.estimate import Estimate
from crlspec.inference.gscale import GScaleI
from crlspec.inference.likelihood import flexible
from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.inference.lscale import LScaleI
from crlspec.inference.umni import UmniCrl
from crlspec.numerics.sample import Sample
from crlspec.progress import silent
from crlspec.scores import kernel
from crlspec.scores.base import Coordinates, ScoreDifference
from crlspec.scores.gaussian import GaussianScores
from crlspec.scores.kernel import KernelScores
from crlspec.scores.ratio import RatioScores
from crlspec.scores.sliced import SlicedScores
from crlspec.testing import LinearGaussianToy, PairsToy

LINEAR = LinearGaussianToy(300).problem
SOFT = replace(LINEAR, setting=replace(LINEAR.setting, kind="soft"))
PAIRS = PairsToy(300).problem
UNCOUPLED = replace(
    PAIRS, setting=replace(PAIRS.setting, mixing="general", link=None, design="uncoupled", pairs=None)
)
ESTIMATORS = {
    "lscale-i hard": (LScaleI(), LINEAR),
    "lscale-i soft": (LScaleI(), SOFT),
    "umni-crl": (UmniCrl(), LINEAR),
    "contrastive": (Contrastive(), LINEAR),
    "ica": (Ica(), LINEAR),
    "pca": (Pca(), LINEAR),
}
SCORES = {
    "gaussian": GaussianScores(),
    "ratio": RatioScores(width=8, steps=20),
    "sliced": SlicedScores(width=8, steps=20),
    "kernel": KernelScores(features=16, trial=50),
}
FEW_AND_ODD = [6, 7, 11, 13, 17, 19, 24]


def cut(problem: Problem, counts: Sequence[int]) -> Problem:
    """The first so many samples of each environment."""
    return replace(
        problem,
        samples={e: x[:count] for (e, x), count in zip(problem.samples.items(), counts, strict=False)},
    )


def solved(estimator: object, problem: Problem, scores: ScoreDifference) -> Estimate | CrlspecError:
    try:
        found: Estimate = estimator.solve(problem, scores, 0, silent)  # type: ignore[attr-defined]
    except CrlspecError as error:
        return error
    assert np.isfinite(found.encoder(next(iter(problem.samples.values())))).all()
    assert all(0 <= edge.p_value <= 1 for edge in found.tested)
    return found


@pytest.mark.parametrize("name", ESTIMATORS)
@given(counts=st.lists(st.integers(6, 120), min_size=4, max_size=4))
@settings(max_examples=4, deadline=None, derandomize=True)
def test_estimators_of_linear_mixings_take_any_counts_or_say_which_they_need(
    name: str, counts: list[int]
) -> None:
    estimator, problem = ESTIMATORS[name]
    found = solved(estimator, cut(problem, counts), GaussianScores())
    assert isinstance(found, Estimate) or (isinstance(found, DataError) and min(counts) < 8)


@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize("counts", [[6, 9, 11, 30], [10] * 4, [11, 29, 13, 31]])
def test_scores_of_any_counts_are_of_every_observational_sample(kind: str, counts: list[int]) -> None:
    coordinates = Coordinates.of(cut(LINEAR, counts), LINEAR.environments)
    if min(counts) < 10:
        with pytest.raises(
            DataError, match=r"Environment 'obs' has 6 samples. Scores .* Give at least (8|10) samples"
        ):
            SCORES[kind].estimate(coordinates, 0, silent)
        return
    estimate = SCORES[kind].estimate(coordinates, 0, silent)
    assert estimate.values.shape == (3, counts[0], 3) and np.isfinite(estimate.values).all()


@pytest.mark.filterwarnings("ignore::crlspec.errors.NumericalWarning")
def test_gscale_behind_a_link_takes_odd_and_unequal_counts() -> None:
    assert isinstance(solved(GScaleI(), cut(PAIRS, FEW_AND_ODD), GaussianScores()), Estimate)


@pytest.mark.slow
def test_gscale_in_general_takes_odd_and_unequal_counts() -> None:
    estimator = GScaleI(steps=30, restarts=2)
    assert isinstance(solved(estimator, cut(UNCOUPLED, FEW_AND_ODD), GaussianScores()), Estimate)


def test_a_link_that_leaves_hardly_a_sample_is_refused() -> None:
    samples = dict(PAIRS.samples)
    samples["a1"] = np.full_like(samples["a1"], 1 - 1e-16)
    with pytest.raises(
        DataError, match=r"Environment 'a1': 300 of 300 samples saturate the link tanh. The 0 others are"
    ):
        GScaleI().solve(replace(PAIRS, samples=samples), GaussianScores(), 0, silent)


@given(rows=st.integers(2, 40), other=st.integers(0, 1), chunk=st.integers(1, 50))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_held_out_losses_are_of_every_sample_of_either_fold(rows: int, other: int, chunk: int) -> None:
    """In chunks, the last of them included, they are what they are in one piece."""
    generator = torch.Generator().manual_seed(rows)
    z = torch.randn(2 * rows + other, 3, generator=generator)
    own = torch.rand(3, len(z), generator=generator) < 0.3
    fits = leave_one_out._Fits(z, own, [(1, -1), (2, -1), (2, 0)], 4, generator)
    shuffled = torch.randperm(len(z), generator=generator)
    folds = shuffled[rows:], shuffled[:rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leave_one_out, "CHUNK", chunk)
        found = fits.at(*folds)
    for k, fold in enumerate(folds):
        with torch.no_grad():
            whole = fits.losses(torch.stack([fold, fold])).reshape(2, 3, -1)[k]
        np.testing.assert_allclose(found[k], whole.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("chunk", [pytest.param(1, marks=pytest.mark.slow), 7, 100, 101])
def test_sums_over_chunks_are_those_of_all_samples(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = Rows(torch.randn(101, 2, generator=generator), torch.arange(101) % 5)
    model = ContrastModel(np.array([[False, False], [True, False]]), generator)
    whole = classifier_tests.contrast_scores(model, rows)
    monkeypatch.setattr(classifier_tests, "CHUNK", chunk)
    parts = classifier_tests.contrast_scores(model, rows)
    np.testing.assert_allclose(parts.sums, whole.sums, atol=1e-4)
    np.testing.assert_allclose(parts.gram, whole.gram, atol=1e-4)


@pytest.mark.parametrize("chunk", [pytest.param(1, marks=pytest.mark.slow), 7, 100, 101])
def test_a_newton_step_sees_every_sample(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def moved() -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        sample = Sample(torch.randn(101, 2, generator=generator), torch.arange(101) % 3)
        model = FlexibleLikelihood(torch.eye(2)[None], torch.tensor([[1, 2]]), generator, width=4)
        model.newton(sample)
        return model.coordinates().detach()

    whole = moved()
    monkeypatch.setattr(flexible, "CHUNK", chunk)
    torch.testing.assert_close(moved(), whole, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("chunk", [1, 30, 31])
def test_kernel_scores_in_chunks_are_those_in_one_piece(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    coordinates = Coordinates.of(cut(LINEAR, [31] * 4), LINEAR.environments)
    whole = SCORES["kernel"].estimate(coordinates, 0, silent).values
    monkeypatch.setattr(kernel, "CHUNK", chunk)
    np.testing.assert_allclose(SCORES["kernel"].estimate(coordinates, 0, silent).values, whole, atol=1e-3)
