"""The site's machinery: its checker can fail, hidden cells and solutions stay out of its pages, and its API tells what the source tells. (The built site is tried in a browser: tests/browser/test_site.py.)"""
import ast
import inspect
import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def docs():
    "The modules of docs/, which are scripts and no package."
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        import api, check, pages
        yield {"api": api, "check": check, "pages": pages}
        for name in ("api", "check", "pages"): del sys.modules[name]


# ── the checker ──────────────────────────────────────────────────────────────
GOOD = '<h2 id="a b">x</h2><a href="#a%20b">1</a> <a href="sub/b.html#there">2</a> <a href="https://arxiv.org">3</a> <img src="data:image/png;base64,AA=="> <link rel="stylesheet" href="s.css"><a href="mailto:x@y">4</a>'
WRONG = {
    "a page that is not there": ('<a href="c.html">x</a>', "no such file: c.html"),
    "a picture that is not there": ('<img src="p.png">', "no such file: p.png"),
    "an anchor that is not there": ('<a href="sub/b.html#gone">x</a>', "no such anchor: sub/b.html#gone"),
    "an anchor of the page itself": ('<a href="#gone">x</a>', "no such anchor: #gone"),
    "a script from a CDN": ('<script src="https://cdn.example/x.js"></script>', "loads from elsewhere: https://cdn.example/x.js"),
    "a style without a scheme": ('<link rel="stylesheet" href="//cdn.example/x.css">', "loads from elsewhere: //cdn.example/x.css"),
    "a frame": ('<iframe src="http://example.org/"></iframe>', "loads from elsewhere: http://example.org/"),
    "the second of a srcset": ('<img srcset="s.css 1x, https://e.org/b.png 2x">', "loads from elsewhere: https://e.org/b.png"),
    "an import in a style": ('<style>@import "https://e.org/f.css";</style>', "loads from elsewhere: https://e.org/f.css"),
    "a font in a style": ('<p style="background: url(https://e.org/f.png)">x</p>', "loads from elsewhere: https://e.org/f.png"),
}


def site(folder, extra="", css="b { color: red } /* url(https://only.a/comment) */"):
    (folder / "sub").mkdir()
    (folder / "sub/b.html").write_text('<p id="there">x</p><a href="../a.html">back</a>')
    (folder / "s.css").write_text(css)
    (folder / "a.html").write_text(GOOD + extra)
    return folder


def test_a_good_site_has_no_problems(docs, tmp_path):
    assert docs["check"].problems(site(tmp_path)) == []


@pytest.mark.parametrize("fault", WRONG)
def test_each_fault_is_found(docs, tmp_path, fault):
    extra, said = WRONG[fault]
    assert docs["check"].problems(site(tmp_path, extra)) == [f"a.html: {said}"]


def test_style_sheets_are_read(docs, tmp_path):
    found = docs["check"].problems(site(tmp_path, css="@import 'https://e.org/a.css'; @font-face { src: url(gone.woff2) }"))
    assert found == ["s.css: loads from elsewhere: https://e.org/a.css", "s.css: no such file: gone.woff2"]


def test_an_empty_folder_is_no_site(docs, tmp_path):
    assert len(docs["check"].problems(tmp_path)) == 1


# ── pages ────────────────────────────────────────────────────────────────────
def notebook(path, *cells):
    made = [{"cell_type": kind, "id": f"c{i}", "metadata": {}, "source": source, **({"outputs": [], "execution_count": None} if kind == "code" else {})} for i, (kind, source) in enumerate(cells)]
    path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_directives_are_obeyed_and_gone(docs, tmp_path):
    source = notebook(tmp_path / "n.ipynb", ("markdown", "# T"), ("code", "#| default_exp data.thing"), ("code", "#| hide\nsecret = 1"), ("code", "#| export\ndef kept(): return 1"), ("code", "shown = 2"))
    docs["pages"].write_page(source, tmp_path / "out/n.ipynb", {})
    cells = docs["pages"].cells_of(tmp_path / "out/n.ipynb")
    text = "\n".join("".join(c["source"]) for c in cells)
    assert "secret" not in text and "#|" not in text and "shown = 2" in text
    kept = next(i for i, c in enumerate(cells) if "def kept" in "".join(c["source"]))
    assert cells[kept]["metadata"]["tags"] == ["exported"]
    label = docs["pages"].lessons(source)["kept"]
    assert "".join(cells[kept - 1]["source"]) == f"({label})="
    assert "msan_nb.data.thing" in "".join(cells[1]["source"])


