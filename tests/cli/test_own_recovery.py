"""From a folder of somebody's own CSV files to the graph, by the command line and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import OWN, Call
from tests.reference.generator import generate, write_csv_folder


@pytest.mark.parametrize("seed", [1, 2])
def test_the_graph_of_ones_own_data_is_recovered(call: Call, tmp_path: Path, seed: int) -> None:
    reference = generate(seed, latents=4, observed=8, samples=5000)
    write_csv_folder(reference, tmp_path / "data")
    (tmp_path / "own.yaml").write_text(OWN.replace("latents: 3", "latents: 4"), encoding="utf-8")
    answer = call("run", "own.yaml", "--out", "out", "--seed", seed)
    assert answer.status == 0, answer.err
    dag = json.loads(Path("out/dag.json").read_text(encoding="utf-8"))
    # Targets are concealed: latent k is the one that the k-th interventional environment, do_(k-1), showed.
    assert [node["name"] for node in dag["nodes"]] == ["z1", "z2", "z3", "z4"]
    truth = {(f"z{i + 1}", f"z{j + 1}") for i, j in np.argwhere(reference.adjacency)}
    assert {(edge["from"], edge["to"]) for edge in dag["edges"]} == truth
