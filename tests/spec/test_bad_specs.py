"""Each bad spec in tests/specs_bad gives exactly the errors that expected.yaml lists, at their places."""

from pathlib import Path

import pytest
import yaml

from crlspec.errors import SpecError
from crlspec.spec.load import load

FOLDER = Path(__file__).parents[1] / "specs_bad"
EXPECTED: dict[str, list[str]] = yaml.safe_load((FOLDER / "expected.yaml").read_text(encoding="utf-8"))
CASES = sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem != "expected")


def test_every_file_has_an_expectation() -> None:
    assert sorted(EXPECTED) == CASES
    assert len(CASES) >= 30


@pytest.mark.parametrize("case", CASES)
def test_the_errors_are_the_expected_ones(case: str) -> None:
    path = FOLDER / f"{case}.yaml"
    with pytest.raises(SpecError) as caught:
        load(path)
    error = caught.value
    assert error.exit_code == 2
    found = [": ".join(p for p in (f"{i.line}:{i.column}", i.field, i.message) if p) for i in error.issues]
    assert found == EXPECTED[case]
    for issue, line in zip(error.issues, str(error).splitlines(), strict=True):
        assert line.startswith(f"{path}:{issue.line}:{issue.column}: ")
        assert issue.remedy, "every error says what would mend it"
