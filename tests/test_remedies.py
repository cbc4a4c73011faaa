"""Remedies work: what a message suggests is taken from its own words, applied, and does not lead back to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

import crlspec
from crlspec.data import Problem
from crlspec.errors import CrlspecError, DataError, SpecError
from crlspec.inference.check import Check
from crlspec.inference.checks.design import checks_of
from crlspec.spec.choice import estimator_of
from crlspec.spec.load import loads
from crlspec.spec.schema import Spec
from crlspec.spec.setting import Setting

Samples = dict[str, np.ndarray]

OWN = """
crlspec: 1
latents: 3
data: {path: folder, observational: obs}
assume:
  mixing: linear
  noise: gaussian
  function: linear
  interventions: {design: single-node, kind: hard}
"""

NOT_EXECUTED = {
    "Give more samples, or stronger interventions.": "asks for another experiment",
    "Observe more variables of the same latents, or measure them with less noise.": "asks for other sensors",
    "Declare fewer latents, give more samples, or observe more variables.": "asks for other data, or fewer latents",
    "Add the environments of the other latents": "asks for experiments",
    "Add environments with other targets.": "asks for experiments",
    "Transform the observations if the mixing allows it, or look for faulty rows.": "asks what the data were",
    "Look at the targets, the control and the sensors": "asks what was done in the laboratory",
    "If the file was sorted afterwards, shuffle it": "asks how the rows came about",
    "See crlspec check for what would be covered.": "names a command that says more",
    "Check the path of the data.": "asks for the right path",
    "Save the table as CSV in UTF-8.": "asks for the file in another encoding",
    "pip install 'crlspec[zarr]'": "installs a package",
    "Choose another name, or overwrite it with --force.": "tests/cli executes it",
    "Give another --out DIR": "tests/cli executes it",
    "Open it with the version of crlspec that wrote it.": "asks for another version",
    "Compile the model from the spec and seed that the result's provenance names.": "tests/results executes it",
}
"""Remedies, by words that stand in them, that no test can apply, and why."""


def drawn(seed: int = 0, observed: int = 6, rows: int = 3000, noise: np.ndarray | float = 0.0) -> Samples:
    """Three latents with all arrows, a hard intervention on each, seen through a linear mixing."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(observed, 3))
    found = {}
    for k, name in enumerate(("obs", "e1", "e2", "e3")):
        z = rng.normal(size=(rows, 3)) * np.where(np.arange(3) == k - 1, 2.0, 1.0)
        z[:, 1] += 1.1 * z[:, 0] * (k != 2)
        z[:, 2] += (0.7 * z[:, 0] - 0.9 * z[:, 1]) * (k != 3)
        found[name] = z @ mixing.T + noise * rng.normal(size=(rows, observed))
    return found


def solved(samples: Samples, *sets: str, text: str = OWN) -> crlspec.Result:
    return crlspec.solve(loads(text, sets=sets), crlspec.from_arrays(samples), seed=0)


def refused(call: Callable[[], object], kind: type[CrlspecError] = DataError) -> CrlspecError:
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.remedy or kind is SpecError
    return caught.value


def as_sets(remedy: str) -> list[str]:
    """Changes for --set that a remedy spells out: ``assume: {key: value}``, ``key: value`` or ``--set key=value``."""
    if given := re.findall(r"--set ([\w.]+=[\w.-]+)", remedy):
        return given
    if nested := re.search(r"(\w+): \{(\w+): ([\w-]+)\}", remedy):
        return ["{}.{}={}".format(*nested.groups())]
    places = {"mixing": "assume.mixing", "design": "assume.interventions.design", "latents": "latents"}
    key, value = re.search(r"(mixing|design|latents): ([\w-]+)", remedy).groups()  # type: ignore[union-attr]
    return [f"{places[key]}={value}"]


def problem_of(samples: Samples, *sets: str) -> Problem:
    return Problem.from_data(crlspec.from_arrays(samples), Setting.of(loads(OWN, sets=sets)))


def objection(samples: Samples, name: str, *sets: str) -> Check | None:
    found = [c for c in checks_of(problem_of(samples, *sets)) if c.name == name and c.objects]
    return found[0] if found else None


def without(samples: Samples, columns: list[int]) -> Samples:
    return {name: np.delete(x, columns, axis=1) for name, x in samples.items()}


def quoted(text: str) -> list[str]:
    return re.findall(r"'([^']+)'", text)


@pytest.mark.parametrize(
    ("size", "declared"),
    [(0.3, "none"), (np.linspace(0.2, 0.9, 20), "none"), (np.linspace(0.2, 0.9, 20), "isotropic")],
)
def test_noise_on_the_observations_is_declared_as_the_message_says(size: np.ndarray, declared: str) -> None:
    samples = drawn(observed=20, noise=size)
    error = refused(lambda: solved(samples, f"assume.observation_noise={declared}"))
    assert "nan" not in str(error)
    assert solved(samples, *as_sets(str(error.remedy))).status.ok


