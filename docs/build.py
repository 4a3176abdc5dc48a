"""Build the site: `python docs/build.py` writes docs/_build/html from the notebooks, the package and the texts of this repository, without network.

Three steps: collect (pages in docs/_build/pages, laid out as in the repository, so that links between files are links between pages), sphinx-build with every warning an error, check (dead links, loads from elsewhere).
Nothing outside docs/_build is written."""
import importlib.util
import re
import shutil
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HERE, NBS, OUT = ROOT / "docs", ROOT / "nbs", ROOT / "docs/_build"
sys.path[:0] = [str(HERE), str(ROOT)]
from api import api_page, full_names
from check import problems
from pages import brief, cells_of, lessons, linked, module_of, names_for, note, processed, save, sections, subtitle, title, write_page

FLOORS = {"0": "core", "1": "data", "2": "models", "3": "metrics", "4": "train", "5": "distill", "6": "repro", "7": "inspectors", "8": "course", "9": "app"}
COPIES = ("CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff", "LICENSE", "data/README.md", "docs/guide.md", "msan_nb/weights/README.md", "nbs/images")
GALLERY = "79_inspectors"


# ── what there is ────────────────────────────────────────────────────────────
def modules():
    "Notebook -> the module that it makes, in order."
    return {p: import_module(f"msan_nb.{m}") for p in sorted(NBS.glob("*.ipynb")) if (m := module_of(p))}


def own_pages():
    "Notebooks that export nothing and are a page of their own; index is spread over front page and results."
    return [p for p in [*sorted(NBS.glob("*.ipynb")), *sorted((NBS / "tutorials").glob("*.ipynb"))] if not module_of(p) and p.stem != "index"]


# ── collect ──────────────────────────────────────────────────────────────────
def collect(pages):
    "Write all pages; nothing is run but the microscope's export."
    made = modules()
    every = full_names(made.values())
    labels = {p: lessons(p) for p in made}
    for p in [*made, *own_pages()]: write_page(p, pages / p.relative_to(ROOT), every)
    for p, module in made.items(): write(pages / f"api/{short(module)}.md", linked_rows(api_page(module, p, labels[p]), names_for(cells_of(p), short(module), every)))
    write(pages / "api/index.md", api_index(made))
    write(pages / "modules.md", modules_page(made))
    for name in COPIES: copied(ROOT / name, pages / name)
    course(pages)
    write(pages / "microscope.md", placed("microscope.md"))
    front(pages, names_for([], "", every))


def write(path, words):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(words, encoding="utf-8")


def copied(source, target):
    "A file or a folder, where there is one."
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir(): shutil.copytree(source, target)
    elif source.is_file(): shutil.copy(source, target)


def toctree(entries, caption="", depth=1):
    "A hidden table of contents, which the page's sidebar shows."
    return "\n".join(["```{toctree}", ":hidden:", f":maxdepth: {depth}", *([f":caption: {caption}"] if caption else []), "", *map(str, entries), "```"])


def first_sentence(words): return re.split(r"(?<=[.?!]) (?=[A-Z])", " ".join(words.split()))[0].replace("|", "\\|")


def short(module): return module.__name__.removeprefix("msan_nb.")


def linked_rows(page, names):
    "Names in an API page are links; the first cell of a table is a parameter's name and stays."
    cut = lambda line: line.index("` |") if line.startswith("| `") else 0
    return "\n".join(line if line.startswith("```") else line[:cut(line)] + linked(line[cut(line):], names) for line in page.split("\n"))


def api_index(made):
    "The modules, floor by floor."
    lines = ["# API", "", "One page for each module: what each function takes and returns, from the comments beside its parameters. *Lesson* leads to the notebook's cell in which it is written and tried.", ""]
    for digit, floor in FLOORS.items():
        rows = [f"| {{py:mod}}`{m.__name__}` | {first_sentence(m.__doc__ or '')} |" for p, m in made.items() if p.stem.startswith(digit)]
        if rows: lines += [f"## {floor}", "", "| module | what it is for |", "|---|---|", *rows, ""]
    return "\n".join([*lines, toctree(map(short, made.values())), ""])


def modules_page(made):
    "The module notebooks, floor by floor."
    lines = ["# Module notebooks", "", "The package is written in these notebooks: each tells one idea, tries it, and exports one module. A module imports from lower floors only, so they can be read in order.", ""]
    for digit, floor in FLOORS.items():
        rows = [f"| [{p.stem}](nbs/{p.name}) | **{title(cells_of(p))}**<br>{first_sentence(subtitle(cells_of(p)))} |" for p in made if p.stem.startswith(digit)]
        if rows: lines += [f"## {floor}", "", "| notebook | |", "|---|---|", *rows, ""]
    return "\n".join([*lines, toctree(f"nbs/{p.stem}" for p in made if p.stem != GALLERY), ""])


