"""Covariances that one change of coordinates makes diagonal together, and what it costs to ask for that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["JointDiagonal", "joint_diagonal"]

STEPS, HALVINGS = 200, 20


@dataclass(frozen=True)
class JointDiagonal:
    """Coordinates in which several covariances are nearly diagonal.

    rows  B (component, component): B S_e Bᵀ is about diagonal for every environment e
    loss  twice the log likelihood that normal samples lose where their components are made independent
    """

    rows: np.ndarray
    loss: float


def joint_diagonal(covariances: np.ndarray, freedom: np.ndarray, start: np.ndarray) -> JointDiagonal:
    """The change of coordinates that costs least where components are made independent in all environments.

    That is the least over B of Σ_e ν_e [log det diag(B S_e Bᵀ) − log det(B S_e Bᵀ)] (Pham, SIAM J. Matrix Anal. Appl.
    22, 2001), found from a start by the quasi-Newton steps of Ablin, Cardoso & Gramfort (ESANN 2019): a local one,
    that is. Where one B does it for E covariances of size n, the loss is about χ² with (E − 2) n(n − 1)/2 degrees of
    freedom.

    covariances  S (environment, component, component), regular
    freedom      ν (environment,) their degrees of freedom
    start        B (component, component), regular
    """
    weights, rows = freedom / freedom.sum(), start
    turned = rows @ covariances @ rows.T
    loss = _loss(turned, weights)
    for _ in range(STEPS):
        diagonal = np.einsum("eii->ei", turned)
        slope = np.einsum("e,eij,ei->ij", weights, turned, 1 / diagonal)
        curve = np.einsum("e,ej,ei->ij", weights, diagonal, 1 / diagonal)
        np.fill_diagonal(slope, 0.0)
        # A pair of rows has the Hessian [[curve_ij, 1], [1, curve_ji]]; singular where both keep their proportion.
        step = -(curve.T * slope - slope.T) / np.maximum(curve * curve.T - 1, 1e-2)
        if -(slope * step).sum() < 1e-12:
            break
        for _ in range(HALVINGS):
            change = np.eye(len(rows)) + step
            tried = change @ turned @ change.T
            found = _loss(tried, weights)
            if found < loss:
                break
            step = step / 2
        else:
            break
        turned, loss, rows = tried, found, change @ rows
    return JointDiagonal(rows, float(freedom.sum() * max(loss, 0.0)))


def _loss(turned: np.ndarray, weights: np.ndarray) -> float:
    signs, volumes = np.linalg.slogdet(turned)
    if not (signs > 0).all():
        return float("inf")
    return float(weights @ (np.log(np.einsum("eii->ei", turned)).sum(1) - volumes))
