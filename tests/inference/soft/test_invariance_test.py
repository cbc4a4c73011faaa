"""What precedes an intervened latent keeps its distribution under a right order, and under no wrong one."""

import itertools

import numpy as np
import torch
from scipy import stats

from crlspec.inference.likelihood.fit import train
from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.inference.soft.invariance_test import FREEDOM, invariance
from crlspec.numerics.sample import Sample
from crlspec.progress import silent
from tests.reference.generator import generate


def test_only_orders_of_the_graph_leave_other_mechanisms_as_they_are() -> None:
    reference = generate(3, latents=3, samples=3000, family="quadratic", kind="soft", density=1.0)
    environments = [f"do_{k}" for k in range(3)]
    white = [reference.z[e] for e in ("obs", *environments)]
    generator = torch.Generator().manual_seed(0)
    training, held_out = Sample.split(white, generator)
    orders = list(itertools.permutations(range(3)))
    rows = torch.stack([torch.eye(3)[list(order)] for order in orders])
    rows = rows / (training.y @ rows.transpose(1, 2)).std(1)[:, :, None]
    model = FlexibleLikelihood(rows, torch.tensor(orders) + 1, generator, soft=True, width=16)
    train(model, training, held_out, generator, silent, steps=100, warm_up=20)
    answers = [invariance(model.chosen(k, generator), training) for k in range(len(orders))]
    right = [
        all(not reference.adjacency[b, a] for a, b in itertools.combinations(order, 2)) for order in orders
    ]
    assert sum(right) == 1
    overall = np.array([answer.overall for answer in answers])
    assert overall.argmin() == right.index(True)
    assert overall.min() < 2 and np.sort(overall)[1] > 5
    best = answers[right.index(True)]
    assert best.order == orders[right.index(True)]
    assert stats.chi2.sf(best.statistics[np.triu_indices(3, 1)], FREEDOM).min() > 1e-4
    assert (best.statistics[np.tril_indices(3)] == 0).all()
