"""Training over the processes of a Lightning Fabric: the gradients, and the end, of one process on whole batches."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from crlspec.inference.encoders.gaussian_environments import Start
from crlspec.inference.encoders.gaussianise import gaussianise
from crlspec.inference.encoders.structured_ratio import Settings, Starts, fit
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.networks import BatchedNetwork
from crlspec.numerics.training import Plan, train
from crlspec.progress import silent

needs_fabric = pytest.mark.skipif(
    find_spec("lightning_fabric") is None, reason="the extra fabric is not installed"
)


def first_gradients(context: TrainingContext) -> list[torch.Tensor]:
    """Of two networks on a batch of sixteen, of which each process sees its part."""
    generator = torch.Generator().manual_seed(7)
    network = BatchedNetwork(2, 1, 8, generator, common=True)
    x = torch.linspace(-2, 2, 64)[:, None]
    train(
        network,
        lambda index: ((network(x[index].expand(2, -1, -1)) - x[index, 0] ** 2) ** 2).mean(1),
        lambda g: context.part(torch.randint(64, (16,), generator=g)),
        generator,
        Plan(steps=1),
        fabric=context.fabric,
    )
    return [p.grad for p in network.parameters() if p.grad is not None]


def fitted(context: TrainingContext) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Held-out losses of every look, and the encoder, of structured classifiers on two latents."""
    rng = np.random.default_rng(0)
    y = [rng.normal(size=(400, 2)) * scale for scale in ([0.5, 1], [2, 1], [1, 0.5], [1, 2])]
    y.insert(0, rng.normal(size=(400, 2)))
    samples = [np.column_stack([u, u[:, 0] * u[:, 1]]) for u in y]
    rows = rng.normal(size=(2, 2, 3))
    settings = Settings(True, width=8, steps=100, batch=64)
    found = fit(samples, [(1, 2), (3, 4)], Starts(rows), settings, 0, silent, context)
    encoder = [torch.as_tensor(w) for w in (found.encoder.skip, *found.encoder.weights)]
    return encoder, found.trained.history


def gaussianised(context: TrainingContext) -> list[torch.Tensor]:
    """Weights and log loss of the network of contrastive, by either objective, on two linear-Gaussian latents."""
    rng = np.random.default_rng(1)
    samples = []
    for shift, size in (((0, 0), (1, 1)), ((1, 0), (2, 1)), ((0, 1), (1, 0.5))):
        z = np.asarray(shift) + size * rng.normal(size=(300, 2))
        samples.append(np.column_stack([z[:, 0] + 0.3 * np.tanh(z[:, 1]), z[:, 1]]))
    start, found = Start.of(np.eye(2), samples, (0, 1)), []
    for objective in ("likelihood", "log odds"):
        one = gaussianise(samples, [start], objective, 0, silent, Plan(steps=30, look=10), context)
        found += [torch.as_tensor(w) for w in (one.network.skip, *one.network.weights)]
        found.append(torch.tensor([one.odds]))
    return found


def work(folder: Path) -> None:
    """What each of the two processes does."""
    from lightning_fabric import Fabric

    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
    fabric.launch()
    assert fabric.world_size == 2
    place = TrainingContext(fabric=fabric)
    found = {"gradients": first_gradients(place), "fitted": fitted(place)}
    found["gaussianised"] = gaussianised(place)
    torch.save(found, folder / f"{fabric.global_rank}.pt")


@pytest.mark.slow
@needs_fabric
def test_two_processes_do_what_one_does(tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    call = [sys.executable, __file__, tmp_path]
    done = subprocess.run(call, capture_output=True, text=True, env=environment, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    for found in (first, second):
        for ours, whole in zip(found["gradients"], first_gradients(HERE), strict=True):
            torch.testing.assert_close(ours, whole, rtol=1e-6, atol=1e-6)
    encoder, history = fitted(HERE)
    torch.testing.assert_close(first["fitted"][1], history, rtol=1e-5, atol=1e-5)
    for ours, whole in zip(first["fitted"][0], encoder, strict=True):
        torch.testing.assert_close(ours, whole, rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(first["fitted"][0], second["fitted"][0], strict=True):
        assert torch.equal(ours, theirs)
    for ours, theirs, whole in zip(
        first["gaussianised"], second["gaussianised"], gaussianised(HERE), strict=True
    ):
        torch.testing.assert_close(ours, whole, rtol=1e-4, atol=1e-5)
        assert torch.equal(ours, theirs)


def test_parts_must_be_equal() -> None:
    class Three:
        world_size, global_rank = 3, 1

    context = TrainingContext(fabric=Three())
    assert context.part(torch.arange(6)).tolist() == [2, 3]
    with pytest.raises(ValueError, match="not equal parts for 3 processes"):
        context.part(torch.arange(7))


if __name__ == "__main__":
    work(Path(sys.argv[1]))
