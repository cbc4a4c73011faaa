"""Linear mechanisms and latents by one Gaussian likelihood of all environments, with the error of both.

A regression on recovered latents takes them as given, and a trace of leftover mixing then outweighs its standard
error (docs/edges.md). So the encoder is fitted along: with z = H y, y the latents as recovered and H near the
identity, and r = z_i − c − Σ_j w_j z_j the residual of a mechanism with the variance v,

    Σ_e Σ_samples [ log|det H| − ½ Σ_i (log v + r² / v) ]

is maximised over H, the mechanisms, and the replaced mechanisms, by Newton's method in a trust region. Each
mechanism sees all environments that leave it alone. Only means and covariances enter, so the optimum is right
whatever the noise (a quasi-likelihood); the covariance of its error is the sandwich J⁻¹ B J⁻¹ of White (Econometrica
50, 1982).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from crlspec.downstream.design import Design
from crlspec.downstream.fitted import Fitted, Node
from crlspec.numerics.linalg import augmented_moments
from crlspec.numerics.optimum import Optimum, minimised, warn_unless_settled

__all__ = ["LinearFit", "Slot", "fit_linear", "slots_of"]

CHUNK = 5_000
UNSETTLED = 1e-9


@dataclass(frozen=True)
class Slot:
    """One mechanism to fit: that of ``latent``, or what ``environment`` puts in its place."""

    latent: str
    parents: tuple[str, ...]
    environment: str | None = None


def slots_of(design: Design) -> tuple[Slot, ...]:
    """All mechanisms of a design, those that nothing touches first."""
    base = [Slot(z, design.parents[z]) for z in design.latents]
    replaced = [
        Slot(z, design.parents[z] if design.kind == "soft" else (), environment)
        for environment, hit in design.targets.items()
        for z in hit
    ]
    return (*base, *replaced)


@dataclass(frozen=True)
class LinearFit:
    """The optimum and the covariance of its error.

    design, slots  what was fitted
    free           (latent, latent) bool: the entries of H that were
    theta          (parameter,): H by rows, then weights, intercept and log variance of every slot
    covariance     (parameter, parameter)
    settled        whether the likelihood settles the latents; if not, H = I and errors take the latents as given
    converged      whether ``theta`` is the optimum
    """

    design: Design
    slots: tuple[Slot, ...]
    free: np.ndarray
    theta: np.ndarray
    covariance: np.ndarray
    settled: bool
    converged: bool = True

    @property
    def rotated(self) -> float:
        """The largest off-diagonal entry of H: how far latents moved, in observational standard deviations."""
        return float(
            np.abs(_Layout(self.design, self.slots, self.free).split(self.theta)[0]).max(initial=0.0)
        )

    def fitted(
        self,
        mixing: np.ndarray,
        offset: np.ndarray,
        theta: np.ndarray | None = None,
        noise: Noises | None = None,
    ) -> Fitted:
        """Plain mechanisms, in observational standard deviations: each latent has mean 0 and variance 1 there.

        mixing, offset  of the latents as recovered: x = mixing · y + offset
        theta           other parameters than the optimum
        noise           slot → a noise family, without mean and variance; normal where it is left out
        """
        design, place = self.design, {z: i for i, z in enumerate(self.design.latents)}
        layout = _Layout(design, self.slots, self.free)
        rows, weights, intercepts, log_variances = layout.split(self.theta if theta is None else theta)
        encoder = np.eye(len(place)) + rows
        n = len(place)
        root = np.linalg.inv(np.eye(n) - weights[:n])
        mean = root @ intercepts[:n]
        deviation = np.sqrt(np.diag(root @ np.diag(np.exp(log_variances[:n])) @ root.T))
        back = mixing @ np.linalg.inv(encoder)
        nodes: dict[str | None, dict[str, Node]] = {name: {} for name in (None, *design.targets)}
        for k, slot in enumerate(self.slots):
            i = place[slot.latent]
            weight = {
                p: float(weights[k, place[p]] * deviation[place[p]] / deviation[i]) for p in slot.parents
            }
            shift = float(intercepts[k] + weights[k] @ mean - mean[i]) / deviation[i]
            family = {"kind": "normal"} if noise is None else noise[slot]
            nodes[slot.environment][slot.latent] = Node(
                slot.parents,
                {"kind": "linear", "weight": weight},
                {
                    **family,
                    "mean": 0.0 if slot.environment is None else float(shift),
                    "variance": float(np.exp(log_variances[k]) / deviation[i] ** 2),
                },
            )
        base = nodes.pop(None)
        replaced = {str(name): found for name, found in nodes.items()}
        return Fitted(design, base, replaced, back * deviation, offset + back @ mean)

    def variations(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Pairs θ ± √λ u, one for each direction u of error: Σ (f(θ₊) − f(θ₋))² / 4 is the variance of f(θ)."""
        values, vectors = np.linalg.eigh(self.covariance)
        steps = (vectors * np.sqrt(np.maximum(values, 0.0))).T
        kept = steps[values > 1e-14 * values[-1]]
        return [(self.theta + step, self.theta - step) for step in kept]


