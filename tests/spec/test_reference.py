"""The pages in docs/reference say what the declarations say."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from crlspec.spec.identifiability import identifiability
from crlspec.spec.json_schema import json_schema, properties
from crlspec.spec.reference import main, pages
from crlspec.spec.setting import Setting
from crlspec.spec.takes import takes
from crlspec.spec.theory_table import theory_page
from tests.spec.test_registry import plugin as plugin  # noqa: PLC0414  a fixture

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
COMMAND = "python -m crlspec.spec.reference docs/reference"


def test_the_pages_are_current() -> None:
    made = pages(json_schema())
    assert {path.name for path in FOLDER.glob("*.md")} == set(made)
    for name, text in made.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, f"{name} is old. Remedy: {COMMAND}"


def test_every_property_stands_on_a_page() -> None:
    text = "\n".join(pages(json_schema()).values())
    for model, name, entry in properties(json_schema()):
        if not (name in ("kind", "design") and "const" in entry):
            assert f"- **`{name}`** (" in text, f"{model}.{name}"


def test_a_plugin_is_described_as_far_as_it_describes_itself(tmp_path: Path, plugin: str) -> None:
    assert main([str(tmp_path), plugin]) == 0
    page = (tmp_path / "latents.md").read_text(encoding="utf-8")
    assert "### `cubic`" in page and "- **`weight`** (number or [number, number]; default `1.0`)." in page


def test_the_table_of_the_theory_says_glm_and_general_in_one() -> None:
    text = theory_page()
    assert (
        "| glm or general | coupled | hard |  | up to a smooth invertible map of each by itself | exact |"
        in text
    )
    assert "| linear | single-node | soft | `function: nonlinear` |" in text
    for design, kind in product(("single-node", "coupled", "uncoupled", "multi-node"), ("hard", "soft")):
        general, glm = (
            identifiability(Setting(mixing, design, kind, ("a", "b"), "obs", ("e1", "e2", "e3", "e4")))
            for mixing in ("general", "glm")
        )
        assert general == glm


def test_what_a_property_takes_is_said_in_words() -> None:
    assert (
        takes({"type": "integer", "minimum": 1, "maximum": 1_000_000}) == "whole number from 1 to 1,000,000"
    )
    assert (
        takes({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}) == "list of text"
    )
    assert takes({"enum": ["hard", "soft"]}) == "`hard`, `soft`"
    assert takes({"type": "object", "additionalProperties": {"type": "number", "exclusiveMinimum": 0}}) == (
        "mapping name: number above 0"
    )
