"""The site: pages, the reference of the file, the Python face, tutorials with their outputs. See ``make docs``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import crlspec

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "crlspec"
author = "the crlspec contributors"
version = release = crlspec.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "plain_docstrings", "repository_links", "notebooks"]
exclude_patterns = ["_build", "_ext"]
root_doc = "index"

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 5

# A tutorial is run once for its code and that of crlspec; `-D nb_execution_mode=off` leaves outputs out.
nb_execution_mode = "cache"
nb_execution_in_temp = nb_execution_raise_on_error = True
nb_execution_timeout = 1800
nb_output_stderr = "remove"
os.environ.update(OMP_NUM_THREADS="1", COLUMNS="100")
os.environ.pop("MPLBACKEND", None)  # a kernel then shows figures in the notebook

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_typehints_format = "short"

html_theme = "furo"
html_static_path, html_css_files = ["_static"], ["site.css"]
html_title = f"crlspec {release}"
html_show_copyright = html_show_sphinx = False
pygments_style, pygments_dark_style = "tango", "monokai"