def placed(name, **parts):
    "A text of docs/text with its <!-- gaps --> filled."
    words = (HERE / "text" / name).read_text(encoding="utf-8")
    for gap, filling in parts.items(): words = words.replace(f"<!-- {gap} -->", filling)
    return words


# ── the course ───────────────────────────────────────────────────────────────
def course(pages):
    "The assignments as students get them, the archive to hand out, and a page that lists them."
    from msan_nb.course.tasks import build, find_assignments
    found = find_assignments(NBS / "assignments")
    for a in found: save(brief(a), pages / page_of(a), {})
    shutil.copy(build(NBS / "assignments", OUT / "course")["handout"], pages / "handout.zip")
    rows = [f"| [{a.title}]({page_of(a)}) | {a.minutes} min | {a.points:g} | {len(a.tasks)} |" for a in found]
    table = "\n".join(["| assignment | expected time | points | tasks |", "|---|---|---|---|", *rows])
    write(pages / "assignments.md", placed("assignments.md", table=table, toctree=toctree(page_of(a).removesuffix(".ipynb") for a in found)))


def page_of(assignment): return f"nbs/assignments/{assignment.name}/{assignment.name}.ipynb"


# ── front page, results, microscope ──────────────────────────────────────────
def front(pages, names):
    "The front page from nbs/index.ipynb; sections with numbers, which code has made, go to a page of their own."
    nb = processed(NBS / "index.ipynb")
    parts = sections(nb)
    opening, numbers = parts.pop(""), [p for p in parts.values() if any(c.cell_type == "code" for c in p)]
    texts = [p for p in parts.values() if p not in numbers]
    nb.cells = [note(placed("results.md")), *(c for p in numbers for c in p)]
    save(nb, pages / "results.ipynb", names)
    nb.cells = [*opening, note(placed("front.md")), *(c for p in texts for c in p), note("\n\n".join(contents(pages)))]
    save(nb, pages / "index.ipynb", names)


def contents(pages):
    "The sidebar. What has no place of its own comes under Reference, so that a new notebook is found."
    tutorials = [f"nbs/tutorials/{p.stem}" for p in sorted((NBS / "tutorials").glob("*.ipynb"))]
    groups = {"Learn": tutorials, "Look inside": ["microscope", f"nbs/{GALLERY}", "nbs/tour"], "Teach": ["nbs/guide", "docs/guide", "assignments"], "Results": ["results", "nbs/95_what_works"],
        "Reference": ["nbs/glossary", "modules", "api/index", "data/README"], "Project": ["CONTRIBUTING", "CHANGELOG", *(str(Path(n).with_suffix("")) for n in COPIES if "weights" in n)]}
    known = {e for entries in groups.values() for e in entries}
    groups["Reference"] += [e for p in own_pages() if (e := str(p.relative_to(ROOT).with_suffix(""))) not in known]
    here = lambda e: any((pages / f"{e}{end}").is_file() for end in (".md", ".ipynb"))
    return [toctree(filter(here, entries), caption) for caption, entries in groups.items()]


def microscope(file):
    "The microscope of the run that is shipped with the package, as one file."
    from msan_nb.course.weights import shipped_run
    from msan_nb.inspectors.export import write_microscope
    file.parent.mkdir(parents=True, exist_ok=True)
    write_microscope(shipped_run(), file)


def mathjax(folder):
    "MathJax with its fonts, from the package that carries it: two files of many."
    source = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent / "static/mathjax"
    fonts = "output/chtml/fonts/woff-v2"
    shutil.copytree(source / fonts, folder / fonts)
    shutil.copy(source / "tex-chtml.js", folder)


# ── build ────────────────────────────────────────────────────────────────────
def sphinx():
    "Any warning is an error."
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-j", "2", "-c", HERE, "-d", OUT / "doctrees", OUT / "pages", OUT / "html"]
    return subprocess.run([str(c) for c in command]).returncode


def main():
    began = time.time()
    def say(words): print(f"{time.time() - began:4.0f} s  {words}", flush=True)
    shutil.rmtree(OUT, ignore_errors=True)
    collect(OUT / "pages"); say("pages collected")
    microscope(OUT / "extra/live/microscope.html"); say("microscope written")
    mathjax(OUT / "static/mathjax")
    if code := sphinx(): sys.exit(f"sphinx-build: exit {code}")
    say("pages built")
    found = problems(OUT / "html")
    print(*found, sep="\n")
    say(f"checked: {len(found)} problems in {len(list((OUT / 'html').rglob('*.html')))} pages; open {(OUT / 'html/index.html').relative_to(ROOT)}")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
