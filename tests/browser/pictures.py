"""The seven pictures of the tour, taken from a run's exported page: python tests/browser/pictures.py [RUN] [FOLDER], by default runs/demo and nbs/images; RUN may also be its exported page. Needs what the browser tests need."""
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from conftest import ROOT, chromium_path
from steps import opened

PARTS = { # name of the picture: the parts of the page that it shows, from the first to the last
    "answers": (".msan-m-controls", ".msan-m-answers"), "tables": ("[data-panel=table]", "[data-panel=fsd]"),
    "images": ("[data-panel=images]", "[data-panel=scatter]"), "one-image": ("[data-panel=detail]",), "graphs": ("[data-panel=graph]",),
    "exchange": ("[data-panel=exchange]",), "plane-and-views": ("[data-panel=plane]", "[data-panel=views]"),
}
LIMIT = 250_000 # bytes of a picture


def frame(page, parts):
    "The rectangle around some parts of the page."
    boxes = [page.locator(p).first.evaluate("e => { const r = e.getBoundingClientRect(); return [r.left + scrollX, r.top + scrollY, r.right + scrollX, r.bottom + scrollY]; }") for p in parts]
    left, top, right, bottom = (pick(side) for pick, side in zip((min, min, max, max), zip(*boxes)))
    return {"x": left - 6, "y": top - 6, "width": right - left + 12, "height": bottom - top + 12}


def smaller(file):
    "The same picture in a palette, where it is too large as it is."
    for colours in (None, 256, 128, 64):
        if colours: Image.open(file).convert("RGB").quantize(colours, dither=Image.Dither.NONE).save(file, optimize=True)
        if file.stat().st_size < LIMIT: return
    raise SystemExit(f"{file} stays above {LIMIT} bytes")


def take(html, folder):
    "Take all pictures of an exported page, as it opens, in its usual colours."
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(viewport={"width": 1280, "height": 1000}, color_scheme="light").new_page()
        page.goto(Path(html).resolve().as_uri())
        opened(page)
        page.evaluate("document.querySelector('.msan-m-controls').style.position = 'static'")
        for name, parts in PARTS.items():
            file = Path(folder) / f"microscope-{name}.png"
            page.screenshot(path=file, clip=frame(page, parts), full_page=True)
            smaller(file)
            print(file.name, f"{file.stat().st_size / 1000:.0f} kB")
        browser.close()


if __name__ == "__main__":
    from msan_nb.inspectors.export import write_microscope
    run, folder = [*map(Path, sys.argv[1:]), *(ROOT / "runs/demo", ROOT / "nbs/images")[len(sys.argv) - 1:]]
    with tempfile.TemporaryDirectory() as box: take(write_microscope(run, Path(box) / "microscope.html") if run.is_dir() else run, folder)