Noises = Mapping[Slot, Mapping[str, float | str | list[float]]]


def fit_linear(design: Design, samples: Mapping[str, np.ndarray], settle: bool = True) -> LinearFit:
    """Fit all linear mechanisms of a design.

    samples  environment → latents as recovered (sample, latent), in their convention
    settle   whether the latents are settled along; else they are taken as given
    """
    slots = slots_of(design)
    free = _free(design) & settle
    for candidate in (free, np.zeros_like(free)):
        layout = _Layout(design, slots, candidate)
        likelihood = _Likelihood(layout, samples)
        optimum = likelihood.maximise(_start(layout, samples))
        theta = optimum.x
        information = likelihood.information(theta)
        scale = 1 / np.sqrt(np.maximum(np.diag(information), 1e-300))
        if np.linalg.eigvalsh(information * np.outer(scale, scale))[0] > UNSETTLED or not candidate.any():
            break
    warn_unless_settled(
        optimum.settled, optimum.gradient, "The joint likelihood of the linear mechanisms",
        "Give more samples, or take out an edge between latents that nearly repeat each other.",
    )  # fmt: skip
    inverse = np.linalg.pinv(information, hermitian=True)
    covariance = inverse @ likelihood.outer(theta, samples) @ inverse
    return LinearFit(
        design,
        slots,
        candidate,
        theta,
        covariance,
        bool(candidate.any()) or not _free(design).any(),
        optimum.settled,
    )


def _free(design: Design) -> np.ndarray:
    """Off-diagonal entries of H; where latents come up to mixing with their ancestors, that mixture is kept."""
    n = len(design.latents)
    free = ~np.eye(n, dtype=bool)
    for i, latent in enumerate(design.latents if not design.elementwise else ()):
        free[i, [design.latents.index(z) for z in design.ancestors(latent)]] = False
    return free


