"""Streams of random numbers with names, and draws from a generator of one's own in place of torch's global one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

__all__ = ["RANDOM", "drawing_from", "named_generator", "named_seed"]

RANDOM = frozenset(
    {
        "_sample_dirichlet", "_standard_gamma", "bernoulli", "bernoulli_", "binomial", "cauchy_", "exponential_",
        "geometric_", "log_normal_", "multinomial", "normal", "normal_", "poisson", "rand", "rand_like", "randint",
        "randint_like", "randn", "randn_like", "random_", "randperm", "uniform_",
    }
)  # fmt: skip
"""Functions and methods of torch that draw, and take a ``generator``."""


def named_seed(seed: int, *names: str) -> int:
    """A seed for the stream of random numbers called ``names``, derived from ``seed``: the same in every process."""
    digest = hashlib.sha256(repr((int(seed), *names)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def named_generator(seed: int, *names: str, device: torch.device | str = "cpu") -> torch.Generator:
    """The stream itself. Devices differ in what they draw from one seed."""
    return torch.Generator(device).manual_seed(named_seed(seed, *names))


class drawing_from(TorchFunctionMode):  # noqa: N801  a verb, as one writes it
    """Within ``with drawing_from(generator):`` what torch draws comes from ``generator``, also inside distributions.

    It holds for this thread alone and leaves the global generators as they are, so that threads may draw side by
    side. A call that names its own generator keeps it. Tensors must be on the generator's device.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if getattr(func, "__name__", "") in RANDOM:
            given.setdefault("generator", self.generator)
        return func(*args, **given)
