"""Write README.md from nbs/index.ipynb: markdown cells as they are, code cells without directives, text outputs as blocks. (nbdev's own command needs Quarto.)"""
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from msan_nb.core import write_text


def block(cell):
    "One cell as markdown; nothing for cells that are hidden."
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown": return source
    lines = source.splitlines()
    directives = {line.removeprefix("#|").split()[0] for line in lines if line.startswith("#|")}
    if "hide" in directives: return ""
    code = "\n".join(line for line in lines if not line.startswith("#|")).strip()
    shown = "" if "echo:" in directives or not code else f"```python\n{code}\n```"
    return "\n\n".join(part for part in (shown, *map(result, cell["outputs"])) if part)


def result(output):
    "A stored output as text: markdown as it is, anything else as a code block."
    data = output.get("data", {})
    if "text/markdown" in data: return "".join(data["text/markdown"])
    text = "".join(output.get("text") or data.get("text/plain") or "").rstrip()
    return f"```\n{text}\n```" if text else ""


def main():
    cells = json.loads((ROOT / "nbs/index.ipynb").read_text(encoding="utf-8"))["cells"]
    head = "<!-- Generated from nbs/index.ipynb by `make prepare`: edit that. -->\n\n"
    write_text(ROOT / "README.md", head + "\n\n".join(filter(None, map(block, cells))) + "\n")


if __name__ == "__main__":
    main()
