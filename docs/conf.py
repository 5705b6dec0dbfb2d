"""The site: Sphinx with MyST and Furo. `make docs` builds it into build/docs."""

import re
import sys
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike
from sphinx.application import Sphinx
from sphinx.util.typing import stringify_annotation

HERE = Path(__file__).parent
MAY_BE_MISSING = ("clusters", "reliability")
BOUNDED = r"(?:~?typing\.)?Annotated\[([^,\[\]]+), (?:[^\[\]]|\[[^\]]*\])*\]"
ARRAY_LIKE = stringify_annotation(ArrayLike, "smart")
sys.path.insert(0, str(HERE))

import reference  # noqa: E402

import noisylab  # noqa: E402

project = "noisylab"
author = copyright = "The noisylab authors"  # noqa: A001 - Sphinx names it
release = version = noisylab.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "myst_nb"]
exclude_patterns = ["_static"]
html_theme = "furo"
html_title = f"noisylab {release}"
html_static_path = ["_static"]
html_css_files = ["noisylab.css"]
html_copy_source = False

# Pages are read on their own too, so they link to files and to headings as GitHub does.
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]
# A block without a language holds commands.
highlight_language = "none"

# Docstrings put code between single backticks.
default_role = "py:obj"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_attr_annotations = False
napoleon_custom_sections = [("Source", "notes_style"), ("Sources", "notes_style")]
python_maximum_signature_line_length = 100

# Outputs are not stored with the notebooks: the build makes them, and keeps them until a notebook changes.
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE.parent / "build" / "notebooks")
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300


def plain_types(app: Sphinx, what: str, name: str, held: Any, options: Any, signature: str, returned: str) -> Any:  # noqa: ARG001
    """The signature with types alone: bounds stand in the text and in the tables of options, and `ArrayLike` keeps its name."""
    # A function as a default is called by its name, for only what Python can read is set in short form.
    texts = [
        text and re.sub(r"<(?:function )?(\w+)[^>]*>", r"\1", text.replace(ARRAY_LIKE, "ArrayLike"))
        for text in (signature, returned)
    ]
    return tuple(text and re.sub(BOUNDED, r"\1", text) for text in texts)


def link_inside(app: Sphinx, page: str, text: list[str]) -> None:  # noqa: ARG001
    """Links that the pages cannot have on their own: to the copies of those above docs/, and from tables to generated pages."""
    text[0] = re.sub(
        r"\]\(((?:\.\./)*)\.\./(README|CONTRIBUTING)\.md", lambda to: f"]({to[1]}generated/{to[2].lower()}.md", text[0]
    )
    if page == "index":
        text[0] = "\n".join(
            line for line in text[0].split("\n") if line not in MAY_BE_MISSING or (HERE / f"{line}.md").is_file()
        )
    if page in reference.TABLES:
        text[0] = reference.with_links(page, text[0])


def write_pages(app: Sphinx) -> None:
    """Write the pages that come from the registries and the packages' lists of names."""
    reference.write(Path(app.srcdir) / "generated")


def setup(app: Sphinx) -> None:
    """Connect them."""
    app.connect("builder-inited", write_pages)
    app.connect("source-read", link_inside)
    app.connect("autodoc-process-signature", plain_types)
