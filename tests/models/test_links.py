"""Links and activations have one home: torch, numpy and the schema know the same ones, with the same numbers."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch

from crlspec.models import declarations
from crlspec.models.decoder import ACTIVATIONS
from crlspec.models.decoder_declaration import StoredMap
from crlspec.models.mixings import LINKS
from crlspec.numerics import links
from crlspec.spec.links import ACTIVATION_LEAK, LINK_LEAK, Activation, LinkName
from crlspec.spec.schema import Assume


def test_all_know_the_same_names():
    assert set(LINKS) == set(links.LINKS) == set(get_args(LinkName))
    assert set(ACTIVATIONS) == set(get_args(Activation))


@pytest.mark.parametrize(
    "listed",
    [Assume.model_json_schema(), declarations.GlmMixing.model_json_schema(), StoredMap.model_json_schema()],
)
def test_schemas_list_them(listed):
    link = listed["properties"]["link"]
    names = link.get("enum") or link["anyOf"][0]["enum"]
    assert names == ["tanh", "leaky-relu", "sinh", "arcsinh"]


@pytest.mark.parametrize("name", get_args(LinkName))
def test_torch_and_numpy_agree(name, device, dtype):
    u = np.linspace(-2, 2, 41)
    there = torch.as_tensor(u, dtype=dtype, device=device)
    forward, inverse = LINKS[name]
    value = links.LINKS[name].forward(u)
    close = {"rtol": 1e-12, "atol": 1e-12} if dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(forward(there).double().cpu(), value, **close)
    np.testing.assert_allclose(inverse(forward(there)).double().cpu(), u, **close)
    np.testing.assert_allclose(links.LINKS[name].inverse(value), u, rtol=1e-12, atol=1e-12)


def test_slopes_of_the_leaky_ones():
    below = torch.tensor([-1.0], dtype=torch.float64)
    assert LINKS["leaky-relu"][0](below).item() == links.LINKS["leaky-relu"].forward(-1.0) == -LINK_LEAK
    assert ACTIVATIONS["leaky-relu"](below).item() == -ACTIVATION_LEAK
