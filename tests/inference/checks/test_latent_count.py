"""latents: auto, and their number concealed: counted by a test, told, and held against the design."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import crlspec
from crlspec.cli import main
from crlspec.data import Problem, write_data
from crlspec.errors import DataError, SpecError
from crlspec.inference.checks.latent_count import count_latents
from crlspec.spec.load import dump, loads
from crlspec.spec.setting import Setting
from crlspec.testing import LinearGaussianToy

OWN = """
crlspec: 1
latents: auto
data: {path: folder, observational: obs}
assume:
  mixing: linear
  interventions: {design: DESIGN, kind: hard}
"""


def uncounted(design: str = "single-node", noise: float = 0.0, environments: int = 3) -> Problem:
    """The toy with the number of its latents, three, left to the data."""
    toy, rng = LinearGaussianToy(), np.random.default_rng(0)
    base = toy.problem
    x = {name: values + noise * rng.normal(size=values.shape) for name, values in base.samples.items()}
    x |= {f"more{k}": (values[::-1] - 2) * 1.1 + 2 for k, values in enumerate(list(x.values())[1:])}
    names = tuple(x)[1 : environments + 1]
    setting = replace(base.setting, latents=(), environments=names, design=design)  # type: ignore[arg-type]
    return replace(base, setting=setting, samples={name: x[name] for name in ("obs", *names)})


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_latents_are_counted_with_and_without_noise(noise: float) -> None:
    problem, found = count_latents(uncounted(noise=noise))
    assert found is not None
    assert problem.latents == ("z1", "z2", "z3")
    assert problem.setting.noisy == (noise > 0)
    assert str(found).startswith("3 eigenvalues")


def test_a_known_number_is_left_alone() -> None:
    problem = LinearGaussianToy().problem
    assert count_latents(problem) == (problem, None)


@pytest.mark.parametrize(
    ("design", "environments", "word"),
    [
        ("single-node", 2, "design .single-node. has one environment for each latent, and there are 2"),
        ("single-node", 4, "The two contradict each other"),
        ("coupled", 4, "two environments for each latent, and there are 4 .*enough for 2 latents"),
        ("multi-node", 2, "there are only 2 environments"),
    ],
)  # fmt: skip
def test_a_design_of_another_number_is_a_contradiction(design: str, environments: int, word: str) -> None:
    with pytest.raises(DataError, match=word) as caught:
        count_latents(uncounted(design, environments=environments))
    assert caught.value.remedy and caught.value.exit_code == 3


def test_other_numbers_of_environments_fit_other_designs() -> None:
    for design, environments in (("coupled", 6), ("multi-node", 3), ("multi-node", 5)):
        assert len(count_latents(uncounted(design, environments=environments))[0].latents) == 3


def test_where_every_dimension_is_significant_no_number_can_be_told() -> None:
    problem = uncounted(noise=0.1)
    narrow = {name: x[:, :3] for name, x in problem.samples.items()}
    with pytest.raises(DataError, match="cannot be told") as caught:
        count_latents(replace(problem, observed=problem.observed[:3], samples=narrow))
    assert caught.value.remedy


def test_auto_survives_yaml_and_schema() -> None:
    spec = loads(OWN.replace("DESIGN", "single-node"))
    assert spec.latents == () and loads(dump(spec)) == spec
    assert "latents: auto" in dump(spec)
    assert Setting.of(spec).latents == ()
    assert "unknown number" in str(Setting.of(spec))
    assert "is counted in the data" in str(crlspec.identifiability(spec))
    from crlspec.spec.json_schema import json_schema

    assert {"const": "auto"} in json_schema()["properties"]["latents"]["anyOf"]


@pytest.mark.parametrize("noise", [0, 0.05])
def test_a_model_whose_number_of_latents_is_concealed_is_recovered(noise: float) -> None:
    sets = ["conceal=[latents]", f"mixing.noise={noise}", "latents=4", "samples=6000"]
    spec = crlspec.load("linear/hard-5", sets=sets)
    setting = Setting.of(spec)
    assert setting.latents == () and setting.targets is None
    model = crlspec.compile(spec, seed=2)
    result = crlspec.solve(spec, model.sample(seed=2), seed=2)
    assert result.names == ("z1", "z2", "z3", "z4")
    assert "The number of latents, 4, was counted: 4 eigenvalues" in result.status.message
    assert result.provenance["latents"]["count"] == 4
    assert float(result.evaluate(model)["mcc"]) > 0.97
    if noise:
        edges = result.diagnostics["spectrum_edge"].values
        spectrum = result.diagnostics["spectrum"].values
        assert np.all(spectrum[:4] > edges[:4]) and spectrum[4] < edges[4] and np.isnan(edges[5:]).all()


def test_a_whole_run_on_own_data_counts_or_refuses_with_status_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = crlspec.load("linear/hard-5", sets=["latents=3", "samples=4000", "mixing.observed=6"])
    write_data(crlspec.compile(spec, seed=1).sample(seed=1), tmp_path / "folder")
    own = tmp_path / "own.yaml"
    own.write_text(OWN.replace("DESIGN", "single-node"), encoding="utf-8")
    assert main(["run", str(own), "--out", str(tmp_path / "run")]) == 0
    assert "The number of latents, 3, was counted" in capsys.readouterr().out
    assert "latents counted: 3" in (tmp_path / "run" / "run.log").read_text(encoding="utf-8")
    next((tmp_path / "folder").glob("do_z1.*")).unlink()
    assert main(["run", str(own), "--out", str(tmp_path / "again")]) == 3
    assert "contradict each other" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("mixing: linear", "mixing: general"), "can be counted under a linear mixing only"),
        (("kind: hard}", "kind: hard, targets: {a: [z1]}}"), "targets name latents"),
    ],
)
def test_specs_that_cannot_be_counted_are_refused(change: tuple[str, str], word: str) -> None:
    with pytest.raises(SpecError, match=word):
        loads(OWN.replace("DESIGN", "single-node").replace(*change))
