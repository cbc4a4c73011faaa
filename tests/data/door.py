"""Small data of three latents under hard interventions, for the tests of the door, in whatever shape is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ENVIRONMENTS = ("control", "KO a", "KO b", "KO c")


def samples(rows: int = 60, variables: int = 4, seed: int = 0) -> dict[str, np.ndarray]:
    """Environment → (rows, variables): z1 → z2 → z3, z1 → z3 behind a linear mixing."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(variables, 3))
    found = {}
    for k, name in enumerate(ENVIRONMENTS):
        z = rng.normal(size=(rows, 3)) * np.where(np.arange(3) == k - 1, 2.0, 1.0)
        z[:, 1] += 1.1 * z[:, 0] * (k != 2)
        z[:, 2] += (0.7 * z[:, 0] - 0.9 * z[:, 1]) * (k != 3)
        found[name] = z @ mixing.T
    return found


def frame(given: dict[str, np.ndarray], key: str = "condition", seed: int = 0) -> pd.DataFrame:
    """One table, its rows shuffled, columns g1, g2, …, the environment in a column."""
    parts = [
        pd.DataFrame(x, columns=[f"g{k + 1}" for k in range(x.shape[1])]).assign(**{key: name})
        for name, x in given.items()
    ]
    whole = pd.concat(parts, ignore_index=True)
    return whole.iloc[np.random.default_rng(seed).permutation(len(whole))].reset_index(drop=True)


def cells(given: dict[str, np.ndarray], path: Path | None = None, sparse: bool = False) -> Any:
    """An AnnData of the same, with a second obs key and a layer of twice the values; written to a path if given."""
    import anndata
    import scipy.sparse

    table = frame(given)
    names = [name for name in table.columns if name != "condition"]
    x = table[names].to_numpy()
    obs = pd.DataFrame(
        {"condition": pd.Categorical(table["condition"]), "batch": pd.Categorical(np.arange(len(x)) % 2)},
        index=[f"cell{k}" for k in range(len(x))],
    )
    made = anndata.AnnData(
        scipy.sparse.csr_matrix(x) if sparse else x, obs=obs, var=pd.DataFrame(index=names)
    )
    made.layers["twice"] = 2 * x
    if path is not None:
        with anndata.settings.override(allow_write_nullable_strings=True):
            made.write_h5ad(path)
    return made
