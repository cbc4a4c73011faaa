"""Random numbers and checks that the declarations of several families share. No torch here."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pydantic_core import PydanticCustomError

from crlspec.errors import CrlspecError, Issue, SpecError
from crlspec.registry import Declaration, Number, NumberOrPrior, Prior, Uncertain, draw_amount

Matrix = tuple[tuple[Number, ...], ...]
Vector = tuple[Number, ...]
PerParent = Uncertain | dict[str, NumberOrPrior]


def refusal(field: str, message: str, remedy: str) -> SpecError:
    """The error for a declaration that cannot be carried out in its spec."""
    return SpecError([Issue("error", message, remedy, field=field)])


def require_resolved(declaration: Declaration) -> None:
    """Refuse to carry out a declaration that still holds randomness. Raises CrlspecError."""
    if not declaration.is_resolved or declaration.priors:
        raise CrlspecError(f"{declaration!r} still holds randomness.", remedy="call its `draw` first")


def named(parents: tuple[str, ...] | None, field: str) -> tuple[str, ...]:
    """``parents``; a field given as a matrix needs them to say what its columns are."""
    if parents is None:
        text = "{field} needs parents, the names of its columns"
        raise PydanticCustomError("parents", text, {"field": field})  # type: ignore[arg-type]
    return parents


def shaped(matrix: Matrix, shape: tuple[int, int], field: str) -> None:
    """Refuse a nested list that is not a matrix of the given shape."""
    if len(matrix) != shape[0] or any(len(row) != shape[1] for row in matrix):
        values = {"field": field, "rows": shape[0], "columns": shape[1]}
        raise PydanticCustomError("shape", "{field} must hold {rows} rows of {columns} numbers", values)


def require_parents(node: str, field: str, got: tuple[str, ...], parents: tuple[str, ...]) -> None:
    """Refuse numbers that are given for other parents than those of the graph.

    Raises SpecError.
    """
    if set(got) != set(parents):
        raise refusal(
            f"scm.mechanism.{node}.{field}",
            f"got numbers for the parents [{', '.join(got)}]; in the graph they are [{', '.join(parents)}].",
            f"give one number for each parent of {node} in the graph, or an interval to draw from",
        )


def per_parent(
    rng: np.random.Generator,
    value: PerParent,
    node: str,
    parents: tuple[str, ...],
    field: str,
    *,
    signed: bool,
) -> dict[str, float | Prior]:
    """One number for each parent: given, or drawn; ``signed`` gives drawn magnitudes a random sign.

    A prior stands for each parent's number, independent of the others.
    """
    if isinstance(value, Mapping):
        require_parents(node, field, tuple(value), parents)
        return {parent: value[parent] for parent in parents}
    if not isinstance(value, tuple):
        return dict.fromkeys(parents, value)
    drawn: dict[str, float | Prior] = {}
    for parent in parents:
        sign = float(rng.choice([-1.0, 1.0])) if signed else 1.0
        drawn[parent] = sign * draw_amount(rng, value)
    return drawn


def times(value: PerParent, factor: float) -> PerParent:
    """A number, an interval or a mapping times ``factor``; priors have been settled by then."""
    if isinstance(value, dict):
        return {parent: number * factor for parent, number in value.items()}
    if isinstance(value, tuple):
        low, high = sorted((value[0] * factor, value[1] * factor))
        return (low, high)
    return value * factor


def require_enough(observed: int, latents: tuple[str, ...]) -> None:
    """Refuse fewer observed variables than latents: no such map is injective. Raises SpecError."""
    if observed < len(latents):
        raise refusal(
            "mixing.observed",
            f"got {observed} observed variables for {len(latents)} latents; no such map is injective.",
            f"set it to at least {len(latents)}",
        )


def require_full_rank(matrix: Matrix, shape: tuple[int, int], field: str) -> None:
    """Refuse a matrix of another shape or without full column rank. Raises SpecError."""
    if len(matrix) != shape[0] or any(len(row) != shape[1] for row in matrix):
        remedy = "give one row for each output and one column for each input"
        raise refusal(field, f"must have {shape[0]} rows of {shape[1]} numbers.", remedy)
    if np.linalg.matrix_rank(np.array(matrix)) < shape[1]:
        message = "does not have full column rank, so the map is not injective."
        raise refusal(field, message, "make its columns linearly independent")


def draw_columns(
    rng: np.random.Generator, rows: int, columns: int, condition: float, length: float = 1.0
) -> Matrix:
    """Normal entries, columns of one ``length``, condition number at most ``condition``.

    Where a hundred draws do not reach it, the small singular values of the last are raised.
    """

    def draw() -> np.ndarray:
        matrix = rng.normal(size=(rows, columns))
        return np.asarray(matrix / np.linalg.norm(matrix, axis=0))

    matrix = until(draw, lambda m: np.linalg.cond(m) <= condition, attempts=100)
    floor = 1.0 / condition
    while np.linalg.cond(matrix) > condition:
        floor = min(1.0, 1.1 * floor)
        left, singular, right = np.linalg.svd(matrix, full_matrices=False)
        matrix = (left * np.maximum(singular, singular[0] * floor)) @ right
        matrix = matrix / np.linalg.norm(matrix, axis=0)
    return nested(matrix * length)


def until(draw: Callable[[], Any], good: Callable[[Any], Any], attempts: int = 10_000) -> Any:
    """The first of ``attempts`` draws that is good, else the last."""
    for _ in range(attempts):
        matrix = draw()
        if good(matrix):
            break
    return matrix


def nested(matrix: np.ndarray) -> Matrix:
    """A matrix as nested tuples of Python floats, which can be written to YAML."""
    return tuple(tuple(row) for row in matrix.tolist())
