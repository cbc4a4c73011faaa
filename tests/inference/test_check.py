"""A Check can be read, and given other names."""

from __future__ import annotations

import subprocess
import sys

from crlspec.inference.check import Check, chance, listed


def test_names_in_quotes_are_given_back_all_at_once() -> None:
    check = Check(
        "t",
        "refuted",
        1.0,
        2.0,
        "Environments 'e1' and 'e11' differ, e1 alone does not.",
        "Leave 'e1' out.",
        ("e1", "e11"),
    )
    found = check.renamed({"e1": "e11", "e11": "drug"})
    assert found.message == "Environments 'e11' and 'drug' differ, e1 alone does not."
    assert found.remedy == "Leave 'e11' out."
    assert found.environments == ("e11", "drug")
    assert str(found) == f"refuted: {found.message} Remedy: {found.remedy}"


def test_a_check_that_names_no_environment_stays_as_it_is() -> None:
    check = Check("t", "note", 1.0, 2.0, "All is well.")
    assert check.renamed({}) is check


def test_names_and_probabilities_as_they_are_written() -> None:
    assert [listed("a"), listed("ab"), listed("abc")] == ["'a'", "'a' and 'b'", "'a', 'b' and 'c'"]
    assert [chance(0.0213), chance(0.0)] == ["p = 0.02", "p < 1e-16"]


def test_the_checks_load_neither_torch_nor_scipy_stats() -> None:
    code = "import sys, crlspec.inference.checks; print({'torch', 'pyro', 'scipy.stats'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
