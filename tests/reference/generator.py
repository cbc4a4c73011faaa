"""An independent source of data: numpy only, its own SCMs, noise and mixing, nothing of crlspec.

Used to check that own-data runs recover what spec runs recover, and that no convention of the package's
own sampler leaks into its estimators. Labels are shuffled: nodes carry a random causal order.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Reference:
    """Data of one problem: ``x[environment]`` (sample, observed), ``z`` likewise, and the truth.

    ``adjacency[i, j]`` is true for an edge i -> j; environment ``do_k`` intervenes on node ``k``, or, where targets
    were given, each on its own.
    """

    x: dict[str, np.ndarray]
    z: dict[str, np.ndarray]
    adjacency: np.ndarray
    mixing: np.ndarray


def _mean_function(rng: np.random.Generator, family: str, parents: int):
    """A random function of the parents: (sample, parent) -> (sample,)."""
    if parents == 0:
        return lambda z: np.zeros(len(z))
    if family == "linear":
        weight = rng.choice([-1.0, 1.0], parents) * rng.uniform(0.5, 1.5, parents)
        return lambda z: z @ weight
    if family == "quadratic":
        root = rng.uniform(-1, 1, (parents, parents))
        while np.linalg.svd(root, compute_uv=False)[-1] < 0.1:
            root = rng.uniform(-1, 1, (parents, parents))
        return lambda z: np.sqrt(np.einsum("si,ij,sj->s", z, root.T @ root, z))
    if family == "sine":
        amplitude = rng.choice([-1.0, 1.0], parents) * rng.uniform(1.0, 2.0, parents)
        frequency, phase = rng.uniform(0.7, 1.3, parents), rng.uniform(0, 2 * np.pi, parents)
        return lambda z: np.sin(frequency * z + phase) @ amplitude
    if family == "mlp":
        width = 32
        inner, outer = 1 / np.sqrt(parents), 1 / np.sqrt(width)
        w1, b1 = rng.uniform(-inner, inner, (parents, width)), rng.uniform(-inner, inner, width)
        w2, b2 = rng.uniform(-outer, outer, width), rng.uniform(-outer, outer)
        return lambda z: np.maximum(z @ w1 + b1, 0) @ w2 + b2
    raise ValueError(f"unknown family {family!r}")


def _noise(rng: np.random.Generator, kind: str, variance: float, samples: int) -> np.ndarray:
    if kind == "normal":
        return rng.normal(0, np.sqrt(variance), samples)
    if kind == "laplace":
        return rng.laplace(0, np.sqrt(variance / 2), samples)
    if kind == "student":
        return rng.standard_t(6, samples) * np.sqrt(variance / 1.5)
    if kind == "uniform":
        return rng.uniform(-1, 1, samples) * np.sqrt(3 * variance)
    if kind == "gumbel":
        return (rng.gumbel(0, 1, samples) - np.euler_gamma) * np.sqrt(6 * variance) / np.pi
    raise ValueError(f"unknown noise {kind!r}")


def generate(
    seed: int,
    *,
    latents: int = 5,
    observed: int = 25,
    samples: int = 10_000,
    family: str = "linear",
    noise: str = "normal",
    kind: str = "hard",
    density: float = 0.5,
    variance_factor: float = 5.0,
    targets: dict[str, tuple[int, ...]] | None = None,
) -> Reference:
    """One observational environment ``obs`` and one single-node intervention ``do_k`` per node, in random order;
    or environments by the nodes that they intervene on."""
    rng = np.random.default_rng([seed, 77])
    order = rng.permutation(latents)
    rank = np.argsort(order)
    earlier = rank[:, None] < rank[None, :]
    adjacency = earlier & (rng.random((latents, latents)) < density)
    variance = rng.uniform(0.5, 1.5, latents)
    functions = [_mean_function(rng, family, int(adjacency[:, j].sum())) for j in range(latents)]
    mixing = rng.normal(size=(observed, latents))
    mixing /= np.linalg.norm(mixing, axis=0)
    while np.linalg.cond(mixing) > 20:
        mixing = rng.normal(size=(observed, latents))
        mixing /= np.linalg.norm(mixing, axis=0)

    def draw(hit: tuple[int, ...]) -> np.ndarray:
        z = np.zeros((samples, latents))
        for j in order:
            factor = {"hard": 0.0, "soft": 0.5}[kind] if j in hit else 1.0
            spread = variance[j] * (variance_factor if j in hit else 1.0)
            z[:, j] = factor * functions[j](z[:, adjacency[:, j]]) + _noise(rng, noise, spread, samples)
        return z

    hits = targets or {f"do_{k}": (int(k),) for k in rng.permutation(latents)}
    z = {name: draw(hit) for name, hit in {"obs": (), **hits}.items()}
    return Reference({name: value @ mixing.T for name, value in z.items()}, z, adjacency, mixing)


def write_csv_folder(reference: Reference, folder: Path, names: list[str] | None = None) -> Path:
    """One CSV file per environment, header = observed variables, a row a sample."""
    folder.mkdir(parents=True, exist_ok=True)
    header = ",".join(names or [f"sensor_{k}" for k in range(reference.mixing.shape[0])])
    for environment, x in reference.x.items():
        np.savetxt(folder / f"{environment}.csv", x, delimiter=",", header=header, comments="", fmt="%.17g")
    return folder