def test_more_latents_are_declared_as_the_message_says() -> None:
    samples = drawn(observed=20, noise=np.linspace(0.2, 0.6, 20))
    two = {name: samples[name] for name in ("obs", "e1", "e2")}
    error = refused(lambda: solved(two, "latents=2"))
    sets = [f"latents={re.search('latents: ([0-9]+)', str(error.remedy))[1]}"]  # type: ignore[index]
    sets += as_sets(str(error.remedy).partition(" and ")[2])
    assert solved(samples, *sets).status.ok  # with an environment for each


def test_variables_are_added_until_noise_of_each_is_identified() -> None:
    samples, own = drawn(observed=8, noise=np.linspace(0.1, 0.3, 8)), "assume.observation_noise=per-variable"
    error = refused(lambda: solved(without(samples, [5, 6, 7]), own))
    needed = int(re.search("Observe ([0-9]+) variables", str(error.remedy))[1])  # type: ignore[index]
    assert solved(without(samples, list(range(needed, 8))), own).status.code in ("ok", "undecided")


def test_a_heywood_case_is_left_out() -> None:
    own, noise = "assume.observation_noise=per-variable", np.linspace(0.2, 0.6, 10)
    noise[4] = 0
    for seed in range(8):  # a variable without noise ends at the bound in every second sample
        samples = drawn(seed, observed=10, noise=noise)
        check = objection(samples, "heywood-case", own)
        if check is not None:
            (name,) = quoted(str(check.remedy))
            assert objection(without(samples, [int(name[1:]) - 1]), "heywood-case", own) is None
            return
    raise AssertionError("no sample showed the case")


def test_a_curved_mixing_is_declared_general_and_an_estimator_takes_it() -> None:
    samples = {name: np.tanh(0.3 * x) for name, x in drawn().items()}
    error = refused(lambda: solved(samples))
    spec = loads(OWN, sets=as_sets(str(error.remedy)))
    method = estimator_of(spec)
    assert method is not None and method.refusal(Setting.of(spec)) is None
    assert Setting.of(spec).mixing == "general"  # whose estimators ask for no linear components


def test_all_constant_columns_are_named_at_once() -> None:
    samples = drawn()
    samples["e1"][:, 1] = 2.0
    samples["e2"][:, [3, 4]] = 1.0
    error = refused(lambda: problem_of(samples))
    names = quoted(str(error.remedy))
    assert names == ["x2", "x4", "x5"]
    problem_of(without(samples, [int(name[1:]) - 1 for name in names]))


def test_where_no_column_would_be_left_it_is_said() -> None:
    samples = drawn()
    samples["e1"][:] = 2.0
    remedy = str(refused(lambda: problem_of(samples)).remedy)
    assert remedy.startswith("Mend these values, or leave out the environments named: without ")
    assert remedy.endswith("no variable would be left of 6, too few for the latents.")
    left = {name: x for name, x in samples.items() if name != "e1"}
    problem_of(left)


def test_an_offset_is_subtracted() -> None:
    samples = drawn(observed=8)
    samples["e2"][:, 2] += 3.0
    check = objection(samples, "sensors")
    assert check is not None
    size, column, name = re.search(r"Subtract (\S+) from '(\w+)' in '(\w+)'", str(check.remedy)).groups()  # type: ignore[union-attr]
    samples[name][:, int(column[1:]) - 1] -= float(size)
    assert abs(float(size) - 3) < 0.3
    left = objection(samples, "sensors")
    assert left is None or left.message != check.message


def test_a_sensor_with_another_gain_is_left_out() -> None:
    samples = drawn(observed=8)
    samples["e2"][:, 2] *= 2.0
    check = objection(samples, "sensors")
    assert check is not None
    (name,) = quoted(str(check.remedy))
    assert solved(without(samples, [int(name[1:]) - 1])).status.ok


def test_a_faulty_cell_is_left_out() -> None:
    samples = drawn()
    samples["e1"][7, 2] = 1e9
    error = refused(lambda: solved(samples))
    assert "leave the row out" in str(error.remedy)
    row = int(re.search(r"row ([0-9]+)", str(error))[1])  # type: ignore[index]
    samples["e1"] = np.delete(samples["e1"], row - 1, axis=0)
    assert solved(samples).status.ok


def test_copied_environments_are_given_their_own_data() -> None:
    samples = drawn()
    copied = {**samples, "e2": samples["e1"].copy()}
    assert "own data" in str(refused(lambda: solved(copied)).remedy)
    assert solved(samples).status.ok


def test_two_environments_of_one_target_are_declared_multi_node() -> None:
    samples = drawn()
    twice = {**samples, "e3": drawn(rows=4000)["e2"][-3000:]}
    check = objection(twice, "same-target")
    assert check is not None
    sets = as_sets(str(check.remedy))
    assert sets == ["assume.interventions.design=multi-node"]
    assert objection(twice, "same-target", *sets) is None


