"""The documentation site in a real browser, served from its folder: every page on a narrow screen, some on a wide one, formulas, the search, the microscope that lives on its page.

The site is docs/_build/html where `make docs` has made it; otherwise it is built here, which needs the packages of the extra `docs`."""
import importlib.util
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import ROOT, Watch, seconds
from steps import opened, until

HTML = ROOT / "docs/_build/html"
TUTORIAL, MODULE, API, GALLERY = "nbs/tutorials/00_ten_minutes.html", "nbs/31_metrics.fsd.html", "api/metrics.fsd.html", "nbs/79_inspectors.html"
BROKEN = "[...document.images].filter(i => i.loading !== 'lazy' && !(i.complete && i.naturalWidth)).map(i => i.src)"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Quiet(SimpleHTTPRequestHandler):
    "Serves files without a word."
    def log_message(self, *_): pass


@pytest.fixture(scope="module")
def site(chromium):
    "The address of the site."
    if not (HTML / "index.html").is_file():
        if not all(map(importlib.util.find_spec, ("sphinx", "myst_nb", "furo"))): pytest.skip("THE SITE IS NOT TRIED: `make docs` makes it, with the packages of `pip install 'msan_nb[docs]'`")
        subprocess.run([sys.executable, ROOT / "docs/build.py"], check=True, cwd=ROOT)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=HTML))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def test_every_page(chromium, site):
    "On a narrow screen: it loads, all its pictures are there, nothing sticks out at the side, no error, no request to another machine."
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page, watch, wrong = context.new_page(), Watch(), []
    watch.follow(context, page)
    for path in sorted(HTML.rglob("*.html")):
        name = path.relative_to(HTML).as_posix()
        said = page.goto(site + name, wait_until="load", timeout=seconds(60))
        if said.status != 200 or not page.locator("article, #msan-page").count(): wrong.append(f"{name}: status {said.status}, or no article")
        wrong += [f"{name}: picture {p}" for p in page.evaluate(BROKEN)]
        if name.startswith("live/"): opened(page)
        elif (out := page.evaluate(OVERFLOW)) > 1: wrong.append(f"{name}: {out} pixels stick out")
    context.close()
    assert not wrong, "\n".join(wrong)
    watch.check()


@pytest.mark.parametrize("name", ["index.html", TUTORIAL, API, GALLERY], ids=["front", "tutorial", "api", "gallery"])
@pytest.mark.parametrize("width", [1440, 390])
def test_looked_at(browse, site, name, width):
    "Pages of which screenshots are kept; on a wide screen with the tree of pages beside them."
    page = browse(site + name, width=width)
    assert page.locator("article h1").is_visible()
    assert (page.locator(".sidebar-tree").bounding_box()["x"] >= 0) == (width > 1000)


def test_file_without_a_server(browse, site):
    "A page opened as a file works as well."
    page = browse((HTML / "index.html").as_uri(), width=1440)
    page.locator(".site-cards a").first.click()
    page.wait_for_url("**/00_ten_minutes.html")
    assert page.locator("article h1").is_visible()


def test_formulas_are_set(browse, site):
    "MathJax comes from the site and sets every formula, with its own fonts."
    page = browse(site + MODULE, width=1440)
    until(page, lambda: page.locator("mjx-container").count() == page.locator(".math").count() > 3, 30, "all formulas")
    assert page.locator("mjx-merror").count() == 0
    assert page.evaluate("document.fonts.ready.then(() => [...document.fonts].some(f => f.family.startsWith('MJX') && f.status === 'loaded'))")


def test_lesson_and_api_point_to_each_other(browse, site):
    "From an entry of the API to the cell that exports it, and from the notebook back."
    page = browse(site + API, width=1440)
    page.locator("dt[id='msan_nb.metrics.fsd.frechet_distance'] + dd").get_by_role("link", name="lesson").first.click()
    page.wait_for_url("**/31_metrics.fsd.html#*")
    target = page.locator("[id='" + page.url.split("#")[1] + "']")
    assert "def frechet_distance" in (target.inner_text() or target.locator("xpath=following::div[contains(@class,'cell')][1]").inner_text())
    page.get_by_role("link", name="msan_nb.metrics.fsd").first.click()
    page.wait_for_url("**/api/metrics.fsd.html*")


def test_search(browse, site):
    "A word finds its pages."
    page = browse(site + "search.html?q=autoencoder", width=1440)
    until(page, lambda: page.locator("ul.search li a").count() > 2, 30, "results of the search")


def test_microscope_answers(browse, site):
    "On its page, in its frame: the slider of τ changes the loss of the graph, another method changes the answers."
    page = browse(site + "microscope.html", width=1440)
    page.locator("iframe.site-live").scroll_into_view_if_needed()
    frame = page.frame_locator("iframe.site-live")
    frame.locator(".msan-microscope[data-ready]").wait_for(timeout=seconds(60))
    loss = frame.locator("[data-panel=graph] [data-loss]")
    before, slider = loss.get_attribute("data-loss"), frame.get_by_label("temperature τ of the graphs")
    slider.focus()
    for _ in range(20): page.keyboard.press("ArrowRight")
    assert loss.get_attribute("data-loss") != before
    answer = frame.locator("[data-answer=worst]").inner_text()
    frame.get_by_label("student S₀", exact=True).check()
    assert frame.locator("[data-answer=worst]").inner_text() != answer
