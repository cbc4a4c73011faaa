"""Interventions on the device and in the dtype of the program."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine

from crlspec.generative.drawing import drawing_from
from crlspec.handlers import intervene, scale, shift


def chain(device: str, dtype: torch.dtype):
    like = torch.empty(0, device=device, dtype=dtype)

    def program():
        with pyro.plate("samples", 5, device=device):
            a = pyro.sample("a", dist.Normal(like.new_zeros(()), like.new_ones(())))
            return a, pyro.sample("b", dist.Normal(2 * a, like.new_ones(())))

    return program


@pytest.mark.parametrize(
    "change",
    [
        1.5,
        shift(2.0),
        scale(0.5),
        lambda now: dist.Laplace(now.mean, now.stddev),
        lambda now, seen: seen["a"],
    ],
    ids=["do", "shift", "scale", "own", "of earlier sites"],
)
def test_interventions(change, device, dtype):
    with drawing_from(torch.Generator(device).manual_seed(0)):
        trace = poutine.trace(intervene(chain(device, dtype), {"b": change})).get_trace()
    trace.compute_log_prob()
    for name in ("a", "b"):
        value, density = trace.nodes[name]["value"], trace.nodes[name]["log_prob"]
        assert value.dtype == density.dtype == dtype
        assert value.device.type == density.device.type == torch.device(device).type


def test_what_do_fixes_is_read_in_the_dtype_of_the_site(device, dtype):
    seen = []

    def reading(now, values):
        seen.append(values["a"])
        return now

    program = pyro.do(chain(device, dtype), data={"a": torch.tensor(2.0, device=device, dtype=dtype)})
    with drawing_from(torch.Generator(device).manual_seed(0)):
        intervene(program, {"b": reading})()
    assert (seen[0].dtype, seen[0].device.type) == (dtype, torch.device(device).type)
