"""Splits of the samples of several environments."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crlspec.numerics.sample import Sample


@given(
    counts=st.lists(st.integers(2, 60), min_size=1, max_size=6),
    share=st.sampled_from([0.01, 0.1, 0.3, 0.5, 0.99]),
    seed=st.integers(0, 2**31),
)
def test_every_environment_is_in_both_parts_and_every_sample_in_one(
    counts: list[int], share: float, seed: int
) -> None:
    samples = [1000.0 * e + np.arange(count)[:, None] for e, count in enumerate(counts)]
    training, held_out = Sample.split(samples, torch.Generator().manual_seed(seed), share)
    for e, count in enumerate(counts):
        held = int((held_out.environment == e).sum())
        assert held == min(max(1, int(share * count)), count - 1)
        assert int((training.environment == e).sum()) == count - held
    both = training + held_out
    assert sorted(both.y[:, 0].tolist()) == np.concatenate(samples)[:, 0].tolist()
    assert torch.equal((both.y[:, 0] // 1000).long(), both.environment)


def test_either_part_is_in_random_order() -> None:
    samples = [np.zeros((500, 1)), np.ones((500, 1))]
    for part in Sample.split(samples, torch.Generator().manual_seed(0), 0.3):
        first = part.environment[: len(part) // 2].float().mean()
        assert 0.35 < first < 0.65


def test_an_environment_of_one_sample_is_refused() -> None:
    with pytest.raises(ValueError, match=r"environments \[1\] have fewer than two samples"):
        Sample.split([np.zeros((3, 1)), np.zeros((1, 1))], torch.Generator())
