"""Pages of the site as a browser shows them, at a phone's width and a desk's. Skipped without Sphinx or Chromium."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_spec = importlib.util.spec_from_file_location("crlspec_browser", ROOT / "tests" / "report" / "browser.py")
assert _spec is not None
assert _spec.loader is not None
browser = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(browser)

PAGES = ("index", "quick-start", "how-to/undecided", "reference/methods", "reference/theory", "measured",
         "tutorials/01_first_spec_to_dag")  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser.executable() is None, reason="no Chromium is on PATH"),
    pytest.mark.skipif(importlib.util.find_spec("myst_nb") is None, reason="myst-nb comes with `make docs`"),
]


def test_no_page_is_wider_than_its_window_and_nothing_is_missing(tmp_path: Path) -> None:
    site = tmp_path / "site"
    call = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-D", "nb_execution_mode=off"]
    built = subprocess.run([*call, "docs", site], cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-3000:]
    with browser.browser(tmp_path / "profile") as tab:
        for name in PAGES:
            for width in (400, 1280):
                tab.open(site / f"{name}.html", width)
                assert tab.ask("document.documentElement.scrollWidth") <= width, (name, width)
                assert not [told for told in tab.complaints if "ERR_FILE_NOT_FOUND" in told], name
        offered = tab.ask("document.querySelector('a.download').href")
    assert Path(offered.removeprefix("file://")).name == "01_first_spec_to_dag.ipynb"
    assert Path(offered.removeprefix("file://")).is_file()
