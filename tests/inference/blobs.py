"""Images whose two latents are seen: a bright blob, its place across and down; two cameras, one mirrored."""

import numpy as np

from crlspec.data import from_arrays
from crlspec.spec.setting import Setting

NAMES = ("obs", "a1", "a2", "b1", "b2")
SETTING = Setting(
    mixing="general", design="coupled", kind="hard", latents=("a", "b"), observational="obs",
    environments=NAMES[1:], pairs=(("a1", "a2"), ("b1", "b2")),
)  # fmt: skip


def latents(environment: str, count: int, seed: int = 0) -> np.ndarray:
    """(sample, latent) of the chain a → b; the environments a1, a2, b1, b2 replace a mechanism by narrow or wide
    noise."""
    rng = np.random.default_rng([seed, NAMES.index(environment)])
    noise = rng.normal(size=(count, 2))
    deviation = 0.4 if environment.endswith("1") else 1.6
    a = noise[:, 0] * (deviation if environment[0] == "a" else 1.0)
    b = noise[:, 1] * deviation if environment[0] == "b" else 0.8 * a + 0.6 * noise[:, 1]
    return np.stack([a, b], axis=1)


def rendered(z: np.ndarray, size: int = 16) -> np.ndarray:
    """Images (sample, 2, size, size) uint8 of latents (sample, 2)."""
    grid = np.arange(size)
    places = size / 2 + 0.3 * size * np.tanh(z / 2)
    across = np.exp(-((grid - places[:, :1]) ** 2) / (0.02 * size**2))
    down = np.exp(-((grid - places[:, 1:]) ** 2) / (0.02 * size**2))
    one = 255 * down[:, :, None] * across[:, None, :]
    return np.stack([one, one[:, :, ::-1]], axis=1).astype(np.uint8)


def tree(count: int, size: int = 16, seed: int = 0):
    """Data of all environments, with the truth."""
    truth = {name: latents(name, count, seed) for name in NAMES}
    images = {name: rendered(z, size) for name, z in truth.items()}
    return from_arrays(images=images, truth=truth, latents=("a", "b"), cameras=("left", "right"))
