"""Run notebooks in a real kernel and keep their outputs (then `make prepare` cleans them). Names of notebooks may be given; by default all."""
import os
import re
import sys
from pathlib import Path

import nbformat
from nbconvert.preprocessors import ExecutePreprocessor

ROOT = Path(__file__).resolve().parents[1]
os.environ.update(OMP_NUM_THREADS="1", TQDM_DISABLE="1", PYTHONWARNINGS="ignore")


WIDGET = "application/vnd.jupyter.widget-view+json"


def kept(output):
    "Whether an output is worth keeping: warnings on standard error are not; of a widget, dead without its kernel, only the picture beside it is."
    if output.output_type == "stream": return output.name != "stderr"
    was_widget = output.get("data", {}).pop(WIDGET, None)
    return not was_widget or "image/png" in output.data


def execute(path):
    "Run one notebook in its folder and write it back."
    nb = nbformat.read(path, 4)
    ExecutePreprocessor(timeout=900, kernel_name="python3", store_widget_state=False).preprocess(nb, {"metadata": {"path": str(path.parent)}})
    for cell in nb.cells:
        if cell.cell_type == "code": cell.outputs = [o for o in cell.outputs if kept(o)]
    text = nbformat.writes(nb)
    if found := re.search(r"/(?:root|home|tmp|Users)/[\w./+-]+", re.sub(r'"image/png": "[^"]*"', "", text)): print(f"{path.name}: a machine's path stands in an output: {found[0]}")
    path.write_text(text + "\n", encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {len(text) // 1000} kB", flush=True)


if __name__ == "__main__":
    for path in [Path(p).resolve() for p in sys.argv[1:]] or [p for p in sorted((ROOT / "nbs").rglob("*.ipynb")) if "assignments" not in p.parts]: execute(path)
