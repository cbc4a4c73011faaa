"""Every property of a spec file has a description and an example, and every example is read by the reader itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import crlspec
from crlspec.errors import SpecError
from crlspec.registry import Registry
from crlspec.spec.example_files import WHOLE_FILES
from crlspec.spec.json_schema import json_schema, properties, uncovered
from crlspec.spec.load import load, loads
from crlspec.spec.resolve import resolve
from crlspec.spec.schema import SLOTS, Spec
from crlspec.testing import true_result

LATENTS = "latents: [z1, z2, z3]\n"
LINEAR = "mixing: {kind: linear, observed: 6}\n"
SCM = "scm: {graph: [z1 -> z3, z2 -> z3], mechanism: {kind: linear}, noise: {kind: normal}}\n"
DESIGN = "interventions: {design: single-node, kind: hard, noise: {variance: {times: 4}}}\n"
TWO = (
    "interventions: {design: coupled, kind: hard, noise: {variance: {value: 4}}, "
    "second: {noise: {variance: {value: 0.2}}}}\n"
)
SOFT = "interventions: {design: single-node, kind: soft, mechanism: {times: 0.3}, noise: {variance: {times: 4}}}\n"
BALLS = (
    "latents: 2\nmixing: {kind: balls, count: 1, size: 8}\n"
    + SCM.replace("z1 -> z3, z2 -> z3", "z1 -> z2")
    + TWO
)
SETTINGS = (
    LATENTS + LINEAR + SCM + DESIGN,
    LATENTS + LINEAR + SCM + SOFT,
    LATENTS + SCM + TWO + "mixing: {kind: mlp, observed: 6}\n",
    LATENTS + LINEAR + SCM + SOFT.replace("single-node", "multi-node"),
    BALLS,
)
"""Files of a setting each, one of which a method takes."""
OWN = "data: {path: tables, observational: obs}\n"
ASSUME = "assume: {mixing: linear, interventions: {design: single-node, kind: hard}}\n"


def hosts(slot: str, block: str) -> Iterator[str]:
    """Whole files with a block in a slot; one of them must be read."""
    if slot in ("scores", "estimator"):
        yield from (f"{one}{slot}: {block}\n" for one in SETTINGS)
    elif slot == "mixing":
        for names in ("[z1, z2]", "[z1, z2, z3]", "[red, green, blue, pol_1, pol_2]"):
            yield f"latents: {names}\n{SCM.replace('[z1 -> z3, z2 -> z3]', '{kind: chain}')}{DESIGN}mixing: {block}\n"
    else:
        each = f"{{z1: {{kind: linear}}, z2: {{kind: linear}}, z3: {block}}}"
        files = {
            "mechanism": LATENTS + LINEAR + DESIGN + SCM.replace("{kind: linear}", each),
            "noise": LATENTS + LINEAR + DESIGN + SCM.replace("{kind: normal}", block),
            "graph": LATENTS + LINEAR + DESIGN + SCM.replace("[z1 -> z3, z2 -> z3]", block),
            "interventions": LATENTS + LINEAR + SCM + f"interventions: {block}\n",
            "Scm": f"{LATENTS}{LINEAR}{DESIGN}scm: {block}\n",
            "ReplacedMechanism": f"{LATENTS}{LINEAR}{SCM}environments: {{obs: {{}}, e: {{z3: {block}}}}}\n",
            "Data": f"{LATENTS}{ASSUME}data: {block}\n",
            "Assume": f"{LATENTS}{OWN}assume: {block}\n",
            "KnownFacts": f"{LATENTS}{OWN}" + ASSUME.replace("}}\n", f"}}, known: {block}}}\n"),
            "Calibrate": f"{LATENTS}{OWN}{ASSUME}calibrate: {block}\n",
        }
        yield files[slot]


def read(folder: Path, slot: str, block: str) -> Spec:
    """The spec of the first host that is read. Raises SpecError where there is none."""
    first: SpecError | None = None
    for text in hosts(slot, block):
        path = folder / "spec.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            return resolve(load(path), 0)
        except SpecError as error:
            first = first or error
    assert first is not None
    raise first


def blocks(schema: dict[str, Any]) -> list[tuple[str, str]]:
    """(slot, block in one line) of every example of a model."""
    classes = {slot.name: slot.classes(Registry.installed()).values() for slot in SLOTS}
    slots = {one.__name__: name for name, found in classes.items() for one in found}
    return [
        (slots.get(model, model), json.dumps(block, ensure_ascii=False))
        for model, entry in schema["$defs"].items()
        for block in entry.get("examples", ())
    ]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The JSON Schema of the families that are installed."""
    return json_schema()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the result that the example of a decoder names."""
    there = tmp_path_factory.mktemp("examples")
    text = "latents: [z1, z2]\n" + LINEAR + SCM.replace("[z1 -> z3, z2 -> z3]", "{kind: chain}") + DESIGN
    model = crlspec.compile(loads(text), seed=0)
    true_result(model, model.sample(50, seed=1)).save(there / "run.nc")
    return there


def test_every_property_has_a_description_and_an_example(schema: dict[str, Any]) -> None:
    assert not uncovered(schema)
    assert len(list(properties(schema))) > 250
    assert "x-examples" not in str(schema)


def test_what_lacks_them_is_named() -> None:
    schema = {
        "properties": {"a": {"description": "A."}},
        "$defs": {"B": {"properties": {"c": {"examples": [1]}}}},
    }
    assert uncovered(schema) == ["file.a: example", "B.c: description"]


def test_every_example_of_a_block_is_read(schema: dict[str, Any], folder: Path) -> None:
    wrong = []
    for slot, block in blocks(schema):
        try:
            read(folder, slot, block)
        except SpecError as error:
            wrong.append(f"{slot}: {block}\n{error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("text", WHOLE_FILES, ids=lambda text: str(loads(text).name))
def test_every_whole_file_is_read_under_each_of_its_profiles(text: str) -> None:
    for profile in (None, "quick", "full") if "profiles:" in text else (None,):
        assert loads(text, profile=profile).latents or "latents: auto" in text or "from-env" in text


def test_an_example_of_a_property_is_one_of_its_values(schema: dict[str, Any]) -> None:
    weight = schema["$defs"]["LinearMechanism"]["properties"]["weight"]
    assert weight["examples"] == [[0.5, 1.5], {"z1": 0.8, "z2": "Normal(0, 1)"}]
    assert weight["description"].startswith("w_j: magnitudes")
    kind = schema["$defs"]["LinearMechanism"]["properties"]["kind"]
    assert kind["description"] == "f(pa) = Σ_j w_j pa_j." and kind["examples"] == ["linear"]


def test_a_block_that_the_reader_refuses_fails(folder: Path) -> None:
    with pytest.raises(SpecError, match="unknown key 'wieght'"):
        read(folder, "mechanism", "{kind: linear, wieght: 2}")
