"""Notebooks as pages of the site: nbdev's directives are obeyed and gone, hidden cells are gone, names of the package are links, and exported cells can be pointed at."""
import ast
import json
import re
from pathlib import Path

from fastcore.nbio import dict2nb, mk_cell, write_nb
from nbdev.process import NBProcessor
from nbdev.processors import clean_magics, hide_, hide_line, strip_ansi

ROOT = Path(__file__).resolve().parents[1]
BESIDE = {"79_inspectors": "The first of them, the microscope, [is alive on this site](../microscope.md)."}  # what only the site can say
FOLDED = ("glossary", "95_what_works")  # pages whose code only makes their tables and pictures
NAME = re.compile(r"(?<![\[`\w])`([A-Za-z_][\w.]*)`(?![`\]])")
ASIDE = re.compile(r"(^ *(`{3,}|~{3,}).*?^ *\2 *$|(?<!`)``[^`].*?``|\[[^\]]*\]\([^)]*\))", re.M | re.S)  # blocks of code, code in double ticks, links: never changed


def subtitle(cells):
    "The `>` line below the title."
    return next((m[1] for c in cells if (m := re.search(r"^> (.+)$", text(c), re.M))), "")


def title(cells):
    "The `#` line."
    return next((m[1] for c in cells if (m := re.search(r"^# (.+)$", text(c), re.M))), "")


def text(cell):
    "A cell's source as one string."
    return "".join(cell["source"])


def cells_of(path):
    "The cells of a stored notebook."
    return json.loads(Path(path).read_text(encoding="utf-8"))["cells"]


def module_of(path):
    "Where a notebook exports to, such as data.domains; empty for one that exports nothing."
    found = (re.search(r"^#\| *default_exp +(\S+)", text(c), re.M) for c in cells_of(path))
    return next((m[1].removesuffix(".__init__") for m in found if m), "")


def tagged(cell):
    "nbdev's directives as tags of a cell: what is kept in the package is marked, what need not be read is not shown. Pictures get words for those who cannot see them."
    tags = [tag for name, tag in (("export", "exported"), ("echo", "remove-input")) if name in cell.directives_]
    if tags: cell.metadata["tags"] = tags
    if any("image/png" in o.get("data", {}) for o in cell.get("outputs", [])): cell.metadata["mystnb"] = {"image": {"alt": "Figure that the code above draws"}}
    return cell


def processed(path):
    "A notebook after nbdev's directives; its cells still know them."
    done = NBProcessor(path, procs=[strip_ansi, hide_line, hide_, clean_magics])
    done.process()
    nb = done.nb
    nb.cells = [tagged(c) for c in nb.cells if c.cell_type != "code" or c.source.strip() or c.get("outputs")]
    return nb


def defined(source):
    "Names that a cell defines at its margin."
    nodes = ast.parse(source).body
    targets = [t for n in nodes if isinstance(n, ast.Assign) for t in n.targets]
    return [n.name for n in nodes if hasattr(n, "name")] + [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]


def names_for(cells, module, every):
    "What the names of a page mean: those of its own module, those that it imports, and others that only one module has and that are no plain words."
    imported = {f"{n.module}.{a.name}" for c in cells if c["cell_type"] == "code" for n in ast.walk(parsed(text(c))) if isinstance(n, ast.ImportFrom) for a in n.names}
    def near(name, full): return (home := full.removesuffix(f".{name}")) == f"msan_nb.{module}" or f"{home}.{name.split('.')[0]}" in imported
    chosen = {name: [f for f in full if near(name, f)] or [f for f in full if len(full) == 1 and re.search(r"[A-Z_.]", name)] for name, full in every.items()}
    return {name: full[0] for name, full in chosen.items() if len(full) == 1}


def parsed(source):
    "Code as a tree; an empty one for what is no plain Python."
    try: return ast.parse(source)
    except SyntaxError: return ast.parse("")


def linked(source, names):
    "Markdown in which the first `name` of each kind leads to its entry in the API; code and headings stay."
    seen = set()
    def entry(m):
        if m[1] not in names or m[1] in seen: return m[0]
        seen.add(m[1])
        return f"{{py:obj}}`{m[1]} <{names[m[1]]}>`"
    parts = ASIDE.split(source)
    line = lambda s: s if s.startswith(("#", "<")) else NAME.sub(entry, s)
    return "".join(part if i % 3 == 1 else "" if i % 3 == 2 else "\n".join(map(line, part.split("\n"))) for i, part in enumerate(parts))


def note(markdown):
    "A cell of text."
    return mk_cell(markdown, "markdown")


def with_labels(nb, module):
    "Before each exported cell a label, to which the API's entries point."
    cells = []
    for i, cell in enumerate(nb.cells):
        if cell.cell_type == "code" and "exported" in cell.metadata.get("tags", []): cells.append(note(f"({label(module, i)})="))
        cells.append(cell)
    nb.cells = cells


def label(module, number): return f"cell-{module}-{number}"


def lessons(path):
    "Name -> label of the cell that exports it."
    module = module_of(path)
    return {name: label(module, i) for i, c in enumerate(processed(path).cells) if "exported" in c.metadata.get("tags", []) for name in defined(c.source)} if module else {}


def write_page(path, target, every):
    "One notebook as a page."
    nb, module = processed(path), module_of(path)
    names = names_for(cells_of(path), module, every)
    if path.stem in BESIDE: nb.cells.insert(1, note(BESIDE[path.stem]))
    if module:
        with_labels(nb, module)
        nb.cells.insert(1, note(f"Exports the module {{py:mod}}`msan_nb.{module}`: cells with a coloured edge are the package."))
    if path.stem in FOLDED:
        for cell in nb.cells: cell.metadata["tags"] = ["hide-input"] if cell.cell_type == "code" else []
    save(nb, target, names)


def save(nb, target, names):
    "Link the names, in text and in outputs that are text, and write."
    for cell in nb.cells:
        if cell.cell_type == "markdown": cell.source = linked(text(cell), names)
        for o in cell.get("outputs", []):
            if "text/markdown" in o.get("data", {}): o["data"]["text/markdown"] = linked("".join(o["data"]["text/markdown"]), names)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_nb(nb, target)


def sections(nb):
    "A notebook's cells, split at its second-level headings: heading -> cells, the first under an empty one."
    parts, heading = {"": []}, ""
    for cell in nb.cells:
        texts = [t for t in re.split(r"^(?=## )", cell.source, flags=re.M) if t.strip()] if cell.cell_type == "markdown" else [None]
        for words in texts:
            if words and (m := re.match(r"## (.+)", words)): heading = m[1]
            parts.setdefault(heading, []).append(note(words.strip()) if words else cell)
    return parts


def brief(assignment):
    "The student's copy as a page; if a line of the solution stood in it there would be no site."
    from msan_nb.course.tasks import leaks, student_copy, visible
    copy = json.loads(json.dumps(student_copy(assignment)))
    for c in copy["cells"]: c["metadata"] = {}
    if said := leaks(assignment.notebook, visible(copy)): raise SystemExit(f"the page of {assignment.name} would show its solution: {said}")
    nb = dict2nb(copy)
    nb.cells.insert(1, note("The notebook to work in lies in the {download}`archive </handout.zip>`; this page shows it."))
    return nb
