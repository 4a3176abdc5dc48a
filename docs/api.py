"""Pages of the API: for each module its functions, classes and constants, with signature, docstring and a table of the comments beside the parameters (docments)."""
import ast
import inspect
import re
from functools import cache
from textwrap import dedent

from fastcore.docments import docments


def offered(module):
    "What a module offers: (name, thing, full name of the module of this package that defines it)."
    for name in getattr(module, "__all__", []):
        thing = getattr(module, name)
        home = thing.__module__ if inspect.isclass(thing) or inspect.isfunction(bare(thing)) else "" # of a value it would be that of its class
        yield name, thing, home if home.startswith("msan_nb.") else module.__name__


def public(module):
    "What a module defines itself: name -> thing. Constants know no module: they are its own."
    return {name: thing for name, thing, home in offered(module) if home == module.__name__}


def passed_on(module):
    "What a module offers of others: name -> full name."
    return {name: f"{home}.{name}" for name, _, home in offered(module) if home != module.__name__}


def members(cls):
    "Public methods and properties that a class defines itself and describes."
    found = {n: m for n, m in vars(cls).items() if not n.startswith("_") and (inspect.isfunction(m) or isinstance(m, (property, staticmethod, classmethod)))}
    return {n: m for n, m in found.items() if bare(m).__doc__}


def bare(member):
    "The function inside a property, a class method or a decorator."
    return inspect.unwrap(getattr(member, "fget", None) or getattr(member, "__func__", member))


def full_names(modules):
    "Name, or Class.method -> all full names that it may mean."
    found = {}
    for module in modules:
        for name, thing in public(module).items():
            for n in [name, *(f"{name}.{m}" for m in (members(thing) if inspect.isclass(thing) else ()))]: found.setdefault(n, []).append(f"{module.__name__}.{n}")
    return found


# ── what is written in the source ────────────────────────────────────────────
@cache
def written(thing):
    "The definition as it stands in the source."
    return ast.parse(dedent(inspect.getsource(thing))).body[0]


def arguments(node):
    "Each argument of a function: (as in a call, name, type, default), and the stars that stand alone."
    a, rows = node.args, []
    defaults = [None] * (len(a.posonlyargs + a.args) - len(a.defaults)) + a.defaults
    rows += [row("", x, d) for x, d in zip(a.posonlyargs + a.args, defaults)]
    if a.vararg: rows.append(row("*", a.vararg, None))
    elif a.kwonlyargs: rows.append(("*", "", "", ""))
    rows += [row("", x, d) for x, d in zip(a.kwonlyargs, a.kw_defaults)]
    if a.kwarg: rows.append(row("**", a.kwarg, None))
    return [r for r in rows if r[1] not in ("self", "cls")]


def row(stars, arg, default):
    "One argument. Of an option of the command line its default counts."
    if isinstance(default, ast.Call) and ast.unparse(default.func).startswith("typer."): default = default.args[0] if default.args else None
    kind, value = typed(arg.annotation), ast.unparse(default) if default else ""
    return stars + arg.arg + (f"={value}" if value else ""), arg.arg, kind, value


def typed(node):
    "A type as it is written; a quoted one without its quotes."
    return re.sub(r"'(\w+)'", r"\1", ast.unparse(node)) if node else ""


def fields(node):
    "The fields of a dataclass, in the form of `arguments`."
    found = [n for n in node.body if isinstance(n, ast.AnnAssign) and not n.target.id.startswith("_")]
    return [(n.target.id + (f"={ast.unparse(n.value)}" if n.value else ""), n.target.id, typed(n.annotation), ast.unparse(n.value) if n.value else "") for n in found]


def parameters(thing):
    "Arguments of a function, fields of a dataclass, arguments of a class's `__init__`."
    if not inspect.isclass(thing): return arguments(written(thing))
    if "__dataclass_fields__" in vars(thing): return fields(written(thing))
    return arguments(written(thing.__init__)) if "__init__" in vars(thing) else []


def told(thing):
    "name -> comment beside the parameter, `return` among them; of an option of the command line its help."
    return helps(thing) | {k: v for k, v in docments(thing).items() if v}


def helps(thing):
    "What the options of a command say of themselves."
    if inspect.isclass(thing): return {}
    a = written(thing).args
    said = {x.arg: k.value for x, d in zip(reversed(a.args), reversed(a.defaults)) if isinstance(d, ast.Call) for k in d.keywords if k.arg == "help"}
    return {name: getattr(value, "value", None) or ast.unparse(value)[2:-1] for name, value in said.items()}


