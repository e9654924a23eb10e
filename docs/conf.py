"""Configuration of Sphinx: ``sphinx-build -W -b html docs docs/_build/html``."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import tables

import kernelgen

project = "kernelgen"
version = release = kernelgen.__version__
copyright = "the kernelgen developers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"kernelgen {release}"
html_copy_source = False
myst_heading_anchors = 3
napoleon_google_docstring = False
napoleon_use_ivar = True  # several classes have attributes of one name
autodoc_member_order = "bysource"
autodoc_typehints = "none"
python_use_unqualified_type_names = True


def _fill_tables(app: Any, name: str, source: list[str]) -> None:
    source[0] = tables.fill(source[0])


def setup(app: Any) -> None:
    """Let Sphinx see the pages with their tables."""
    app.connect("source-read", _fill_tables)
