"""Sphinx's settings for the site that docs/build.py makes. Everything that a page loads lies in the site itself."""
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import msan_nb

project, release, author = "msan_nb", msan_nb.__version__, "the maintainers of msan_nb"
copyright = f"{author}; Apache-2.0"
extensions = ["myst_nb"]
language, nitpicky, add_module_names = "en", True, False
highlight_language, pygments_style, pygments_dark_style = "none", "friendly", "github-dark"

# Notebooks are shown with the outputs that they keep.
nb_execution_mode, nb_merge_streams, nb_render_markdown_format = "off", True, "myst"
nb_code_prompt_show, nb_code_prompt_hide = "Show the code", "Hide the code"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

# MathJax from the site's own folder: its fonts come along, so formulas look alike in every browser. Without the menu it loads nothing later.
mathjax_path = "mathjax/tex-chtml.js"
mathjax3_config = {"options": {"enableMenu": False}, "chtml": {"scale": 0.95}}

html_theme, html_title, html_favicon = "furo", f"msan_nb {release}", str(HERE / "static/favicon.svg")
html_static_path, html_css_files = [str(HERE / "static"), str(HERE / "_build/static")], ["site.css"]
html_extra_path = [str(HERE / "_build/extra")]
html_theme_options = {"top_of_page_buttons": []}
html_copy_source = html_show_sphinx = False
html_domain_indices = True


def lean_tree(app, pagename, templatename, context, doctree):
    "The sidebar unfolds only the branch that a page belongs to: a third of the building time, and pages without two hundred links each."
    if full := context.get("toctree"): context["toctree"] = lambda **options: full(**options | {"collapse": True})


def setup(app):
    app.connect("html-page-context", lean_tree, priority=400)  # before furo draws the sidebar
