"""The smallest environment decides whether there are samples enough."""

from __future__ import annotations

from crlspec.inference.checks.samples import check_samples


def test_the_smallest_environment_is_named() -> None:
    check = check_samples({"a1": 600, "a2": 80}, 500, "tell environments apart")
    assert (check.consequence, check.environments) == ("undecided", ("a2",))
    assert check.message == "Environment 'a2' has 80 samples, too few to tell environments apart."
    assert check.remedy == "Give 500 samples or more in every environment."
    enough = check_samples({"a1": 600, "a2": 800}, 500, "tell environments apart")
    assert enough.consequence == "passed"
    assert (
        enough.message
        == "The smallest environment, 'a1', has 600 samples, enough to tell environments apart."
    )
