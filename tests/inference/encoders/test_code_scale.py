"""What a code of images is made into before anything is learned from it, and the linear start of its encoders."""

from dataclasses import replace

import numpy as np
import pytest

from crlspec.data import Problem, from_arrays
from crlspec.inference import gscale
from crlspec.inference.encoders.image_logits import ImageLogits
from crlspec.inference.encoders.image_starts import Looked
from crlspec.inference.thresholds import GscaleThresholds
from crlspec.numerics.supervised import Observations
from tests.inference.blobs import NAMES, SETTING

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


def test_a_linear_start_gives_its_latents_at_as_many_samples_as_a_half_has():
    rng = np.random.default_rng(1)
    samples = [rng.normal(size=(51, 3)) + 4, rng.normal(size=(60, 3))]
    halves = tuple(rng.permutation(np.arange(len(one)) % 2) for one in samples)
    found = ImageLogits(tuple(np.zeros((len(one), 2)) for one in samples), halves, (1.0, 1.0))
    looked = Looked(Observations((), np.zeros((111, 0), dtype=np.float32)), tuple(samples), found)
    rows = np.array([[1.0, 2.0, 0.0], [0.0, 0.0, -3.0]])
    (y, z), places = looked.linear_start(samples, rows, seed=2)
    pooled = np.concatenate(samples)
    assert (
        len(places) == len(np.unique(places)) == min(int((np.concatenate(halves) == k).sum()) for k in (0, 1))
    )
    np.testing.assert_array_equal(y, pooled[places])
    np.testing.assert_allclose((z.mean(0), z.std(0)), ([0, 0], [1, 1]), atol=1e-12)
    expected = y @ rows.T
    np.testing.assert_allclose(z, (expected - expected.mean(0)) / expected.std(0))
