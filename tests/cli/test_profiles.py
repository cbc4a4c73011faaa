"""--profile on the command line: chosen, said with its cost, kept in the provenance, replayed without the flag."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import crlspec
from crlspec.cli.cost import cost, in_bytes
from tests.cli.conftest import SPEC, Call

PROFILES = f"""{SPEC}\
profiles:
  quick: {{samples: 900, mixing.observed: 5}}
  full: {{samples: {{obs: 2000, do_a: 1000, do_b: 1000, do_c: 1000}}}}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(PROFILES, encoding="utf-8")
    return path


def text_of(folder: Path) -> tuple[str, str]:
    """The first line of a run's spec.yaml, and the rest."""
    head, _, rest = (folder / "spec.yaml").read_text(encoding="utf-8").partition("\n")
    return head, rest


def test_a_run_says_its_profile_and_keeps_it_and_replays_without_it(call: Call, spec: Path) -> None:
    ran = call("run", spec, "--out", "run")
    said = "profile quick: 3,600 samples of 5 variables (4 environments × 900), 144.0 kB in memory.\n"
    assert said in ran.err
    assert said in Path("run/run.log").read_text(encoding="utf-8")
    head, rest = text_of(Path("run"))
    assert head.endswith(", seed 0, profile quick.")
    assert "profiles" not in rest
    result = crlspec.open_result("run/result.nc")
    assert result.provenance["profile"] == "quick"
    assert "profiles" not in result.provenance["spec"]

    by_hand = call(
        "run", spec, "--profile", "none", "--set", "samples=900", "mixing.observed=5", "--out", "hand"
    )
    assert by_hand.status == ran.status
    assert "profile" not in by_hand.err
    assert text_of(Path("hand"))[1] == rest
    assert "profile" not in crlspec.open_result("hand/result.nc").provenance
    assert Path("hand/dag.json").read_bytes() == Path("run/dag.json").read_bytes()

    again = call("replay", "run")
    assert "The graph is the same as in" in again.out
    assert text_of(Path("run-replay")) == (head, rest)
    assert Path("run-replay/dag.json").read_bytes() == Path("run/dag.json").read_bytes()
    assert crlspec.open_result("run-replay/result.nc").provenance["profile"] == "quick"


def test_samples_and_set_win_over_the_profile(call: Call, spec: Path) -> None:
    answer = call("sample", spec, "--samples", "7", "--set", "mixing.observed=4", "--out", "data.nc")
    assert answer.status == 0, answer.err
    assert "obs 7, do_a 7, do_b 7, do_c 7 samples of 4 variables" in answer.out


def test_every_command_about_specs_takes_a_profile(call: Call, spec: Path) -> None:
    assert call("check", spec).out.startswith("small (profile quick): ")
    assert call("check", spec, "--profile", "none").out.startswith("small: ")
    assert json.loads(call("check", spec, "--profile", "full", "--json").out)["profile"] == "full"
    assert "# random parts drawn with seed 0, profile quick" in call("show", spec).out
    shown = call("show", spec, "--profile", "full", "--yaml").out
    assert crlspec.loads(shown).samples == {"obs": 2000, "do_a": 1000, "do_b": 1000, "do_c": 1000}
    for argv in (("check",), ("show",), ("run",), ("sample", "--out", "x.nc"), ("sweep",), ("stability",)):
        answer = call(*argv, spec, "--profile", "ful")
        assert answer.status == 2
        assert (
            "there is no profile 'ful'. Remedy: did you mean full? allowed: quick, full, none." in answer.err
        )
    assert (
        "there is no profile 'quick': the file has none"
        in call("check", "linear/hard-5", "--profile", "quick").err
    )


def test_check_says_the_faults_of_a_profile_at_their_place(call: Call, spec: Path) -> None:
    spec.write_text(PROFILES.replace("mixing.observed: 5", "mixing.obsreved: 5"), encoding="utf-8")
    answer = call("check", spec, "--profile", "full")
    assert answer.status == 2
    assert f"{spec}:13:25: profiles.quick.mixing.obsreved: unknown key 'obsreved'." in answer.err


def test_a_sweep_runs_a_profile_and_says_so(call: Call, spec: Path) -> None:
    answer = call("sweep", spec, "--seeds", "2", "--out", "many")
    assert "small: profile quick: 3,600 samples of 5 variables (4 environments × 900)" in answer.err
    assert ", 2 runs.\n" in answer.err
    assert "Profile quick. crlspec " in answer.out
    digest = pd.read_csv("many/runs.csv", dtype=str)["spec"].unique()
    call(
        "sweep",
        spec,
        "--profile",
        "none",
        "--set",
        "samples=900",
        "mixing.observed=5",
        "--seeds",
        "1",
        "--out",
        "2",
    )
    assert list(digest) == list(pd.read_csv("2/runs.csv", dtype=str)["spec"])
    other = call("sweep", spec, "--profile", "none", "--seeds", "2", "--out", "many")
    assert other.status == 2
    assert "holds runs of another spec" in other.err


def test_the_cost_of_images_is_counted_in_bytes_of_pixels() -> None:
    assert cost(crlspec.load("robot/arm-6")) is None
    assert cost(crlspec.load("robot/arm-6", profile="full")) == (
        "profile full: 130,000 images of 6 × 64 × 64 (13 environments × 10,000), 3.2 GB on disk."
    )
    assert cost(crlspec.load("robot/arm-3", profile="quick"), runs=5) == (
        "profile quick: 28,000 images of 3 × 32 × 32 (7 environments × 4,000), 86.0 MB in memory, 5 runs."
    )
    assert cost(crlspec.load("robot/arm-3", profile="quick"), read=True) == (
        "profile quick: of estimation alone, the data are read."
    )
    assert [in_bytes(n) for n in (0, 999, 10**6, 10**15)] == ["0.0 kB", "1.0 kB", "1.0 MB", "1000.0 TB"]


def test_images_of_another_profile_are_refused(call: Call) -> None:
    sets = ("samples=2", "mixing.size=8")
    assert call("sample", "robot/arm-3", "--set", *sets, "--out", "data.nc").status == 0
    answer = call("run", "robot/arm-3", "--data", "data.nc", "--out", "run")
    assert answer.status == 3
    assert (
        "data.nc: environment 'obs' holds images of 3 × 8 × 8, and this spec makes images of 3 × 32 × 32. "
        "Remedy: Give the --profile and --set that crlspec sample had."
    ) in answer.err
