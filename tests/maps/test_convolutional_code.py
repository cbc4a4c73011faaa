"""The convolutional code: what torch trains is what numpy applies; shapes; through arrays and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crlspec.errors import DataError
from crlspec.inference.encoders.autoencoder_code import fit_autoencoder, plain
from crlspec.numerics.autoencoder_training import TrainedAutoencoder
from crlspec.numerics.image_autoencoder import ImageAutoencoder
from crlspec.results.stored_code import code_dataset, code_of
from tests.inference.blobs import NAMES, tree


@pytest.mark.parametrize("shape", [(2, 16, 16), (3, 13, 21), (1, 5, 4)])
def test_numpy_and_torch_agree(shape: tuple[int, int, int]) -> None:
    network = ImageAutoencoder(shape, 4, torch.Generator().manual_seed(0))
    rng = np.random.default_rng(0)
    mean = rng.uniform(0.4, 0.6, shape).astype(np.float32)
    level, size = torch.tensor([0.1, -0.2, 0.3, 0.0]), torch.tensor([0.5, 2.0, 1.0, 0.1])
    code = plain(TrainedAutoencoder(network, mean, level, size, "cpu"))
    images = rng.uniform(size=(7, *shape)).astype(np.float32)
    with torch.no_grad():
        found = network.encode(torch.as_tensor(images - mean))
        back = network.decode(found).numpy() + mean
    np.testing.assert_allclose(code(images), (found - level) / size, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(code.decoded(code(images)), np.clip(back, 0, 1), atol=1e-4)
    assert (code.shape, code.names) == (shape, ("code1", "code2", "code3", "code4"))


def test_a_code_goes_through_arrays_number_for_number() -> None:
    network = ImageAutoencoder((3, 12, 10), 5, torch.Generator().manual_seed(1))
    mean = np.full((3, 12, 10), 0.5, dtype=np.float32)
    code = plain(TrainedAutoencoder(network, mean, torch.zeros(5), torch.ones(5), "cpu"))
    again = code_of(code_dataset(code))
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 12, 10), dtype=np.uint8)
    np.testing.assert_array_equal(again(images), code(images))
    np.testing.assert_array_equal(again.decoded(again(images)), code.decoded(code(images)))
    with pytest.raises(ValueError, match=r"images \(3, 12, 9\) where the code takes \(3, 12, 10\)"):
        code(images[..., :9])


def test_it_gives_back_more_than_as_many_components() -> None:
    from crlspec.inference.encoders.image_code import fit_code

    data = tree(200)
    images = {name: data[name]["image"].values for name in NAMES}
    learned, linear = fit_autoencoder(images, 4, 80, 0), fit_code(images, 4, 0)
    x = images["obs"] / 255
    lost = [((code.decoded(code(images["obs"])) - x) ** 2).sum() for code in (learned, linear)]
    assert lost[0] < 0.5 * lost[1]
    pooled = np.concatenate([learned(one) for one in images.values()])
    np.testing.assert_allclose(pooled.std(0), 1.0, atol=0.15)
    np.testing.assert_array_equal(fit_autoencoder(images, 4, 3, 3)(x), fit_autoencoder(images, 4, 3, 3)(x))


def test_images_that_are_all_the_same_are_refused() -> None:
    with pytest.raises(DataError, match="All images are the same"):
        fit_autoencoder({"obs": np.full((9, 1, 8, 8), 7, dtype=np.uint8)}, 2, 10, 0)