class _Layout:
    """Where each parameter stands in θ."""

    def __init__(self, design: Design, slots: tuple[Slot, ...], free: np.ndarray) -> None:
        place = {z: i for i, z in enumerate(design.latents)}
        self.design, self.slots = design, slots
        self.rows = np.argwhere(free).reshape(-1, 2)
        self.weights = np.array(
            [(k, place[parent]) for k, slot in enumerate(slots) for parent in slot.parents], dtype=int
        ).reshape(-1, 2)
        self.latent = np.array([place[slot.latent] for slot in slots])
        self.sizes = [len(self.rows), len(self.weights), len(slots), len(slots)]

    def split(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """H − I (latent, latent), weights (slot, latent), intercepts (slot,), log variances (slot,)."""
        a, w, intercepts, log_variances = np.split(theta, np.cumsum(self.sizes)[:-1])
        n = len(self.design.latents)
        rows, weights = np.zeros((n, n)), np.zeros((len(self.slots), n))
        rows[tuple(self.rows.T)] = a
        weights[tuple(self.weights.T)] = w
        return rows, weights, intercepts, log_variances

    def active(self, environment: str) -> np.ndarray:
        """(slot,) bool: the mechanisms at work in an environment."""
        hit = self.design.targets.get(environment, ())
        return np.array(
            [
                s.environment == environment or (s.environment is None and s.latent not in hit)
                for s in self.slots
            ]
        )


class _Likelihood:
    """The Gaussian log likelihood of all environments, from their means and covariances alone.

    The residual of slot s is a_s · (1, y) with a_s = (−c, H_i − w H); its mean square is a_s M_s a_sᵀ, with M_s the
    second moments of (1, y) over the environments where the mechanism is at work.
    """

    def __init__(self, layout: _Layout, samples: Mapping[str, np.ndarray]) -> None:
        self.layout = layout
        counts = np.array([len(y) for y in samples.values()], dtype=float)
        moments = np.stack([augmented_moments(y) for y in samples.values()])
        active = np.stack([layout.active(name) for name in samples]) * counts[:, None]
        self.total = float(counts.sum())
        self.moments = np.einsum("es,eij->sij", active, moments) / self.total

    def maximise(self, start: np.ndarray) -> Optimum:
        """The optimum in θ, from a start."""
        return minimised(
            lambda theta: self.derivatives(theta)[0],
            start,
            jac=lambda theta: self.derivatives(theta)[1],
            hess=lambda theta: self.derivatives(theta)[2],
            method="trust-exact",
            options={"gtol": 1e-9, "maxiter": 200},
        )

    def information(self, theta: np.ndarray) -> np.ndarray:
        """J: minus the second derivative of the log likelihood, of all samples together."""
        return self.total * self.derivatives(theta)[2]

    def derivatives(self, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Mean negative log likelihood of a sample, up to a constant, its gradient and its second derivative."""
        layout, (n_rows, n_weights, n_slots, _) = self.layout, self.layout.sizes
        rows, weights, intercepts, log_variances = layout.split(theta)
        encoder = np.eye(len(rows)) + rows
        back = np.linalg.inv(encoder)
        precision, share = np.exp(-log_variances), self.moments[:, 0, 0]
        residual = np.column_stack([-intercepts, encoder[layout.latent] - weights @ encoder])
        slope = self._slope(encoder, weights)
        pull = np.einsum("sij,sj->si", self.moments, residual)
        squares = np.einsum("si,si->s", residual, pull)
        along = np.einsum("sip,si->sp", slope, pull) * precision[:, None]
        (i, j), (k, parent), last = layout.rows.T, layout.weights.T, slice(n_rows + n_weights + n_slots, None)
        loss = float((share * log_variances + squares * precision).sum() / 2 - np.linalg.slogdet(encoder)[1])
        gradient = along.sum(0)
        gradient[last] += (share - squares * precision) / 2
        gradient[:n_rows] -= back[j, i]
        second = np.einsum("s,sip,sij,sjq->pq", precision, slope, self.moments, slope, optimize=True)
        second[last, :] -= along
        second[:, last] -= along.T
        second[last, last] += np.diag(squares * precision) / 2
        cross = -np.where(parent[:, None] == i, precision[k, None] * pull[k][:, 1 + j], 0.0)
        second[n_rows : n_rows + n_weights, :n_rows] += cross
        second[:n_rows, n_rows : n_rows + n_weights] += cross.T
        second[:n_rows, :n_rows] += back[np.ix_(j, i)] * back[np.ix_(j, i)].T
        return loss, gradient, second

    def _slope(self, encoder: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """∂a_s/∂θ (slot, 1 + latent, parameter)."""
        layout, (n_rows, n_weights, n_slots, _) = self.layout, self.layout.sizes
        slope = np.zeros((n_slots, 1 + len(encoder), sum(layout.sizes)))
        (i, j), (k, parent) = layout.rows.T, layout.weights.T
        slope[:, 1 + j, np.arange(n_rows)] = (layout.latent[:, None] == i) - weights[:, i]
        slope[k, 1:, n_rows + np.arange(n_weights)] = -encoder[parent]
        each = np.arange(n_slots)
        slope[each, 0, n_rows + n_weights + each] = -1.0
        return slope

    def outer(self, theta: np.ndarray, samples: Mapping[str, np.ndarray]) -> np.ndarray:
        """B: the sum of outer products of per-sample scores, about their mean in each environment."""
        total = np.zeros((len(theta), len(theta)))
        for name, y in samples.items():
            mean, square = np.zeros(len(theta)), np.zeros_like(total)
            for first in range(0, len(y), CHUNK):
                scores = self._scores(theta, name, y[first : first + CHUNK])
                mean += scores.sum(0)
                square += scores.T @ scores
            total += square - np.outer(mean, mean) / len(y)
        return total

    def _scores(self, theta: np.ndarray, environment: str, y: np.ndarray) -> np.ndarray:
        """Derivatives of each sample's log likelihood (sample, parameter)."""
        layout = self.layout
        rows, weights, intercepts, log_variances = layout.split(theta)
        encoder = np.eye(len(rows)) + rows
        active = np.flatnonzero(layout.active(environment))
        z = y @ encoder.T
        residual = z[:, layout.latent[active]] - z @ weights[active].T - intercepts[active]
        pull = residual / np.exp(log_variances[active])
        of_intercepts = np.zeros((len(y), len(layout.slots)))
        of_variances = np.zeros_like(of_intercepts)
        of_intercepts[:, active] = pull
        of_variances[:, active] = (pull * residual - 1) / 2
        of_z = pull @ weights[active]
        np.add.at(of_z.T, layout.latent[active], -pull.T)
        back = np.linalg.inv(encoder)
        i, j = layout.rows.T
        of_rows = of_z[:, i] * y[:, j] + back[j, i]
        k, parent = layout.weights.T
        return np.concatenate([of_rows, of_intercepts[:, k] * z[:, parent], of_intercepts, of_variances], 1)


def _start(layout: _Layout, samples: Mapping[str, np.ndarray]) -> np.ndarray:
    """H = I and least squares on the latents as they are."""
    design = layout.design
    weights, intercepts, log_variances = [], [], []
    for slot in layout.slots:
        shown = design.untouched(slot.latent) if slot.environment is None else (slot.environment,)
        z = np.concatenate([samples[name] for name in shown])
        columns = [design.latents.index(parent) for parent in slot.parents]
        inputs = np.column_stack([z[:, columns], np.ones(len(z))])
        target = z[:, design.latents.index(slot.latent)]
        found, *_ = np.linalg.lstsq(inputs, target, rcond=None)
        weights += found[:-1].tolist()
        intercepts.append(float(found[-1]))
        log_variances.append(float(np.log(max(np.mean((target - inputs @ found) ** 2), 1e-12))))
    return np.array([*np.zeros(layout.sizes[0]), *weights, *intercepts, *log_variances])