def test_sections_begin_at_headings_and_keep_their_code(docs, tmp_path):
    "A cell may hold several sections; code belongs to the last heading before it."
    nb = docs["pages"].processed(notebook(tmp_path / "n.ipynb", ("markdown", "# T\n\n> s\n\n## A\na\n\n### deeper\n\n## B\nb"), ("code", "1 + 1"), ("markdown", "## C")))
    assert {k: [c.source for c in v] for k, v in docs["pages"].sections(nb).items()} == {"": ["# T\n\n> s"], "A": ["## A\na\n\n### deeper"], "B": ["## B\nb", "1 + 1"], "C": ["## C"]}


@pytest.mark.parametrize("source, want", [
    ("see `fsd` and `fsd`", "see {py:obj}`fsd <m.fsd>` and `fsd`"),
    ("# `fsd`", "# `fsd`"),
    ("```\n`fsd`\n```", "```\n`fsd`\n```"),
    ("[`fsd`](x.md), ``a `fsd` b``", "[`fsd`](x.md), ``a `fsd` b``"),
    ("[how `fsd` works](x.md)", "[how `fsd` works](x.md)"),
    ("`other`", "`other`"),
])
def test_names_become_links(docs, source, want):
    assert docs["pages"].linked(source, {"fsd": "m.fsd"}) == want


def test_a_name_means_what_the_page_imports(docs):
    every = {"look": ["msan_nb.a.look", "msan_nb.b.look"], "stream": ["msan_nb.core.stream"], "Domain": ["msan_nb.a.Domain"], "Domain.split": ["msan_nb.a.Domain.split"]}
    code = [{"cell_type": "code", "source": "from msan_nb.b import look"}]
    assert docs["pages"].names_for(code, "x", every) == {"look": "msan_nb.b.look", "Domain": "msan_nb.a.Domain", "Domain.split": "msan_nb.a.Domain.split"}  # a plain word that is not imported may mean anything
    assert docs["pages"].names_for([], "core", every)["stream"] == "msan_nb.core.stream"


def test_briefs_hold_no_solution(docs):
    "What the site shows of an assignment: no line of a solution or of a hidden test; and the check would see one."
    pytest.importorskip("nbgrader")
    from msan_nb.course.tasks import find_assignments, leaks, visible
    for a in find_assignments(ROOT / "nbs/assignments"):
        page = json.loads(json.dumps(docs["pages"].brief(a)))
        assert not leaks(a.notebook, visible(page)) and "YOUR CODE HERE" in visible(page)
        assert leaks(a.notebook, visible(a.notebook))


# ── API ──────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", ["metrics.fsd", "data.domains", "distill.base", "models", "app.cli"])
def test_api_tells_what_the_source_tells(docs, name):
    "Every public function and class is there, with its docstring and all comments beside its parameters."
    import importlib
    module = importlib.import_module(f"msan_nb.{name}")
    page = docs["api"].api_page(module, Path("00_x.ipynb"), {})
    plain = lambda s: re.sub(r"[\\\s]", "", s)
    for n, thing in docs["api"].public(module).items():
        if not inspect.isfunction(thing): continue
        assert f"{{py:function}} {n}(" in page
        source = inspect.getsource(thing)
        head = "\n".join(source.splitlines()[:ast.parse(source).body[0].body[0].lineno - 1])
        for said in [inspect.getdoc(thing) or "", *re.findall(r"  # (.*)$|[,)] # (.*)$", head, re.M)]:
            assert plain("".join(said)) in plain(page), (n, said)
    for n, full in docs["api"].passed_on(module).items(): assert f"`{n} <{full}>`" in page


def test_what_api_passes_on_is_described_there(docs):
    "Every name that a page sends elsewhere is a function or class of that page; a value, of whatever class, belongs to the module that names it."
    import importlib
    import pkgutil
    import msan_nb
    modules = {m.name: importlib.import_module(m.name) for m in pkgutil.walk_packages(msan_nb.__path__, "msan_nb.") if not m.name.endswith("__main__")}
    sent = {full for m in modules.values() for full in docs["api"].passed_on(m).values()}
    assert sent and not [full for full in sent if full.rpartition(".")[2] not in docs["api"].public(modules[full.rpartition(".")[0]])]
    assert "TSNE" in docs["api"].public(modules["msan_nb.inspectors.microscope"])
