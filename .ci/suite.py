"""The whole test suite: generated files are up to date, notebooks run, pytest passes, tutorials run in a real kernel. Ends with 'N passed, N failed'."""
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
# One thread per process: two processes of two threads on two cores are many times slower than with one each.
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg", "PYTHONWARNINGS": "ignore::DeprecationWarning", "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


def limited(command, limit):
    """Exit code and output of a command that gets `limit` seconds.

    After them it is asked to say where it stands (SIGABRT: faulthandler prints its stacks), and it and all that it started are ended: code 124."""
    with tempfile.TemporaryFile("w+", errors="replace") as out:
        process = subprocess.Popen([str(c) for c in command], cwd=ROOT, env={**ENV, "PYTHONFAULTHANDLER": "1"}, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        try: code = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = 124
            process.send_signal(signal.SIGABRT)
            time.sleep(2)
        try: os.killpg(process.pid, signal.SIGKILL)  # also what a finished command left behind: nothing may outlive its stage
        except ProcessLookupError: pass
        process.wait()
        out.seek(0)
        return code, out.read() + (f"\nstopped after {limit} s\n" if code == 124 else "")


def run(title, *command, limit=1500):
    "Run a command in the project's root, show the end of its output, return exit code and output."
    began = time.time()
    print(f"── {title}", flush=True)
    code, text = limited(command, limit)
    print(text[-12000:].rstrip(), f"\n   {title}: exit {code}, {time.time() - began:.0f} s", flush=True)
    return code, text


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


def notebook(path, limit=600):
    "One notebook by nbdev_test, in a process of its own: one that hangs or dies is named and costs nobody else anything."
    began = time.time()
    code, text = limited([BIN / "nbdev_test", path, "--n-workers", "0"], limit)
    print(f"   {path.relative_to(ROOT)}: {'passed' if code == 0 else f'FAILED, exit {code}'}, {time.time() - began:.0f} s" + (f"\n{text[-6000:]}" if code else ""), flush=True)
    return code == 0


def notebooks():
    "Every module notebook, by nbdev_test, two at a time."
    print("── nbdev_test, a notebook at a time", flush=True)
    began = time.time()
    with ThreadPoolExecutor(2) as pool: good = list(pool.map(notebook, sorted((ROOT / "nbs").glob("*.ipynb"))))
    print(f"   nbdev_test: {time.time() - began:.0f} s", flush=True)
    return sum(good), len(good) - sum(good), 0


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
        return pytest("tutorials (nbval)", "-n", "2", "--dist", "loadscope", "--nbval-lax", "--nbval-cell-timeout=300", "-p", "no:cacheprovider", folder)


def main():
    stages = [generated, notebooks, lambda: pytest("pytest", "-n", "2", "--dist", "loadfile", "tests"), tutorials]
    passed, failed, skipped = map(sum, zip(*(stage() for stage in stages)))
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
