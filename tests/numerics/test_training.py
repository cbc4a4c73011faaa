"""The training loop: kills and resumes, replicas that do not feel one another, early stopping, no global state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from crlspec.errors import LossWarning
from crlspec.numerics.checkpoints import Checkpoint
from crlspec.numerics.networks import BatchedNetwork
from crlspec.numerics.training import Plan, Trained, train

PLAN = Plan(steps=60, rate=1e-2, look=5)
X = torch.linspace(-2, 2, 64)[:, None]
Y = torch.stack([torch.sin(2 * X[:, 0]), X[:, 0] ** 2, -X[:, 0]])


class KilledError(Exception):
    """Stands in for the end of the process."""


def run(
    replicas: int = 3,
    plan: Plan = PLAN,
    checkpoint: Checkpoint | None = None,
    kill_at: int | None = None,
    targets: Tensor = Y,
) -> tuple[BatchedNetwork, Trained]:
    generator = torch.Generator().manual_seed(7)
    network = BatchedNetwork(replicas, 1, 8, generator, common=True)

    def loss(index: Tensor) -> Tensor:
        return ((network(X[index].expand(replicas, -1, -1)) - targets[:, index]) ** 2).mean(1)

    def after(step: int) -> None:
        if step == kill_at:
            raise KilledError

    found = train(
        network,
        loss,
        lambda g: torch.randint(64, (16,), generator=g),
        generator,
        plan,
        held_out=lambda: loss(torch.arange(64)),
        checkpoint=checkpoint,
        after=after,
    )
    return network, found


def same(one: tuple[BatchedNetwork, Trained], other: tuple[BatchedNetwork, Trained]) -> None:
    for a, b in zip(one[0].parameters(), other[0].parameters(), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(one[1].history, other[1].history)
    assert torch.equal(one[1].losses, other[1].losses)
    assert one[1].steps == other[1].steps


@settings(max_examples=4, deadline=None)
@given(kills=st.lists(st.integers(1, 59), min_size=1, max_size=3))
def test_killed_anywhere_and_resumed_the_end_is_the_same_to_the_last_bit(tmp_path_factory, kills):
    whole = run()
    checkpoint = Checkpoint(tmp_path_factory.mktemp("run") / "state.pt", seconds=0.0)
    for kill_at in kills:
        try:
            run(checkpoint=checkpoint, kill_at=kill_at)
        except KilledError:
            continue
    same(run(checkpoint=checkpoint), whole)
    same(run(checkpoint=checkpoint, kill_at=1), whole)  # it had ended: no step is made again


def spoilt(path: Path, how: str) -> None:
    """A checkpoint that is damaged, one way or another."""
    content = path.read_bytes()
    if how == "flipped":
        path.write_bytes(content[:900] + bytes([content[900] ^ 1]) + content[901:])
    elif how == "folder":
        path.unlink()
        path.mkdir()
    elif how == "link":
        path.unlink()
        path.symlink_to("nowhere")
    elif how in ("shapes", "keys", "types"):
        state = torch.load(path, weights_only=True)
        if how == "shapes":
            state["module"] = {key: value[..., :1] for key, value in state["module"].items()}
        elif how == "keys":
            del state["best"]
        else:
            state["optimizer"] = [1]
        torch.save(state, path)
    else:
        path.write_bytes({"empty": b"", "text": b"[[[", "truncated": content[:500]}[how])


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("truncated", ""), ("empty", ""), ("text", ""), ("folder", "Is a directory"), ("link", "No such file"),
        ("flipped", "its bytes are not those that were written"), ("shapes", "size mismatch"), ("types", ""),
        ("keys", "it does not hold the state of a training"), ("other", "it is of another training"),
    ],
)  # fmt: skip
def test_a_damaged_checkpoint_is_set_aside_with_a_note_and_trained_anew(
    tmp_path: Path, how: str, reason: str
):
    checkpoint = Checkpoint(tmp_path / "state.pt")
    if how == "other":
        run(plan=Plan(steps=70, rate=1e-2, look=5), checkpoint=checkpoint)
    else:
        run(checkpoint=checkpoint)
        spoilt(checkpoint.path, how)
    with pytest.warns(LossWarning) as told:
        again = run(checkpoint=checkpoint)
    (text,) = [str(one.message) for one in told]
    assert text.startswith(f"{checkpoint.path}: the checkpoint cannot be gone on from (")
    assert reason in text
    assert text.endswith("). It was set aside as state.pt.damaged, and the training starts anew.")
    same(again, run())
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["state.pt", "state.pt.damaged"]
    assert torch.load(checkpoint.path, weights_only=True)["kind"]


def test_replicas_do_not_feel_one_another():
    together, _ = run()
    for k in range(3):
        alone, _ = run(replicas=1, targets=Y[k : k + 1])
        for a, b in zip(alone.parameters(), together.parameters(), strict=True):
            np.testing.assert_allclose(a.detach()[0], b.detach()[k], atol=2e-5)


def test_each_replica_is_left_with_its_best_weights():
    network, found = run()
    losses = ((network(X.expand(3, -1, -1)) - Y) ** 2).mean(1)
    np.testing.assert_allclose(losses.detach(), found.losses, rtol=1e-6)
    np.testing.assert_array_equal(found.losses, found.history.min(0).values)
    assert found.best == int(found.losses.argmin())
    assert found.losses.max() < 0.6


def test_patience_stops_and_a_loss_that_is_no_number_is_never_chosen():
    _, found = run(plan=Plan(steps=4000, rate=1e-2, look=5, patience=3, least=0.5))
    assert found.steps <= 40
    broken = Y.clone()
    broken[1] = torch.nan
    _, found = run(targets=broken)
    assert found.best != 1
    assert torch.isinf(found.losses[1])


def test_nothing_global_is_touched():
    before, dtype = torch.get_rng_state(), torch.get_default_dtype()
    run()
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_default_dtype() == dtype


def test_without_a_held_out_loss_the_last_weights_stay():
    generator = torch.Generator().manual_seed(0)
    network = BatchedNetwork(1, 1, 4, generator)
    found = train(
        network,
        lambda i: (network(X[i][None]) ** 2).mean(1),
        lambda g: torch.arange(8),
        generator,
        Plan(steps=5),
    )
    assert found.steps == 5
    assert torch.isnan(found.losses).all()