@pytest.mark.slow
def test_options_of_the_estimator_are_set_where_the_file_names_none() -> None:
    samples = drawn(seed=3, rows=4000)
    rng = np.random.default_rng(3)
    for k, name in enumerate(samples):  # noise whose size follows a parent
        z = rng.laplace(size=(4000, 3)) * np.where(np.arange(3) == k - 1, 2.0, 1.0)
        z[:, 1] = z[:, 1] * np.exp(0.6 * np.tanh(z[:, 0])) + z[:, 0] if k != 2 else z[:, 1]
        samples[name] = z @ np.random.default_rng(0).normal(size=(6, 3)).T
    text = OWN.replace("gaussian", "other").replace("function: linear", "function: unknown")
    result = solved(samples, text=text)
    (check,) = [one for one in result.checks if "varies in size with other latents" in one.message]
    assert check.consequence == "undecided"
    (given,) = as_sets(str(check.remedy))
    assert given == "estimator.refine=none"
    result = solved(samples, given, text=text)
    assert not any("varies in size" in one.message for one in result.checks)
    (said,) = [one for one in result.checks if "not calibrated" in one.message]
    back = as_sets(str(said.remedy))  # its edges are not calibrated, and that is said
    assert back == ["estimator.refine=likelihood"]
    assert loads(text, sets=back).estimator == loads(text).estimator


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        (["estimator.refine=none"], {"kind": "lscale-i", "refine": "none"}),
        (["estimator={refine: none, alpha: 0.05}"], {"kind": "lscale-i", "refine": "none", "alpha": 0.05}),
        (
            ["assume.interventions.design=multi-node", "estimator.refine=none"],
            {"kind": "umni-crl", "refine": "none"},
        ),
    ],
)
def test_the_verdict_fills_in_the_estimator(sets: list[str], expected: Mapping[str, object]) -> None:
    spec = loads(OWN, sets=sets)
    assert spec.estimator is not None
    assert {key: getattr(spec.estimator, key) for key in expected} == expected


def test_a_wrong_option_is_refused_all_the_same() -> None:
    error = refused(lambda: loads(OWN, sets=["estimator.refin=none"]), SpecError)
    assert "refin" in str(error)
    assert "kind" in str(refused(lambda: loads(f"{OWN}estimator: {{refine: none}}\n"), SpecError))


SETTINGS = {
    "estimator: {kind: gscale-i}": r"estimator: \{kind: (umni-crl|lscale-i)\}",
    "estimator: {kind: lscale-i, variant: full-rank}": "(variant): auto",
    "scores: {kind: exact}": "use scores: {kind: (auto)}",
}


@pytest.mark.parametrize("line", SETTINGS)
def test_what_a_spec_is_told_is_taken(line: str) -> None:
    text = OWN.replace("kind: hard", "kind: soft") if "full-rank" in line else OWN
    error = refused(lambda: loads(f"{text}{line}\n"), SpecError)
    remedy = str(error.issues[0].remedy)  # type: ignore[attr-defined]
    if "variant: auto" in remedy:
        sets = ["estimator.variant=auto"]
    elif scores := re.search(r"scores: \{kind: ([\w-]+)\}", remedy):
        sets = [f"scores.kind={scores[1]}"]
    else:
        sets = [f"estimator={{kind: {one}}}" for one in re.findall(r"\{kind: ([\w-]+)\}", remedy)[-1:]]
    assert isinstance(loads(f"{text}{line}\n", sets=sets), Spec)


def test_a_baseline_is_left_for_what_the_verdict_names() -> None:
    text = OWN.replace("single-node", "multi-node") + "estimator: {kind: ica}\n"
    notes = crlspec.check(loads(text)) if callable(getattr(crlspec, "check", None)) else ()
    assert all("lscale-i" not in str(note) for note in notes)
    spec = loads(text, sets=["estimator=null"])
    assert spec.estimator is not None and spec.estimator.kind == "umni-crl"


def test_so_many_seeds_are_used_as_the_plan_says() -> None:
    from crlspec.numerics.rates import seeds_needed, wilson

    few = str(crlspec.plan("linear/hard-5", [300], seeds=2, sets=["latents=2"]))
    said = re.search(r"2 seeds cannot show 80%: use ([0-9]+) or more \(--seeds \1\)", few)
    assert said is not None and "none is" not in few
    needed = int(said[1])
    assert needed == seeds_needed(0.8) == 16
    assert wilson(needed, needed)[0] >= 0.8 > wilson(needed - 1, needed - 1)[0]


def test_what_is_not_executed_still_stands_in_the_code() -> None:
    root = Path(crlspec.__file__).parent
    joined = re.sub(
        r'"\s*\n?\s*f?"', "", "\n".join(p.read_text(encoding="utf-8") for p in root.rglob("*.py"))
    )
    gone = [words for words in NOT_EXECUTED if words not in joined]
    assert not gone, gone
