"""No number that decides a status stands outside the thresholds of an estimator: read off the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2] / "crlspec"

DECIDING = (
    *sorted((HOME / "inference" / "checks").glob("*.py")),
    *(HOME / "inference" / name for name in (
        "answer.py", "baselines.py", "contrastive.py", "gscale.py", "lscale.py", "ropes.py", "status.py", "umni.py",
        "encoders/answer.py", "likelihood/decided.py", "likelihood/signature_rivals.py",
        "order/signature_search.py", "order/told_tests.py", "soft/decided.py",
    )),
    HOME / "scores" / "auto.py",
)  # fmt: skip

ALLOWED = {
    # parts of a statistic, rows that are looked at, and steps of a search
    "answer.py": {"NUMBERS", "SHOWN"},
    "cells.py": {
        "PROBED",
        "len(rows) > 0.5 * len(column)",
        "most - least <= 1e-09 * max(abs(least), abs(most))",
    },
    "design.py": {"SAMPLED", "SOME"},
    "effect.py": {"CUT"},
    "mixture.py": {"ROUNDS", "STARTS", "gap @ (m - mean) > 0.1", "value - before < 0.001"},
    "moments.py": {"SKETCH", "values > 1e-13 * values[0]"},
    "rows.py": {"BLOCKS", "RANKED", "values > 1e-10 * max(values[-1], 1e-300)"},
    "gscale.py": {"MOST_COMPONENTS", "QUICK"},
    "ropes.py": {"MOST_COMPONENTS"},
    "told_tests.py": {"LEAST"},
    "signature_search.py": {"WIDTH", "SAME", "fits[at].cost < best.cost - 1e-06"},
    "signature_rivals.py": {"costs[at] < total * fit.loss + np.log(total) * here.sum() - 1e-06"},
    # from how few samples on Bartlett's factor means nothing
    "mechanism_changed.py": {"factor <= 0.5"},
    "one_target.py": {
        "(factor := box(found.one - 2, found.other - 2, n - 2)) > 0.5",
        "(factor := box(found.one - 1, found.other - 1, n - 1)) > 0.5",
    },
    # how many copies of the latents are in memory at once: what fits, no status
    "fitting.py": {"COPIES"},
    # how a p-value or a share is written
    "baselines.py": {"smallest < 1e-12"},
    "saturation.py": {"dropped / total < 0.001"},
}


def numbers(node: ast.AST) -> list[float]:
    return [
        one.value
        for one in ast.walk(node)
        if isinstance(one, ast.Constant)
        and isinstance(one.value, int | float)
        and not isinstance(one.value, bool)
    ]


def stray(tree: ast.Module) -> Iterator[str]:
    """Numbers as constants of a module, as defaults of arguments, and real ones in comparisons; 0 and 1 left out."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        names = [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant | ast.Tuple)
            and numbers(node.value)
        ):
            yield from names
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            given = [one for one in (*node.args.defaults, *node.args.kw_defaults) if one is not None]
            if any(
                isinstance(value, float) and value not in (0, 1) for one in given for value in numbers(one)
            ):
                yield f"def {node.name}"
        if isinstance(node, ast.Compare) and _real(numbers(node)):
            yield ast.unparse(node)


def _real(values: list[float]) -> bool:
    return any(isinstance(value, float) and value not in (0, 1) for value in values)


@pytest.mark.parametrize("path", DECIDING, ids=lambda path: str(path.relative_to(HOME)))
def test_no_number_decides_outside_the_thresholds(path: Path) -> None:
    allowed = ALLOWED.get(path.name, set()) if path.parent.name != "encoders" else set()
    found = set(stray(ast.parse(path.read_text(encoding="utf-8"))))
    assert not found - allowed, f"put these into a class of thresholds: {sorted(found - allowed)}"
    assert not allowed - found, f"these are gone, and need no leave: {sorted(allowed - found)}"


def test_a_stray_number_is_seen() -> None:
    text = "LEVEL = 1e-3\nA, B = 2, .5\ndef f(x, alpha=0.01):\n    return x < 0.2 * alpha or x > 0\n"
    assert set(stray(ast.parse(text))) == {"LEVEL", "A", "B", "def f", "x < 0.2 * alpha"}
