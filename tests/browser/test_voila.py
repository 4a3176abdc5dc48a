"""The microscope in Voilà, for people who do not code: the app, with our own template."""
import re

import pytest

from conftest import seconds
from steps import drag_slider, lasso, opened, places, pressed, until


@pytest.fixture
def page(browse, voila):
    page = browse(voila)
    opened(page, within=seconds(180))
    return page


def test_app(page, data):
    "The first tab is the microscope: slider, lasso, a click on a node and on a method do what they do in the file, and so do the panels of the other inspectors."
    assert page.locator("[data-answer=worst] .msan-m-big").inner_text() == data["answers"][data["judged"]]["worst"]
    before = places(page)
    drag_slider(page, page.get_by_label("snapshot of the distillation"), 0.0)
    assert "step 0 of" in page.locator(".msan-m-controls").inner_text() and places(page) != before
    indices = lasso(page, 0.3)
    assert page.locator(".msan-scatter .msan-p.msan-on").count() == len(indices) > 2 and pressed(page)
    page.locator(".msan-graph .msan-node").first.click()
    page.locator(".msan-graph .msan-card").wait_for(state="visible")
    page.get_by_label("student alone", exact=True).check()
    assert page.locator("[data-panel=table] tr[aria-selected=true]").get_attribute("data-row") == "student alone"
    inspectors = lambda: page.eval_on_selector_all("[data-panel=exchange] svg image, [data-panel=plane] .msan-m-ellipse, [data-panel=views] .msan-m-moved", "xs => xs.map(x => x.getAttribute('href') ?? x.getAttribute('d') ?? x.getAttribute('height'))")
    page.locator("[data-panel=exchange] .msan-m-names button").last.click()
    with_one = inspectors()
    page.get_by_label("KD + views", exact=True).check()
    assert len(with_one) == len(inspectors()) > 20 + 4 and inspectors() != with_one, "exchange, plane and views follow the row"
    before = places(page)
    page.get_by_label("projection of the scatter").select_option("t-SNE")
    assert "step 0: PCA" in page.locator(".msan-scatter").first.inner_text() and places(page) == before, "t-SNE is of the last snapshot"
    drag_slider(page, page.get_by_label("snapshot of the distillation"), 1.0)
    assert places(page) != before and "t-SNE 1" in page.locator(".msan-scatter svg.msan-plot").first.text_content()
    assert not page.get_by_text("import os").count(), "the app shows its code"


OTHERS = {"Graphs": ".msan-graph:not(.msan-microscope *) .msan-node", "Embeddings": ".msan-scatter:not(.msan-microscope *) .msan-p", "Header exchange": "img[alt^='Header exchange']", "FSD": "img[alt*='FSD of']", "Views": "img[alt^='The augmentation bench']"}
LISTEN = """text => { // was the message on the page, before any picture of the tab?
  document.body.dataset.heard = '';
  const watch = new MutationObserver(all => { for (const m of all) for (const node of m.addedNodes) {
    if (!document.body.dataset.heard && node.textContent?.includes(text)) { document.body.dataset.heard = 'message first'; watch.disconnect(); } } });
  watch.observe(document.body, { subtree: true, childList: true }); }"""


def test_other_tabs_are_filled_when_opened(page):
    "A tab says at once that it works, and then shows its inspector."
    tabs = page.locator(".jupyter-widget-tab > .lm-TabBar .lm-TabBar-tab, .widget-tab > .lm-TabBar .lm-TabBar-tab")
    assert tabs.all_inner_texts() == ["Microscope", "Graphs", "Embeddings", "Header exchange", "FSD", "Views"]
    for name, shown in OTHERS.items():
        assert not page.locator(shown).count(), f"{name} was made before it was opened"
        page.evaluate(LISTEN, f"{name}: computing")
        tabs.filter(has_text=re.compile(f"^{name}$")).click()
        until(page, lambda: page.locator(shown).count() and page.locator(shown).last.is_visible(), seconds(180) / 1000, f"the inspector {name}")
        assert page.evaluate("document.body.dataset.heard") == "message first", name
        assert not page.get_by_text(f"{name}: computing").count(), f"{name} says that it works, and is done"


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    "Before a server starts."
    from msan_nb.core import InputError
    from msan_nb.inspectors.app import open_app
    with pytest.raises(InputError, match="config.json"): open_app(tmp_path, browser=False)
