"""What ``intervene`` refuses: what, what is allowed, and the remedy."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import pytest
import torch

from crlspec.errors import CrlspecError
from crlspec.handlers import intervene, shift
from tests.handlers import programs

pytestmark = pytest.mark.usefixtures("own_rng")


def refusal(program, replacements):
    with pytest.raises(CrlspecError) as caught:
        intervene(program, replacements)()
    return caught.value


def test_an_unknown_site_is_told_when_the_program_has_run():
    error = refusal(programs.regression, {"slop": 2})
    assert error.message == "the program has no site 'slop'; it has slope, intercept, sigma, line, weight."
    assert (
        error.remedy
        == "did you mean 'slope'? give a site that it has, or strict=False where not every run visits it."
    )
    assert "all" not in refusal(programs.subsampled, {"all": 2}).message.replace("has", "").split(";")[1]
    intervene(programs.regression, {"slop": 2}, strict=False)()


def test_an_error_of_the_program_itself_is_not_hidden():
    def broken():
        pyro.sample("a", dist.Normal(0, 1))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        intervene(broken, {"b": 1})()


@pytest.mark.parametrize(
    ("program", "site", "new", "message", "remedy"),
    [
        (
            programs.eight_schools, "theta", dist.Normal(0, 1),
            "the distribution for 'theta' has event shape (); that of the site is (8,).",
            "end it with .expand([8]).to_event(1), or give one of vectors of this shape.",
        ),
        (
            programs.regression, "slope", dist.Normal(torch.zeros(3), 1),
            "the distribution for 'slope' has batch shape (3,); that of the site is ().",
            "give one without a batch shape.",
        ),
        (
            programs.regression, "weight", dist.Normal(torch.zeros(3), 1),
            "the distribution for 'weight' has batch shape (3,); that of the site is (10,).",
            "give one that broadcasts to it, e.g. with batch shape () or (10,).",
        ),
        (
            programs.regression, "slope", dist.Dirichlet(torch.ones(2)),
            "the distribution for 'slope' has event shape (2,); that of the site is ().",
            "give a distribution of single numbers.",
        ),
        (
            programs.eight_schools, "theta", torch.zeros(7),
            "the constant for 'theta' has shape (7,); a value has (8,).",
            "give a number, or a tensor that broadcasts to (8,).",
        ),
        (
            programs.regression, "weight", lambda now: "high",
            "the site 'weight' was given 'high', a builtins.str.",
            "give a distribution of pyro.distributions, a number or tensor to fix the site, or a function from the "
            "current distribution to the new one.",
        ),
        (
            programs.regression, "weight", lambda now, values: dist.Normal(values["slop"], 1),
            "the site 'slop' was not sampled before the one that reads it.",
            "did you mean 'slope'? earlier sites are slope, intercept, sigma, line.",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_its_site(program, site, new, message, remedy):
    error = refusal(program, {site: new})
    assert (error.message, error.remedy) == (message, remedy)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (None, "None, a builtins.NoneType"),
        ("Normal", "'Normal', a builtins.str"),
        (dist.Normal, "the class Normal, which is not yet a distribution"),
        (
            torch.distributions.Normal(0, 1),
            "Normal(loc: 0.0, scale: 1.0), a torch.distributions.normal.Normal",
        ),
    ],
)
def test_what_is_no_replacement_is_told_at_the_call(given, shown):
    with pytest.raises(CrlspecError) as caught:
        intervene(programs.regression, {"slope": given})
    assert caught.value.message == f"the site 'slope' was given {shown}."


def test_functions_take_one_argument_or_two():
    with pytest.raises(CrlspecError, match="the function for 'slope' takes 3 arguments"):
        intervene(programs.regression, {"slope": lambda a, b, c: a})
    # defaults of a lambda are no arguments to fill
    intervene(programs.regression, {"slope": lambda now, by=2.0: shift(by)(now)})()


def test_the_arguments_have_an_order():
    with pytest.raises(CrlspecError, match="a program, then a mapping"):
        intervene({"slope": 2})
    with pytest.raises(CrlspecError, match="a program, then a mapping"):
        intervene(programs.regression, 2)


@pytest.mark.parametrize("inside", [True, False])
def test_a_constant_against_other_data(inside):
    def both(value):
        data, fixed = {"slope": torch.tensor(value)}, {"slope": 2.0}
        if inside:
            return intervene(pyro.condition(programs.regression, data), fixed)
        return pyro.condition(intervene(programs.regression, fixed), data)

    both(2.0)()
    with pytest.raises(CrlspecError) as caught:
        both(1.0)()
    message = "the site 'slope' is fixed by an intervention and observed with another value."
    assert caught.value.message == message


def test_a_factor_is_no_site_to_intervene_on():
    def penalised():
        pyro.factor("penalty", torch.tensor(-1.0))

    assert (
        refusal(penalised, {"penalty": 0.0}).message == "the site 'penalty' is a factor, which has no values."
    )


def test_nothing_is_left_on_the_stack_after_an_error():
    from pyro.poutine.runtime import _PYRO_STACK

    refusal(programs.regression, {"slop": 2})
    refusal(programs.eight_schools, {"theta": 2.0 * torch.ones(3)})
    assert not _PYRO_STACK
