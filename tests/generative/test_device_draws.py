"""Draws on a device of their own: the streams of the CPU, nothing read off the device, the same refusals."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

import crlspec
from crlspec.generative.drawing import named_generator
from crlspec.generative.in_parts import with_noise
from crlspec.generative.scm import DrawError, draw, draws_itself
from crlspec.testing.places import all_in
from tests.generative.test_places import SPECS


@pytest.fixture(params=SPECS)
def built(request):
    return crlspec.compile(crlspec.loads(SPECS[request.param]), seed=1)


def drawn(scm, count: int, seed: int, dtype: torch.dtype = torch.float64, device: str = "cpu"):
    like = torch.empty(count, dtype=dtype, device=device)
    return draw(scm, like, lambda name: named_generator(seed, name))


def test_the_streams_are_those_of_the_cpu(built):
    z, valid = drawn(built.scm, 100, 4)
    assert torch.equal(z, built.scm.sample(100, 4))
    assert valid.all()


def test_draws_in_float32_have_the_distribution(built):
    """Two samples, one of each dtype and seed: Kolmogorov-Smirnov at a level of 1e-4 for each latent."""
    z, valid = drawn(built.scm.to(torch.float32, "cpu"), 4000, 8, torch.float32)
    expected = built.scm.sample(4000, 9)
    assert z.dtype == torch.float32 and valid.all()
    for k in range(z.shape[1]):
        assert stats.ks_2samp(z[:, k].double().numpy(), expected[:, k].numpy()).pvalue > 1e-4
    shifted = stats.ks_2samp(z[:, 0].double().numpy() + 0.2 * float(z[:, 0].std()), expected[:, 0].numpy())
    assert shifted.pvalue < 1e-4, "the test has the power to see a fifth of a standard deviation"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nothing_is_made_elsewhere_or_read_off(built, dtype):
    there = crlspec.compile(built.spec, device="meta", dtype=dtype)
    with all_in(dtype, "meta"):
        for environment in there.environments.values():
            z, valid = drawn(environment.scm, 30, 1, dtype, "meta")
            assert (z.shape, valid.shape) == ((30, 4), (4,))
        x = with_noise(there.mixing(z), 0.1, named_generator(1, "noise"))
        assert x.shape == (30, len(there.observed))


def test_noise_on_observations_is_normal_with_the_given_deviation():
    noise = with_noise(torch.zeros(200, 50, dtype=torch.float64), 0.3, named_generator(2, "noise")).flatten()
    assert stats.kstest(noise.numpy() / 0.3, "norm").pvalue > 1e-4


def refused(scm) -> None:
    """Draws that torch refuses, or that are flagged for the second latent."""
    z, valid = drawn(scm, 50, 1)
    assert valid.tolist()[:2] == [True, False]
    raise scm._wrong_draw(z, valid)


@pytest.mark.parametrize("family", ["Normal", "Laplace"])
def test_a_latent_that_cannot_be_drawn_is_named_as_on_the_cpu(family):
    """torch refuses the first itself; draws of the second are flagged, and asked about afterwards."""
    latents = f"{{a: 'Normal(0, 1)', b: '{family}(0, a)', c: 'Normal(b, 1)'}}"
    scm = crlspec.compile(crlspec.loads(f"latents: {latents}\nmixing: {{kind: linear, observed: 4}}")).scm
    with pytest.raises(DrawError, match="the scale of b is -") as expected:
        scm.sample(50, 1)
    with pytest.raises(DrawError) as found:
        refused(scm)
    assert str(found.value) == str(expected.value)


def test_only_devices_with_numbers_draw_themselves():
    assert [draws_itself(torch.device(name)) for name in ("cpu", "meta", "cuda")] == [False, False, True]
