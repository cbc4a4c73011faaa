"""A call of the command line inside the test's own process, and small data to call it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from crlspec.cli import main
from crlspec.disk.write import write_file
from crlspec.inference.estimate import Edge, Estimate, LinearEncoder, Stage, Status
from crlspec.inference.thresholds import Thresholds
from tests.reference.generator import Reference, generate, write_csv_folder

SPEC = """\
crlspec: 1
name: small
latents: [a, b, c]
scm:
  graph: [a -> b, b -> c]
  mechanism: {kind: linear, weight: [0.9, 1.2]}
  noise: {kind: normal, variance: [0.8, 1.2]}
mixing: {kind: linear, observed: 6}
interventions: {design: single-node, kind: hard, noise: {variance: {times: 4}}}
samples: 4000
scores: {kind: gaussian}
"""

OWN = """\
crlspec: 1
name: own
latents: 3
data: {path: data, observational: obs}
assume:
  mixing: linear
  interventions: {design: single-node, kind: hard, targets: concealed}
scores: {kind: gaussian}
"""


@dataclass(frozen=True)
class Answer:
    """What a call gave back."""

    status: int
    out: str
    err: str


Call = Callable[..., Answer]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """``call("run", spec)`` in an empty folder: exit status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def answer(*argv: object) -> Answer:
        capsys.readouterr()
        try:
            status = main([str(part) for part in argv])
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        found = capsys.readouterr()
        assert "Traceback" not in found.err
        return Answer(status, found.out, found.err)

    return answer


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A small spec with a truth."""
    path = tmp_path / "small.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def reference() -> Reference:
    """Somebody's own data, made without crlspec: 3 latents, 6 sensors, 4000 samples an environment."""
    return generate(11, latents=3, observed=6, samples=4000)


@pytest.fixture
def own(tmp_path: Path, reference: Reference) -> Path:
    """A spec for one's own data, with a CSV folder beside it."""
    write_csv_folder(reference, tmp_path / "data")
    path = tmp_path / "own.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


class FixedEstimator:
    """Knows nothing of causality: principal components for latents, one edge, the status it is told."""

    thresholds = Thresholds()

    def __init__(self, status: Status) -> None:
        self.status = status

    def accepts(self, setting: Any) -> None:
        """Takes everything."""

    def solve(self, problem: Any, scores: Any, seed: int, progress: Callable[..., None]) -> Estimate:
        """The same answer up to names, whatever the names."""
        progress("scores", 0.5)
        progress("inference", 1, 2)
        pooled = np.concatenate([problem.samples[name] for name in sorted(problem.samples)])
        n, offset = len(problem.latents), pooled.mean(axis=0)
        _, spectrum, directions = np.linalg.svd(pooled - offset, full_matrices=False)
        encoder = LinearEncoder(directions[:n], offset)
        edges = (Edge(problem.latents[0], problem.latents[1], 0.5, 0.001),)
        names = np.array(problem.latents, dtype=object)
        environments = np.array(problem.environments, dtype=object)
        by_pair = {"environment": environments, "latent": names}
        shown = dict(zip(problem.latents, problem.environments, strict=True))
        if problem.setting.targets is not None:
            shown = {target[0]: name for name, target in problem.setting.targets.items()}
        points = pooled[:10]
        return Estimate(
            latents=problem.latents,
            environment_of=shown,
            encoder=encoder,
            mixing=directions[:n].T,
            order=problem.latents,
            edges=edges,
            tested=edges,
            graph="exact",
            status=self.status,
            stages=(Stage("components", problem.latents, edges, replace(encoder), 0.0, "fixed"),),
            diagnostics={
                "score_differences": xr.DataArray(np.eye(n), by_pair, ("environment", "latent")),
                "spectrum": xr.DataArray(spectrum, dims=("component",)),
                "score_points": xr.DataArray(points, dims=("sample", "observed")),
                "score_values": xr.DataArray(
                    np.zeros((n, *points.shape)),
                    dims=("environment", "sample", "observed"),
                    coords={"environment": environments},
                ),
            },
            seconds={"scores": 0.1, "inference": 0.2},
        )


def empty_page(result: Any, path: Path, model: Any = None, force: bool = False, **_: Any) -> Path:
    """What is written for a report where no test looks at it."""
    return write_file(path, "<html></html>\n", force)


@pytest.fixture
def fixed_estimator(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``fixed_estimator("refuted", "…")`` puts the estimator above in the place of any other.

    Its report is always the same: an empty page stands for it unless ``pictures`` are asked for.
    """
    import crlspec.result
    import crlspec.scores
    import crlspec.solving

    def install(
        code: Any = "ok", message: str = "all well", remedy: str | None = None, pictures: bool = False
    ) -> None:
        estimator = FixedEstimator(Status(code, message, remedy))
        monkeypatch.setattr(crlspec.solving, "estimator_for", lambda *_: estimator, raising=False)
        monkeypatch.setattr(crlspec.scores, "scores_for", lambda *_: None, raising=False)
        if not pictures:
            monkeypatch.setattr(crlspec.result.Result, "report", empty_page)

    return install
