"""A run of a network estimator that is killed goes on when it is called again, to the same result."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from crlspec.result import Result, open_result
from tests.cli.conftest import Call, empty_page
from tests.inference.short import short_edges

GENERAL = """\
crlspec: 1
name: curved
latents: [a, b]
scm:
  graph: [a -> b]
  mechanism: {kind: linear, weight: [0.9, 1.2]}
  noise: {kind: normal, variance: [0.8, 1.2]}
mixing: {kind: mlp, activation: leaky-relu, layers: 3, observed: 6}
interventions:
  design: coupled
  kind: hard
  noise: {variance: {times: 0.25}}
  second: {noise: {variance: {times: 4}}}
samples: 300
estimator: {kind: gscale-i, restarts: 1, steps: 120}
"""


def killed(call: list[str], folder: Path) -> Path:
    """The new checkpoint that a run leaves when it is killed as soon as there is one."""
    former = set(folder.glob(".out.unfinished/*/*.pt"))
    process = subprocess.Popen(
        [Path(sys.executable).with_name("crlspec"), *call],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        if new := set(folder.glob(".out.unfinished/*/*.pt")) - former:
            process.kill()
            process.wait()
            return new.pop()
        time.sleep(0.01)
    process.kill()
    pytest.fail(f"no checkpoint was written: {process.communicate()[0].decode()}")


@pytest.fixture
def quick_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows the network that is looked at: edges of few steps, and no pictures."""
    short_edges(monkeypatch)
    monkeypatch.setattr(Result, "report", empty_page)


@pytest.mark.usefixtures("quick_end")
def test_a_killed_run_goes_on_to_the_same_result(call: Call, tmp_path: Path):
    (tmp_path / "curved.yaml").write_text(GENERAL, encoding="utf-8")
    checkpoint = killed(["run", "curved.yaml", "--out", "out"], tmp_path)
    step = torch.load(checkpoint, weights_only=True)["step"]
    assert 0 < step < 120
    assert not (tmp_path / "out").exists()
    again = call("run", "curved.yaml", "--out", "out")
    assert f"encoder: going on after step {step}" in (tmp_path / "out" / "run.log").read_text(
        encoding="utf-8"
    )
    whole = call("run", "curved.yaml", "--out", "whole")
    assert again.status == whole.status
    first, second = open_result(tmp_path / "out" / "result.nc"), open_result(tmp_path / "whole" / "result.nc")
    for name in first.latents.children:
        np.testing.assert_array_equal(first.latents[name]["z_hat"], second.latents[name]["z_hat"])
    assert first.edges == second.edges
    for name, values in first.diagnostics.items():
        np.testing.assert_array_equal(values, second.diagnostics[name], err_msg=name)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["curved.yaml", "out", "whole"]
