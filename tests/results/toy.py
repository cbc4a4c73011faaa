"""A linear-Gaussian toy truth with the attributes of a compiled model, and an estimate made from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import networkx as nx
import numpy as np
import torch
import xarray as xr

from crlspec.inference.estimate import AbsentEdge, Edge, Estimate, LinearEncoder, Stage, Status

__all__ = ["AbsentEdge", "Edge", "Estimate", "LinearEncoder", "Stage", "Status"]


def names(values: Any) -> np.ndarray:
    return np.array(list(values), dtype=object)


@dataclass(frozen=True)
class ToyMixing:
    matrix: np.ndarray
    has_inverse: bool = True

    def inverse(self, x: torch.Tensor) -> torch.Tensor:
        return x @ torch.linalg.pinv(torch.as_tensor(self.matrix)).mT

    def jacobian(self, z: torch.Tensor) -> torch.Tensor:
        matrix = torch.as_tensor(self.matrix)
        return matrix.expand(*z.shape[:-1], *matrix.shape)


@dataclass(frozen=True)
class ToyEnvironment:
    name: str
    targets: tuple[str, ...]
    kind: str


@dataclass(frozen=True)
class ToyModel:
    """z = Aᵀ z + noise, x = G z; hard: incoming edges cut and the noise changed; soft: the noise changed."""

    weights: np.ndarray  # [i, j]: i → j
    kind: str = "hard"
    seed: int = 0
    observed_count: int = 7
    environments: dict[str, ToyEnvironment] = field(init=False)

    def __post_init__(self) -> None:
        environments = {"obs": ToyEnvironment("obs", (), "none")}
        for name in self.latents:
            environments[f"{self.kind}_{name}"] = ToyEnvironment(f"{self.kind}_{name}", (name,), self.kind)
        object.__setattr__(self, "environments", environments)

    latents = property(lambda self: tuple(f"z{i + 1}" for i in range(len(self.weights))))
    observed = property(lambda self: tuple(f"x{i + 1}" for i in range(self.observed_count)))
    observational = property(lambda self: "obs")

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        return tuple((self.latents[i], self.latents[j]) for i, j in np.argwhere(self.weights))

    @property
    def graph(self) -> nx.DiGraph:
        graph = nx.DiGraph()
        graph.add_nodes_from(self.latents)
        graph.add_edges_from(self.edges)
        return graph

    @property
    def mixing(self) -> ToyMixing:
        rng = np.random.default_rng(self.seed)
        return ToyMixing(rng.normal(size=(self.observed_count, len(self.weights))))

    def mechanisms(self, environment: str) -> tuple[np.ndarray, np.ndarray]:
        weights, variance = self.weights.copy(), np.ones(len(self.weights))
        for target in self.environments[environment].targets:
            j = self.latents.index(target)
            variance[j] = 0.25
            if self.kind == "hard":
                weights[:, j] = 0
        return weights, variance

    def sample(self, n: int | None = None, seed: int = 0) -> xr.DataTree:
        tree = {}
        for k, name in enumerate(self.environments):
            rng = np.random.default_rng([seed, k])
            weights, variance = self.mechanisms(name)
            noise = rng.normal(size=(n or 1000, len(weights))) * np.sqrt(variance)
            z = noise @ np.linalg.inv(np.eye(len(weights)) - weights)
            tree[name] = xr.Dataset(
                {"x": (("sample", "observed"), z @ self.mixing.matrix.T), "z": (("sample", "latent"), z)},
                coords={"observed": names(self.observed), "latent": names(self.latents)},
            )
        return xr.DataTree.from_dict(tree)

    def precision(self, environment: str) -> np.ndarray:
        weights, variance = self.mechanisms(environment)
        root = np.eye(len(weights)) - weights
        return root @ np.diag(1 / variance) @ root.T

    def score(self, z: torch.Tensor, environment: str | None = None) -> torch.Tensor:
        return -z @ torch.as_tensor(self.precision(environment or "obs"))


def toy_model(kind: str = "hard") -> ToyModel:
    """z1 → z2 → z3, z1 → z3, z4 alone."""
    weights = np.zeros((4, 4))
    weights[0, 1], weights[1, 2], weights[0, 2] = 1.0, -0.8, 0.7
    return ToyModel(weights, kind)


def training(dim: str, rows: list[str], kind: str) -> xr.DataArray:
    """Losses that fall, and rise again at the end."""
    steps = np.arange(25, 126, 25)
    losses = np.array([[0.6 + 0.1 * k + (step - 90) ** 2 / 1e5 for step in steps] for k in range(len(rows))])
    return xr.DataArray(
        losses, dims=(dim, "step"), coords={dim: names(rows), "step": steps}, attrs={"kind": kind}
    )


def with_signature(estimate: Estimate, targets: dict[str, list[str]]) -> Estimate:
    """The same with a signature (environment, latent) of 0 and 1."""
    array = xr.DataArray(
        [[int(z in hit) for z in estimate.latents] for hit in targets.values()],
        {"environment": names(targets), "latent": names(estimate.latents)},
        ("environment", "latent"),
    )
    further = {"signature": array, "signature_strength": array * 0.9}
    return replace(estimate, diagnostics={**estimate.diagnostics, **further})


def toy_estimate(model: ToyModel, transform: np.ndarray | None = None, noise: float = 0.0) -> Estimate:
    """The truth itself, with ẑ = transform · z; ``noise`` perturbs the score values."""
    n = len(model.latents)
    transform = np.diag(np.linspace(-2, 3, n)) if transform is None else transform
    encoder = LinearEncoder(transform @ np.linalg.pinv(model.mixing.matrix), np.zeros(len(model.observed)))
    mixing = model.mixing.matrix @ np.linalg.inv(transform)
    order = model.latents
    edges = tuple(Edge(a, b, 0.5, 1e-20) for a, b in model.graph.edges)
    others = tuple(
        Edge(a, b, 0.01, 0.4)
        for i, a in enumerate(order)
        for b in order[i + 1 :]
        if not model.graph.has_edge(a, b)
    )
    x = model.sample(300, seed=9)["obs"]["x"].values
    targeted = [name for name in model.environments if name != "obs"]
    back = np.linalg.pinv(model.mixing.matrix)
    exact = np.stack([x @ back.T @ (model.precision(e) - model.precision("obs")) @ back for e in targeted])
    rng = np.random.default_rng(5)
    values = exact + noise * rng.normal(size=exact.shape) * exact.std()
    scores = ((exact @ mixing) ** 2).mean(axis=1)
    spectrum = np.concatenate([np.linspace(3, 1, n), np.full(len(model.observed) - n, 1e-4)])
    rough = replace(encoder, matrix=encoder.matrix + 0.05 * rng.normal(size=encoder.matrix.shape))
    return Estimate(
        latents=order,
        environment_of=dict(zip(order, targeted, strict=True)),
        encoder=encoder,
        mixing=mixing,
        order=order,
        edges=edges,
        tested=(*others, *edges),
        graph="exact",
        status=Status("ok", "Every decision is clear at the level asked for."),
        stages=(
            Stage("order", tuple(reversed(order)), (), None, 0.1, "peeled from the roots"),
            Stage("unmixing", order, (*edges, *others[:1]), rough, 0.2),
            Stage("likelihood", order, edges, encoder, 1.5, "order confirmed"),
        ),
        diagnostics={
            "score_differences": xr.DataArray(
                scores,
                dims=("environment", "latent"),
                coords={"environment": names(targeted), "latent": names(order)},
            ),
            "spectrum": xr.DataArray(spectrum, dims="component"),
            "score_spectrum": xr.DataArray(
                np.linalg.eigvalsh(np.einsum("esi,esj->eij", exact @ mixing, exact @ mixing) / 300)[:, ::-1],
                dims=("environment", "component"),
                coords={"environment": names(targeted)},
            ),
            "training_scores": training("environment", targeted, "held-out log loss"),
            "training_edges": training("network", ["half 1"], "mean squared error in training"),
            "training_edges_2": training("network", ["half 2"], "mean squared error in training"),
            "score_points": xr.DataArray(x, dims=("sample", "observed")),
            "score_values": xr.DataArray(
                values, dims=("environment", "sample", "observed"), coords={"environment": names(targeted)}
            ),
        },
        seconds={"scores": 0.4, "inference": 1.8},
    )
