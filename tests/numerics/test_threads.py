"""One thread for torch and BLAS: as long as anybody asks for it, and no longer."""

from __future__ import annotations

import threading

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from crlspec.numerics.threads import one_thread


def blas() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_what_was_is_given_back() -> None:
    before = torch.get_num_threads()
    with threadpool_limits(2, user_api="blas"):
        with one_thread(), one_thread():
            assert blas() == {1} and torch.get_num_threads() == 1
        assert blas() == {2} and torch.get_num_threads() == before
        with pytest.raises(ValueError, match="within"), one_thread():
            raise ValueError("within")
        assert blas() == {2} and torch.get_num_threads() == before


def test_a_block_that_ends_leaves_those_of_other_threads_in_one_thread() -> None:
    begun, ended, seen = threading.Event(), threading.Event(), []

    def longer() -> None:
        with one_thread():
            begun.set()
            ended.wait(timeout=30)
            seen.append((blas(), torch.get_num_threads()))

    with threadpool_limits(2, user_api="blas"):
        other = threading.Thread(target=longer)
        with one_thread():
            other.start()
            assert begun.wait(timeout=30)
        ended.set()
        other.join(timeout=30)
        assert seen == [({1}, 1)]
