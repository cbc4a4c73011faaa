"""Data that stay on disk are solved as those in memory are: the same answer, however they are chunked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import crlspec
from crlspec.cli import main
from crlspec.data import lazily, read_data
from crlspec.data.write_parts import write_parts
from crlspec.errors import CrlspecError
from crlspec.inference.estimate import Estimate, LinearEncoder, Status
from crlspec.numerics import rows as numerics_rows
from crlspec.numerics.rows import Rows
from crlspec.results.evaluate import pooled_truth
from crlspec.spec.load import loads

SPEC = """\
crlspec: 1
name: streamed
latents: [a, b, c]
scm:
  graph: [a -> b, b -> c]
  mechanism: {{kind: linear, weight: [0.9, 1.2]}}
  noise: {{kind: {noise}, variance: [0.8, 1.2]}}
mixing: {{kind: linear, observed: 6}}
interventions: {{design: {design}, kind: {kind}, noise: {{variance: {{times: 4}}}}}}
samples: 3000
estimator: {{kind: {estimator}}}
"""


def spec_of(
    estimator: str = "lscale-i", design: str = "single-node", kind: str = "hard", noise: str = "normal"
) -> Any:
    return loads(SPEC.format(estimator=estimator, design=design, kind=kind, noise=noise))


def stored(spec: Any, path: Path, rows: int) -> Path:
    """Samples of a spec in a store whose chunks have so many rows."""
    model = crlspec.compile(spec, seed=2)
    parts = ((part.environment, {"x": part.x, "z": part.z}) for part in model.parts(seed=3, rows=rows))
    names = {"observed": model.observed, "latent": model.latents}
    notes = {"observational": model.observational}
    return write_parts(path, parts, names, notes, environments=list(model.environments), rows=rows)


def figures(result: Any) -> dict[str, np.ndarray]:
    """All numbers of a result that come from rows."""
    found = {
        "encoder": result.encoder.matrix.values,
        "mixing": result.mixing.values,
        "edges": np.array([[edge.strength, edge.p_value] for edge in result.tested]),
        "checks": np.array([check.figure for check in result.checks if check.name != "sensors"]),
        "latents": np.concatenate([node["z_hat"].values for node in result.latents.children.values()]),
        "loadings": result.diagnostics["loadings"].values,
        "loading_errors": result.diagnostics["loading_errors"].values,
        "score_differences": result.diagnostics["score_differences"].values,
    }
    return {key: np.asarray(values, dtype=float) for key, values in found.items()}


@pytest.mark.parametrize(
    ("estimator", "design", "kind"),
    [
        ("lscale-i", "single-node", "hard"),
        pytest.param("lscale-i", "single-node", "soft", marks=pytest.mark.slow),
        pytest.param("umni-crl", "multi-node", "hard", marks=pytest.mark.slow),
    ],
)
def test_answers_are_those_of_memory_to_rounding_and_equal_whatever_the_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, estimator: str, design: str, kind: str
) -> None:
    spec = spec_of(estimator, design, kind)
    paths = [stored(spec, tmp_path / f"{rows}.zarr", rows) for rows in (256, 1000)]
    whole = crlspec.solve(spec, read_data(paths[0]), seed=1)
    monkeypatch.setattr(lazily, "LARGE", 0)
    monkeypatch.setattr(numerics_rows, "RUN", 2**13)
    data = [read_data(path) for path in paths]
    assert all(isinstance(node["x"].data, Rows) for tree in data for node in tree.children.values())
    first, second = (crlspec.solve(spec, tree, seed=1) for tree in data)
    assert [edge.pair for edge in first.edges] == [edge.pair for edge in whole.edges]
    assert first.status == second.status and first.status.code == whole.status.code
    assert [check.name for check in first.checks] == [check.name for check in whole.checks]
    assert first.provenance["digest"] == second.provenance["digest"] == whole.provenance["digest"]
    one, other, memory = figures(first), figures(second), figures(whole)
    for key, values in one.items():
        assert np.array_equal(values, other[key], equal_nan=True), key
        np.testing.assert_allclose(values, memory[key], rtol=1e-7, atol=1e-9, err_msg=key)


def test_an_estimator_that_needs_the_rows_says_so_and_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of("pca")
    path = stored(spec, tmp_path / "x.zarr", 500)
    whole = crlspec.solve(spec, read_data(path), seed=1)
    monkeypatch.setattr(lazily, "LARGE", 0)
    stages: list[str] = []
    found = crlspec.solve(spec, read_data(path), seed=1, progress=lambda stage, *_: stages.append(stage))
    assert "reading 0.6 MB into memory, which estimator: {kind: pca} needs" in stages
    assert any(stage.startswith("0.6 MB read: ") and stage.endswith(" a second") for stage in stages)
    np.testing.assert_allclose(found.encoder.matrix.values, whole.encoder.matrix.values, rtol=1e-9)
    monkeypatch.setattr("crlspec.data.memory.free_bytes", lambda: 100)
    with pytest.raises(
        CrlspecError, match=r"which estimator: \{kind: pca\} takes in memory, need about 0.6 MB"
    ) as told:
        crlspec.solve(spec, read_data(path), seed=1)
    assert told.value.remedy is not None and told.value.remedy.startswith("Use lscale-i or umni-crl")
    with pytest.raises(CrlspecError, match=r"3 latents of 12000 samples need about 0\.9 MB of memory"):
        crlspec.solve(spec_of(), read_data(path), seed=1)


def test_commands_sample_and_transform_part_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.yaml").write_text(
        SPEC.format(estimator="lscale-i", design="single-node", kind="hard", noise="normal")
    )
    monkeypatch.setattr("crlspec.data.write_parts.CHUNK", 2**12)
    call = ["sample", str(tmp_path / "spec.yaml"), "--seed", "3", "--out"]
    for name in ("x.zarr", "x.nc"):
        assert main([*call, str(tmp_path / name)]) == 0
    told = capsys.readouterr().out
    assert told.count("is written: obs 3000, do_a 3000, do_b 3000, do_c 3000 samples of 6 variables.") == 2
    parts, once = read_data(tmp_path / "x.zarr"), read_data(tmp_path / "x.nc")
    for name, node in once.children.items():
        np.testing.assert_allclose(parts[name]["x"].values, node["x"].values, rtol=1e-12, atol=1e-12)
        assert np.array_equal(parts[name]["z"].values, node["z"].values)
    result = crlspec.solve(spec_of(), once, seed=1)
    result.save(tmp_path / "result.nc")
    expected = np.concatenate([node["z_hat"].values for node in result.latents.children.values()])
    monkeypatch.setattr(lazily, "LARGE", 0)
    import pandas as pd

    for out in ("z.csv", "z.parquet"):
        given = ["--data", str(tmp_path / "x.zarr"), "--out", str(tmp_path / out)]
        assert main(["transform", str(tmp_path / "result.nc"), *given]) == 0
        told = capsys.readouterr().out
        assert (
            "z.csv is written: 12000 rows, columns a, b, c.\n  rows 1-3000: environment obs" in told
            or out != "z.csv"
        )
        found = pd.read_csv(tmp_path / out) if out == "z.csv" else pd.read_parquet(tmp_path / out)
        assert list(found.columns) == ["a", "b", "c"]
        np.testing.assert_allclose(found.to_numpy(), expected, rtol=1e-9, atol=1e-9)


def test_metrics_of_many_samples_encode_them_part_by_part() -> None:
    model = crlspec.compile(spec_of(), seed=2)
    names, n = model.latents, len(model.latents)
    encoder = LinearEncoder(np.random.default_rng(0).normal(size=(n, 6)), np.ones(6))
    estimate = Estimate(
        names, {}, encoder, np.zeros((6, n)), names, (), (), "not estimated", Status("ok", "")
    )  # fmt: skip
    whole = SimpleNamespace(sample=model.sample, environments=model.environments, latents=names)
    observed = model.observed[::-1]
    once = pooled_truth(estimate, observed, whole, 10_500, 4)  # type: ignore[arg-type]
    z, z_hat = pooled_truth(estimate, observed, model, 10_500, 4)
    assert np.array_equal(z, once[0])
    np.testing.assert_allclose(z_hat, once[1], rtol=1e-10, atol=1e-10)


LIMITED = """\
import json, resource, sys
import crlspec
from crlspec.data import lazily, read_data
from crlspec.errors import DataError
from crlspec.spec.load import loads
spec, path, room, large = loads(open(sys.argv[1]).read()), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
crlspec.solve(spec, crlspec.compile(spec, seed=2).sample(500, seed=1), seed=1)  # everything is loaded
lazily.LARGE = 0
read_data(path)["obs"]["x"].isel(sample=slice(1)).values  # threads that read are started
lazily.LARGE = large
held = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData:")) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (held + room, held + room))
try:
    result = crlspec.solve(spec, read_data(path), seed=1)
except (MemoryError, DataError) as error:  # Zarr's own are said as one of the data
    print(json.dumps(f"no memory: {error}"))
else:
    print(json.dumps([sorted(edge.pair) for edge in result.edges]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is that of Linux")
def test_data_larger_than_the_memory_that_is_allowed_are_solved(tmp_path: Path) -> None:
    """192 MB of observations in 150 MB: they do not fit, and in memory the same call fails."""
    text = SPEC.format(estimator="lscale-i", design="single-node", kind="hard", noise="normal")
    text = text.replace("samples: 3000", "samples: 100000").replace("observed: 6", "observed: 60")
    (tmp_path / "spec.yaml").write_text(text)
    path = stored(loads(text), tmp_path / "x.zarr", 10_000)

    def call(large: int) -> Any:
        given = [str(tmp_path / "spec.yaml"), str(path), str(150 * 2**20), str(large)]
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, *given], capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout.splitlines()[-1])

    assert call(0) == [["a", "b"], ["b", "c"]]
    assert str(call(2**40)).startswith("no memory: ")
