"""The journeys in docs/ are what works: their Python runs, and is short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
JOURNEYS = sorted(DOCS.glob("journey-*.md"))


@pytest.mark.usefixtures("own_rng")
@pytest.mark.parametrize("page", JOURNEYS, ids=lambda page: page.stem)
def test_the_python_of_a_journey_runs_and_is_short(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL))
    assert len([line for line in text.splitlines() if line.strip()]) <= 20
    exec(compile(text, page.name, "exec"), {})
