"""What all tests share: the device and dtype to test on, and a guard of the process's global state."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a copy of a process (tests.forked) has no threads of OpenMP


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cpu", help="where the tests of compiled models run: cpu, cuda, …")
    parser.addoption("--dtype", default="float64", choices=("float32", "float64"), help="of compiled models")


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> str:
    """The device under test; the test is skipped where it is not there."""
    import torch

    name = request.config.getoption("--device")
    if name.startswith("cuda") and not torch.cuda.is_available():
        pytest.skip(f"{name} is not available")
    return str(name)


@pytest.fixture(scope="session")
def dtype(request: pytest.FixtureRequest) -> Any:
    """The torch dtype under test."""
    import torch

    return getattr(torch, request.config.getoption("--dtype"))


@pytest.fixture
def own_rng() -> Iterator[None]:
    """For tests that draw by Pyro's or torch's global generator: seeded with 0, and put back afterwards."""
    import pyro
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
    pyro.clear_param_store()


def _torch_state() -> dict[str, Any]:
    """The settings of torch and Pyro that belong to the whole process; empty while torch is not loaded."""
    torch, pyro = sys.modules.get("torch"), sys.modules.get("pyro")
    if torch is None or not hasattr(torch, "get_rng_state"):
        return {}
    state: dict[str, Any] = {
        "default dtype": torch.get_default_dtype(),
        "default device": torch.get_default_device(),
        "grad mode": torch.is_grad_enabled(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "TF32 switch": torch.backends.cuda.matmul.allow_tf32,
        "number of threads": torch.get_num_threads(),
        "generator (draw from your own, or use the fixture own_rng)": torch.get_rng_state().numpy().tobytes(),
    }
    if pyro is not None and hasattr(pyro, "get_param_store"):
        state["Pyro parameters"] = sorted(pyro.get_param_store().keys())
    return state


@pytest.fixture(autouse=True)
def _global_state_is_left_alone() -> Iterator[None]:
    """Fails a test that changes what belongs to the whole process."""
    before = _torch_state()
    yield
    after = _torch_state()
    changed = [name for name in before if after[name] != before[name]]
    if changed:
        pytest.fail(f"this test changed torch's global {', '.join(changed)}")
