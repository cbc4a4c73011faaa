"""Specs and equations: texts that are nearly right, trees with something else in them, and what they may hide."""

from __future__ import annotations

import json
import random
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch  # noqa: F401  here, since loading it is no fault of an input
import yaml

import crlspec
from crlspec.spec.check import check
from crlspec.spec.expression import (
    DISTRIBUTIONS,
    FUNCTIONS,
    ExpressionError,
    numpy_functions,
    parse_expression,
    parse_replacement,
)
from crlspec.spec.identifiability import identifiability
from crlspec.spec.load import dump, loads
from crlspec.spec.yaml12 import write
from tests.fuzz import mutations
from tests.fuzz.fuzzing import Fuzzer

SHIPPED = (
    "linear/soft-5.yaml",
    "linear/quadratic-hard-5.yaml",
    "general/glm-5.yaml",
    "light-tunnel/sensors.yaml",
)
GOOD = Path(__file__).parents[1] / "spec" / "good"
SMALL = 30
"""Latents times variables of a model that is drawn too."""


def _texts() -> list[str]:
    shipped = (files("crlspec.specs").joinpath(*name.split("/")) for name in SHIPPED)
    own = [path.read_text(encoding="utf-8") for path in sorted(GOOD.glob("*.yaml"))]
    return [*own, *(one.read_text(encoding="utf-8") for one in shipped if one.is_file())]


class Specs(Fuzzer):
    """Files: loaded, checked, told, written and read again; small models are drawn."""

    kind = "specs"
    placed = True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.texts = _texts()
        self.trees = [yaml.safe_load(one) for one in self.texts]
        crlspec.compile(crlspec.load("linear/soft-5"), seed=0).sample(
            2, seed=0
        )  # what loads with it is no fault of an input

    def make(self, rng: random.Random) -> str:
        choice = rng.randrange(5)
        if choice < 2:
            return mutations.text(rng, rng.choice(self.texts))
        if choice == 4 and rng.random() < 0.3:
            return "".join(
                rng.choice([*mutations.PIECES, *mutations.WORDS]) for _ in range(rng.randrange(30))
            )
        tree = mutations.tree(rng, rng.choice(self.trees), rng.choice([1, 1, 2, 3]))
        try:
            return write(tree)
        except UnicodeEncodeError:
            return json.dumps(tree, ensure_ascii=False)

    def take(self, made: str) -> None:
        spec = loads(made)
        assert not any(issue.severity == "error" for issue in check(spec))
        assert str(identifiability(spec))
        assert loads(dump(spec)) == spec
        if (
            spec.assume is None
            and spec.mixing is not None
            and len(spec.latents) * spec.mixing.observed <= SMALL
        ):
            drawn = crlspec.compile(spec, seed=0)
            assert all(
                np.isfinite(node["x"]).all()
                for node in drawn.sample(20, seed=0).children.values()
                if "x" in node
            )
            assert loads(dump(drawn.spec)) == drawn.spec


class Equations(Fuzzer):
    """Equations and replacements over three latents: read, written and read again, and computed."""

    kind = "equations"
    placed = True
    names = ("z1", "z2", "light")

    def make(self, rng: random.Random) -> str:
        if rng.random() < 0.15:
            return mutations.text(
                rng, "Normal(0.8*light - tanh(z1), exp(z2))", ["**", "z1", "lambda: 1", "[x for x in z1]"]
            )
        name = rng.choice([*DISTRIBUTIONS, "shift", "scale", "do"])
        count = len(DISTRIBUTIONS.get(name, (0,))) + rng.choice([0, 0, 0, 0, 1, -1])
        made = f"{name}({', '.join(self._term(rng, 0) for _ in range(count))})"
        return made if rng.random() < 0.8 else mutations.text(rng, made)

    def _term(self, rng: random.Random, depth: int) -> str:
        choice = rng.randrange(8) if depth < 5 else rng.randrange(3)
        if choice == 0:
            return rng.choice(self.names)
        if choice in (1, 2):
            return str(
                rng.choice([*mutations.NUMBERS, rng.uniform(-3, 3), rng.uniform(0, 2), 1, 2, "pi", "e"])
            )
        if choice in (3, 4, 5):
            sign = rng.choice(
                ["+", "-", "*", "/", "**", "%", "@", "//", "if", "and"][: 5 if rng.random() < 0.9 else 10]
            )
            return f"({self._term(rng, depth + 1)} {sign} {self._term(rng, depth + 1)})"
        if choice == 6:
            return rng.choice(["-", "+", "~", "not "][: 2 if rng.random() < 0.9 else 4]) + self._term(
                rng, depth + 1
            )
        name = rng.choice([*FUNCTIONS, "eval", "open", "Normal"] if rng.random() < 0.1 else FUNCTIONS)
        count = 2 if name in ("maximum", "minimum") else 1
        return f"{name}({', '.join(self._term(rng, depth + 1) for _ in range(count))})"

    def take(self, made: str) -> None:
        for parse in (parse_expression, parse_replacement):
            read: Any = parse
            try:
                found = read(made, self.names)
            except ExpressionError as error:
                assert 0 <= error.offset <= len(made) and error.message and error.remedy  # noqa: PT017
                continue
            equation = getattr(found, "equation", found)
            if equation is None:
                continue
            assert parse_expression(equation.text, self.names).parents == equation.parents
            values = {name: np.linspace(-2, 2, 7) for name in equation.parents}
            with np.errstate(all="ignore"):
                for argument in equation.arguments.values():
                    assert np.shape(argument.evaluate(numpy_functions(), values)) in ((), (7,))
        latents = {"light": "Normal(0, 1)", "z1": "Normal(0, 1)", "z2": made}
        text = json.dumps(
            {"latents": latents, "mixing": {"kind": "linear", "observed": 4}}, ensure_ascii=False
        )
        loads(text)
