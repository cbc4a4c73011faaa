"""What a number in a declaration may be: a number, an interval to draw from, a distribution that stays open."""

from math import inf
from typing import Annotated

import numpy as np
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from crlspec.spec.expression import ExpressionError
from crlspec.spec.prior import Prior, PriorField
from crlspec.spec.vocabulary import LARGEST

__all__ = [
    "Amount", "Count", "Number", "NumberOrPrior", "PositiveAmount", "PositiveUncertain", "Uncertain", "draw_amount",
    "draw_uncertain",
]  # fmt: skip

_UNIT = {"remedy": "change the unit of the latent."}
_EXAMPLE = {"remedy": "write a number, e.g. 0.5, or an interval, e.g. [0.5, 1.5]."}


def _amount(value: object) -> object:
    pair = value if isinstance(value, list | tuple) else (value, value)
    numbers = [v for v in pair if isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < inf]
    if len(pair) != 2 or len(numbers) != 2:
        raise PydanticCustomError(
            "amount", "a finite number or an interval [lo, hi] of numbers is needed", _EXAMPLE
        )
    if max(map(abs, numbers)) > LARGEST:
        raise PydanticCustomError("amount", f"numbers up to {LARGEST:g} are allowed", _UNIT)
    if numbers[0] > numbers[1]:
        raise PydanticCustomError("amount", "the interval [lo, hi] must have lo ≤ hi", _EXAMPLE)
    return (float(numbers[0]), float(numbers[1])) if isinstance(value, list | tuple) else float(numbers[0])


def _positive(value: object) -> object:
    value = _amount(value)
    least: float = value[0] if isinstance(value, tuple) else value  # type: ignore[assignment]
    if least <= 0:
        raise PydanticCustomError("amount", "a number or an interval [lo, hi] above 0 is needed", _EXAMPLE)
    if least < 1 / LARGEST:
        raise PydanticCustomError("amount", f"numbers from {1 / LARGEST:g} on are allowed", _UNIT)
    return value


Amount = Annotated[float | tuple[float, float], BeforeValidator(_amount)]
"""A number, or an interval ``[lo, hi]`` from which a number is drawn uniformly."""

PositiveAmount = Annotated[float | tuple[float, float], BeforeValidator(_positive)]
"""An Amount above 0."""


def _uncertain(value: object) -> object:
    return _prior(value, positive=False) if isinstance(value, str | Prior) else _amount(value)


def _positive_uncertain(value: object) -> object:
    return _prior(value, positive=True) if isinstance(value, str | Prior) else _positive(value)


def _prior(value: str | Prior, positive: bool) -> Prior:
    try:
        return Prior.parse(str(value), positive=positive)
    except ExpressionError as error:
        context = {
            "message": error.message,
            "remedy": f"{error.remedy}, or a number.",
            "offset": error.offset,
        }
        raise PydanticCustomError("fault", "{message}", context) from None


Uncertain = Annotated[float | tuple[float, float] | PriorField, BeforeValidator(_uncertain)]
"""An Amount, or a prior such as ``Normal(0, 1)``, which ``draw`` leaves in place."""

PositiveUncertain = Annotated[float | tuple[float, float] | PriorField, BeforeValidator(_positive_uncertain)]
"""An Uncertain above 0."""

Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-LARGEST, le=LARGEST)]
"""A finite number of at most 1e30 in size; strings and booleans are refused."""


def _number_or_prior(value: object) -> object:
    if isinstance(value, str | Prior):
        return _prior(value, positive=False)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("float_type", "a number is needed")
    if not abs(value) < float("inf"):
        raise PydanticCustomError("finite_number", "a finite number is needed")
    if abs(value) > LARGEST:
        raise PydanticCustomError("amount", f"numbers up to {LARGEST:g} are allowed", _UNIT)
    return float(value)


NumberOrPrior = Annotated[float | PriorField, BeforeValidator(_number_or_prior)]
"""A finite number, or a prior."""

Count = Annotated[int, Field(strict=True, ge=1, le=10**9)]
"""A whole number of at least 1; strings, booleans and 3.0 are refused."""


def draw_amount(rng: np.random.Generator, amount: float | tuple[float, float]) -> float:
    """A number drawn uniformly from an interval; a number is returned as it is and draws nothing."""
    return float(rng.uniform(*amount)) if isinstance(amount, tuple) else float(amount)


def draw_uncertain(rng: np.random.Generator, amount: float | tuple[float, float] | Prior) -> float | Prior:
    """As :func:`draw_amount`; a prior is returned as it is, for :meth:`Declaration.settled` to put a number there."""
    return amount if isinstance(amount, Prior) else draw_amount(rng, amount)
