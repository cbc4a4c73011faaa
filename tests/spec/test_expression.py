"""Equations: what is admitted, what it means, and where an error points."""

import math
from inspect import signature

import numpy as np
import pytest

from crlspec.spec.expression import (
    DISTRIBUTIONS,
    FUNCTIONS,
    ExpressionError,
    number_functions,
    numpy_functions,
    parse_expression,
    parse_replacement,
)

NAMES = ("light", "dose", "growth")


def test_parents_are_read_off_in_the_order_of_the_names() -> None:
    equation = parse_expression("Normal(tanh(dose) - 1.2*light, exp(growth))", NAMES)
    assert equation.parents == ("light", "dose", "growth")
    assert equation.arguments["scale"].parents == ("growth",)


def test_evaluation_agrees_with_python() -> None:
    equation = parse_expression("Normal(2*light**2 - -dose/4 + maximum(light, pi), 1)", NAMES)
    light, dose = np.array([0.5, -2.0]), np.array([1.0, 3.0])
    got = equation.arguments["loc"].evaluate(numpy_functions(), {"light": light, "dose": dose})
    np.testing.assert_allclose(got, 2 * light**2 + dose / 4 + np.maximum(light, math.pi))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_agree_on_numbers_and_arrays(name: str) -> None:
    arguments = (0.3, 0.7) if name in ("maximum", "minimum") else (0.3,)
    got = numpy_functions()[name](*(np.array([a]) for a in arguments))
    np.testing.assert_allclose(got, [number_functions()[name](*arguments)], rtol=1e-12)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_parameter_names_are_those_of_pyro(name: str) -> None:
    distributions = pytest.importorskip("pyro.distributions")
    parameters = DISTRIBUTIONS[name]
    assert set(parameters) <= set(signature(getattr(distributions, name).__init__).parameters)
    keywords = ", ".join(f"{p}={0.5 if p == 'low' else 1.5}" for p in parameters)
    equation = parse_expression(f"{name}({keywords})", NAMES)
    assert tuple(equation.arguments) == tuple(parameters)


@pytest.mark.parametrize(
    ("text", "linear", "gaussian"),
    [
        ("Normal(0.8*light, 0.5)", True, True), ("Normal(light/2 + 3*(dose - 1), 1)", True, True),
        ("Normal(light*dose, 1)", False, True), ("Normal(tanh(light), 1)", False, True),
        ("Normal(exp(1)*light, 1)", True, True), ("Normal(light, exp(dose))", False, False),
        ("Laplace(light, 1)", True, False), ("Normal(0, 1)", True, True),
        ("LogNormal(light, 1)", False, False),
        ("Normal(1/light, 1)", False, True), ("Normal(light**2, 1)", False, True),
    ],
)  # fmt: skip
def test_linear_and_gaussian(text: str, linear: bool, gaussian: bool) -> None:
    equation = parse_expression(text, NAMES)
    assert (equation.is_linear, equation.is_gaussian) == (linear, gaussian)


def test_text_of_an_equation_reads_back() -> None:
    equation = parse_expression("StudentT(4, scale=0.5*(light + 1))", NAMES)
    assert parse_expression(equation.text, NAMES).text == equation.text


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("Normal(lihgt, 1)", 7, "unknown name 'lihgt'"),
        ("  Normal(0, foo(1))", 12, "unknown function"),
        ("Norml(0, 1)", 0, "unknown distribution"),
        ("Normal(0, -1)", 10, "scale of Normal must be above 0"),
        ("Normal(9**9**9, 1)", 7, "not a finite number"),
        ("Normal(light*(-1)**0.5, 1)", 13, "not a finite number"),
        ("Normal(1/0, 1)", 7, "not a finite number"),
        ("Normal(light.real, 1)", 7, "only numbers"),
        ("Normal(light[0], 1)", 7, "only numbers"),
        ("Normal('a', 1)", 7, "only numbers"),
        ("Normal(True, 1)", 7, "only numbers"),
        ("Normal(1j, 1)", 7, "only numbers"),
        ("Normal(lambda: 1, 1)", 7, "only numbers"),
        ("Normal([1 for light in dose], 1)", 7, "only numbers"),
        ("Normal((light := 1), 1)", 8, "only numbers"),
        ("Normal(light if dose else 1, 1)", 7, "only numbers"),
        ("Normal(__import__('os').getpid(), 1)", 7, "only numbers"),
        ("Normal(*light, 1)", 7, "only numbers"),
        ("Normal(**light)", 9, "no parameter"),
        ("Normal(0, 1, 2)", 13, "too many arguments"),
        ("Normal(0, scle=1)", 15, "no parameter 'scle'"),
        ("Normal(0, 1, loc=2)", 17, "given twice"),
        ("Normal(0)", 0, "lacks scale"),
        ("Normal(0, 1)(2)", 0, "one call of a distribution"),
        ("5", 0, "one call of a distribution"),
        ("os.system('x')", 0, "one call of a distribution"),
        ("", 0, "cannot be read"),
        ("Normal(0, 1\x00)", 0, "cannot be read"),
        ("Normal(" + "-" * 1500 + "1, 1)", 0, "read|nested|one call"),
        ("Normal(" + "light+" * 600 + "1, 1)", 0, "longer than"),
    ],
)
def test_what_is_not_admitted(text: str, offset: int, message: str) -> None:
    with pytest.raises(ExpressionError, match=message) as caught:
        parse_expression(text, NAMES)
    assert caught.value.remedy
    if "read" not in message:
        assert caught.value.offset == offset


def test_offsets_count_characters() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression("Normal(é + lihgt, 1)", (*NAMES, "é"))
    assert caught.value.offset == 11


def test_changes() -> None:
    assert parse_replacement("shift(2)", NAMES).value == 2.0
    assert parse_replacement("do(-1)", NAMES).is_hard
    assert not parse_replacement("scale(0.25)", NAMES).is_hard
    assert parse_replacement("Normal(0, 2)", NAMES).is_hard
    assert not parse_replacement("Normal(light, 2)", NAMES).is_hard


@pytest.mark.parametrize(
    "text", ["shift()", "shift(1, 2)", "shift(light)", "scale(0)", "scale(-1)", "do(x=1)", "do(1/0)"]
)
def test_faulty_changes(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_replacement(text, NAMES)
