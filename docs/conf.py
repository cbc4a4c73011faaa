"""The site: pages, the reference of the file, the Python face, tutorials with their outputs. See ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path

import crlspec

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "crlspec"
author = "the crlspec contributors"
version = release = crlspec.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "plain_docstrings", "repository_links", "tutorial_pages"]
exclude_patterns = ["_build", "_ext"]
root_doc = "index"

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 5
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_typehints_format = "short"

html_theme = "furo"
html_title = f"crlspec {release}"
html_show_copyright = html_show_sphinx = False
pygments_style, pygments_dark_style = "tango", "monokai"