# ── as Markdown ──────────────────────────────────────────────────────────────
def cell(words):
    "Words in a table: what Markdown or HTML would take for itself is escaped, code is left."
    parts = re.split(r"(`[^`]+`)", " ".join(words.split()))
    return "".join(p.replace("|", "\\|") if i % 2 else re.sub(r"([|<*_\[\]$\\])", r"\\\1", p) for i, p in enumerate(parts))


def code(words):
    "A type or a default in a table."
    return f"`{words}`".replace("|", "\\|").replace("'", '"') if words else ""


def table(rows, comments, returns):
    "Parameters and return; a column that nobody fills is left out."
    lines = [(f"`{n}`", code(kind), code(value), cell(comments.get(n, ""))) for _, n, kind, value in rows if n]
    if returns or comments.get("return"): lines.append(("*returns*", code(returns), "", cell(comments.get("return", ""))))
    heads = ("parameter", "type", "default", "what it is")
    kept = [i for i in range(4) if any(line[i] for line in lines)]
    shown = lambda line: "| " + " | ".join(line[i] for i in kept) + " |"
    return "\n".join([shown(heads), shown(("---",) * 4), *map(shown, lines)]) + "\n" if any(line[3] for line in lines) or len(lines) > 1 else ""


def directive(kind, signature, body, depth=0):
    "A Sphinx directive; the inner ones have fewer ticks."
    ticks = "`" * (5 - depth)
    return f"{ticks}{{py:{kind}}} {signature}\n\n{body.strip()}\n\n{ticks}\n"


def described(thing, name, lesson="", depth=0):
    "A function or a class as a directive, with what belongs to it."
    function, rows = bare(thing), parameters(bare(thing))
    kind = "class" if inspect.isclass(function) else "property" if isinstance(thing, property) else "method" if depth else "function"
    returns = typed(written(function).returns) if kind in ("function", "method") else ""
    signature = name if kind == "property" else f"{name}({', '.join(r[0] for r in rows)})"
    parts = [f"{prose(docstring(function))} {lesson}", table(rows, told(function), returns)]
    if kind == "class": parts += [described(m, n, depth=depth + 1) for n, m in members(function).items()]
    return directive(kind, signature, "\n\n".join(filter(None, parts)), depth)


def docstring(thing):
    "What is written there; not what Python makes up for a dataclass, nor what is inherited."
    words = inspect.cleandoc(vars(thing).get("__doc__") or "") if inspect.isclass(thing) else inspect.getdoc(thing) or ""
    return "" if inspect.isclass(thing) and words.startswith(f"{thing.__name__}(") else words


def prose(words):
    "A docstring: Markdown's and HTML's own signs are escaped, code is left, lists stay lists."
    return "".join(p if i % 2 else re.sub(r"([<*_\[\]$])", r"\\\1", p) for i, p in enumerate(re.split(r"(`[^`]+`)", words)))


def constant(module, name, lesson):
    "A constant: its line in the source, if it is short."
    line = assignments(module).get(name, "")
    return directive("data", name, lesson + (f"\n\n```python\n{line}\n```" if 0 < len(line) < 600 else ""))


@cache
def assignments(module):
    "Name -> the lines that give it its value, for the names at a module's margin."
    source, found = inspect.getsource(module), {}
    for node in ast.parse(source).body:
        targets = getattr(node, "targets", [node.target] if isinstance(node, ast.AnnAssign) else [])
        lines = "\n".join(source.splitlines()[node.lineno - 1:node.end_lineno])
        found |= {t.id: lines for top in targets for t in ast.walk(top) if isinstance(t, ast.Name)}
    return found


def api_page(module, notebook, lessons):
    "A module's page. lessons: name -> label of the cell that exports it."
    name, things = module.__name__, public(module)
    entries = []
    for n, thing in things.items():
        lesson = f"{{ref}}`lesson <{lessons[n]}>`" if n in lessons else ""
        entries.append(described(thing, n, lesson) if inspect.isfunction(bare(thing)) or inspect.isclass(thing) else constant(module, n, lesson))
    others = ", ".join(f"{{py:obj}}`{n} <{full}>`" for n, full in passed_on(module).items())
    head = f"# {name}\n\n{prose(module.__doc__ or '')}\n\nMade and explained in the notebook {{doc}}`{notebook.stem} </nbs/{notebook.stem}>`.\n\n```{{py:module}} {name}\n```\n"
    return "\n".join([head, *entries, f"Also here, from other modules: {others}.\n" if others else ""])
