"""The whole test suite: generated files are up to date, notebooks run, pytest passes, tutorials run in a real kernel. Ends with 'N passed, N failed'."""
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
# One thread per process: two processes of two threads on two cores are many times slower than with one each.
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg", "PYTHONWARNINGS": "ignore::DeprecationWarning", "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


def run(title, *command, env=None):
    "Run a command in the project's root, show its output, return exit code and output."
    began = time.time()
    print(f"── {title}", flush=True)
    done = subprocess.run([str(c) for c in command], cwd=ROOT, env={**ENV, **(env or {})}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(done.stdout[-12000:].rstrip(), f"\n   {title}: exit {done.returncode}, {time.time() - began:.0f} s", flush=True)
    return done.returncode, done.stdout


def snapshot():
    "Hashes of everything that is generated, or cleaned in place."
    files = [ROOT / "README.md", *sorted((ROOT / "nbs").rglob("*.ipynb")), *sorted((ROOT / "msan_nb").rglob("*.py"))]
    return {f.relative_to(ROOT): hashlib.sha256(f.read_bytes()).hexdigest() for f in files if ".ipynb_checkpoints" not in f.parts}


def generated():
    "Clean, export and README leave no diff."
    before = snapshot()
    codes = [run(name, *command)[0] for name, command in (("nbdev_clean", [BIN / "nbdev_clean"]), ("nbdev_export", [BIN / "nbdev_export"]), ("readme", [sys.executable, ".ci/readme.py"]))]
    after = snapshot()
    changed = sorted(str(f) for f in {*before, *after} if before.get(f) != after.get(f))
    if changed: print("not up to date (run `make prepare` and commit):", *changed, sep="\n  ")
    return int(not changed and not any(codes)), int(bool(changed) or any(codes)), 0


def notebooks():
    "Every module notebook, by nbdev_test."
    names = sorted(p.name for p in (ROOT / "nbs").glob("*.ipynb"))
    code, text = run("nbdev_test", BIN / "nbdev_test", "--n-workers", "2", "--timing")
    failed = {n for n in names if re.search(rf"Error in \S*{re.escape(n)}", text) or re.search(rf"^\s+{re.escape(n)}$", text, re.M)}
    if code and not failed: failed = {"nbdev_test itself"}
    return len(names) - len(failed), len(failed), 0


def pytest(title, *arguments):
    "Counts of a pytest run; a run that collects nothing counts as one failure."
    code, text = run(title, sys.executable, "-m", "pytest", "-rs", *arguments)
    count = lambda word: sum(int(n) for n in re.findall(rf"(\d+) {word}", "\n".join(text.strip().splitlines()[-1:])))
    failed = count("failed") + count("errors?")
    return count("passed"), max(failed, int(code != 0)), count("skipped")


def tutorials():
    "Every cell of every tutorial in a real kernel. nbval refuses kept outputs without the execution counts that cleaning removes, so it gets copies without outputs."
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted((ROOT / "nbs/tutorials").glob("*.ipynb")):
            nb = nbformat.read(path, 4)
            for cell in nb.cells:
                if cell.cell_type == "code": cell.outputs, cell.execution_count = [], None
            nbformat.write(nb, Path(folder) / path.name)
        return pytest("tutorials (nbval)", "--nbval-lax", "--nbval-cell-timeout=300", "-p", "no:cacheprovider", folder)


def main():
    stages = [generated, notebooks, lambda: pytest("pytest", "-n", "2", "--dist", "loadfile", "tests"), tutorials]
    passed, failed, skipped = map(sum, zip(*(stage() for stage in stages)))
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
