"""What a code of images is made into before anything is learned from it, and the linear start of its encoders."""

from dataclasses import replace

import numpy as np
import pytest

from crlspec.data import Problem, from_arrays
from crlspec.inference import gscale
from crlspec.inference.encoders.image_linear import linear_where_told
from crlspec.inference.encoders.image_logits import ImageLogits
from crlspec.inference.encoders.image_starts import Looked
from crlspec.inference.thresholds import GscaleThresholds
from crlspec.numerics.supervised import Observations
from tests.inference.blobs import NAMES, SETTING, latents

LIMITS = GscaleThresholds()


def problem(code):
    """Uncorrelated columns of deviations 2, 1, .2, .02 and 50, of which the first ``code`` are a code of images."""
    size, columns = 400, 5
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(size * len(NAMES), columns))
    whole = np.linalg.qr(whole - whole.mean(0))[0] * np.sqrt(len(whole)) * np.array([2, 1, 0.2, 0.02, 50])
    arrays = dict(zip(NAMES, whole.reshape(len(NAMES), size, columns), strict=True))
    names = tuple(f"x{k + 1}" for k in range(columns))
    setting = replace(SETTING, observed=names)
    return replace(Problem.from_data(from_arrays(arrays), setting), code_size=code)


def deviations(code):
    """(component,) in falling order."""
    return np.concatenate(gscale._components(problem(code), NAMES, LIMITS)[1]).std(0)


def test_small_components_of_a_code_stay_small():
    found = deviations(4)
    floor = np.sqrt(LIMITS.code_floor)
    assert found == pytest.approx([1, 1, 1, 0.1 / floor, 0.01 / floor], rel=1e-6)


def test_a_column_beside_a_code_counts_as_its_first_component():
    space, _ = gscale._components(problem(4), NAMES, LIMITS)
    assert space.spectrum / space.spectrum[0] == pytest.approx([1, 1, 0.25, 0.01, 0.0001], rel=1e-6)


def test_columns_alone_are_all_of_one_size():
    found = deviations(0)
    assert found == pytest.approx(np.ones(5), rel=1e-6)


def test_a_latent_begins_linearly_where_that_tells_its_environments_and_else_at_its_log_ratio():
    """The code holds a as it is, and b on a circle twice around; a classifier knows b alone."""
    rng = np.random.default_rng(1)
    samples, logits, halves = [], [], []
    for name in NAMES:
        z = latents(name, 1200)
        angle = 4 * z[:, 1]
        samples.append(np.column_stack([z[:, 0], np.cos(angle), np.sin(angle)]))
        told = -0.5 * z[:, 1] ** 2 * (1 / 0.4**2 - 1 / 1.6**2)
        logits.append(np.column_stack([*rng.normal(size=(3, len(z))), told, np.zeros(len(z))]))
        halves.append(rng.permutation(np.arange(len(z)) % 2))
    found = ImageLogits(tuple(logits), tuple(halves), (1.0, 1.0))
    pairs = [(1, 2), (3, 4)]
    looked = Looked(Observations((), np.zeros((6000, 0), dtype=np.float32)), tuple(samples), found)
    starts, places = looked.starts(samples, pairs, [(False, False)] * 2, seed=2)
    led, straight = linear_where_told(starts, places, looked, samples, pairs, LIMITS.even)
    assert straight.tolist() == [[True, False]] * 2
    for (points, begun), (same, z) in zip(starts, led, strict=True):
        np.testing.assert_array_equal(points, same)
        np.testing.assert_array_equal(z[:, 1], begun[:, 1])
        assert abs(np.corrcoef(z[:, 0], points[:, 0])[0, 1]) > 0.99
        assert (z[:, 0].mean(), z[:, 0].std()) == pytest.approx((0, 1))
