import numpy as np
import pytest


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    """Three environments of unequal size: four observed variables."""
    rng = np.random.default_rng(5)
    return {name: rng.normal(size=(size, 4)) for name, size in (("do_a", 30), ("obs", 50), ("do_b", 20))}
