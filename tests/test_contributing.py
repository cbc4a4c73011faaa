"""docs/contributing.md says where things are, and its plug-in works as it is shown."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crlspec.testing import EstimatorContract
from tests.cli.conftest import call as call  # noqa: PLC0414  a fixture

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"`([\w/]+\.py)`:\n\n```python\n(.*?)```", PAGE, flags=re.DOTALL))
PLUGIN = ("acme_crl/estimator.py", "acme_crl/roots_first.py")


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder with the files that the page shows, on the path."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    _forget()
    yield tmp_path
    _forget()


def _forget() -> None:
    """The package of the page is no longer loaded, from wherever it came."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_crl"]:
        del sys.modules[name]


def test_the_plugin_is_short_and_is_the_one_that_is_tried_installed() -> None:
    assert set(FILES) == {*PLUGIN, "test_roots_first.py"}
    assert sum(len(FILES[name].splitlines()) for name in PLUGIN) <= 60
    for name in PLUGIN:
        assert FILES[name] == (ROOT / "tests" / "plugins" / "acme" / name).read_text(encoding="utf-8")


def test_the_plugin_keeps_the_contract(written: Path) -> None:
    names: dict[str, object] = {}
    exec(compile(FILES["test_roots_first.py"], "test_roots_first.py", "exec"), names)
    contract = names["TestRootsFirst"]
    assert isinstance(contract, type) and issubclass(contract, EstimatorContract)
    laws = [name for name in dir(contract) if name.startswith("test_")]
    assert len(laws) == 5
    for law in laws:
        getattr(contract(), law)()


def test_the_calls_that_are_shown_work(written: Path, call) -> None:  # type: ignore[no-untyped-def]
    (shown,) = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
    answers = [call(*shlex.split(line)[1:]) for line in shown.splitlines() if line.startswith("crlspec ")]
    assert [answer.status for answer in answers] == [0, 4, 0]
    assert "undecided: No theorem covers the estimator roots-first" in answers[1].out


def test_every_folder_of_the_house_is_on_the_map() -> None:
    for folder in (ROOT / "crlspec").rglob("*/"):
        if (folder / "__init__.py").is_file():
            assert f"{folder.name}/" in PAGE, folder


def test_every_path_that_is_named_is_there() -> None:
    named = re.findall(r"`((?:crlspec|models|specs|tests|benchmarks)/[\w/.]*)`", PAGE)
    assert len(named) > 30
    for path in named:
        assert (ROOT / path).exists(), path
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target


def test_every_target_of_make_and_every_test_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make (\w+)`", PAGE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
    tests = (ROOT / "tests" / "test_imports.py").read_text(encoding="utf-8")
    for name in re.findall(r"`(test_\w+)`", PAGE):
        assert f"def {name}(" in tests, name
