"""Run notebooks in a real kernel and keep their outputs (then `make prepare` cleans them). Names of notebooks may be given; by default all."""
import os
import re
import sys
from pathlib import Path

import nbformat
from nbconvert.preprocessors import ExecutePreprocessor

ROOT = Path(__file__).resolve().parents[1]
os.environ.update(OMP_NUM_THREADS="1", TQDM_DISABLE="1", PYTHONWARNINGS="ignore")


def execute(path):
    "Run one notebook in its folder and write it back, warnings on standard error left out."
    nb = nbformat.read(path, 4)
    ExecutePreprocessor(timeout=600, kernel_name="python3").preprocess(nb, {"metadata": {"path": str(path.parent)}})
    for cell in nb.cells:
        if cell.cell_type == "code": cell.outputs = [o for o in cell.outputs if not (o.output_type == "stream" and o.name == "stderr") and "application/vnd.jupyter.widget-view+json" not in o.get("data", {})]
    text = nbformat.writes(nb)
    if found := re.search(r"/(?:root|home|tmp|Users)/[\w./+-]+", re.sub(r'"image/png": "[^"]*"', "", text)): print(f"{path.name}: a machine's path stands in an output: {found[0]}")
    path.write_text(text + "\n", encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {len(text) // 1000} kB", flush=True)


if __name__ == "__main__":
    for path in [Path(p).resolve() for p in sys.argv[1:]] or sorted((ROOT / "nbs").rglob("*.ipynb")): execute(path)
