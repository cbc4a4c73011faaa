import time
from dataclasses import dataclass

import numpy as np

from acme_crl.estimator import RootsFirst
from crlspec.inference.answer import assemble
from crlspec.inference.base import Estimator
from crlspec.inference.checks.rank import check_rank
from crlspec.inference.likelihood.refine import refine_gaussian
from crlspec.scores.base import Coordinates


@dataclass(frozen=True)
class RootsFirstEstimator(Estimator):
    alpha: float = 0.01
    declaration = RootsFirst

    def solve(self, problem, scores, seed, progress):
        self.accepts(problem.setting)
        began, order, rows = time.perf_counter(), (), np.empty((0, len(problem.latents)))
        y = Coordinates.of(problem, problem.environments_by_latent)
        check_rank(problem, y)
        differences = scores.estimate(y, seed, progress)
        scored = time.perf_counter()
        while len(order) < len(problem.latents):  # its causes known, a latent leaves rank one
            off = np.eye(len(problem.latents)) - np.linalg.pinv(rows) @ rows
            left = {m: off @ differences.moments[m] @ off for m in range(len(off)) if m not in order}
            m = min(left, key=lambda m: 1 - np.linalg.norm(left[m], 2) / np.linalg.norm(left[m], "nuc"))
            row, there = np.linalg.eigh(left[m])[1][:, -1], y.interventional[y.environments[m]]
            there = there - there.mean(0)  # where it is hit, its causes are cut off
            causes = np.linalg.lstsq(there @ rows.T, there @ row, rcond=None)[0]
            order, rows = (*order, m), np.vstack([rows, row - causes @ rows])
        steps = refine_gaussian(y.all, order, rows, progress)  # for the p-values of the edges
        seconds = {"scores": scored - began, "inference": time.perf_counter() - scored}
        return assemble(problem, y, differences, steps, seconds, alpha=self.alpha, exact_graph=True,
                        targeted_by=dict(zip(problem.latents, y.environments)))  # fmt: skip
