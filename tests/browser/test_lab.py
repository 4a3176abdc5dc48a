"""All six inspectors in JupyterLab, in a notebook that a person would write."""
import nbformat
import pytest

from conftest import seconds
from steps import lasso, opened, painted, points, until

SIX = ("microscope", "graphs", "embeddings", "exchange", "fsd", "views")


@pytest.fixture(scope="module")
def page_of_lab(chromium, lab, run, large):
    "A page on a notebook whose cells have all been run; shared by the tests below, since a kernel and six inspectors take their time."
    from conftest import SHOTS, Watch
    address, folder = lab
    cells = [f"from msan_nb.inspectors.{name} import show_{name}\n{name} = show_{name}({str(large if name == 'embeddings' else run)!r})\n{name}" for name in SIX] + ["print('the kernel knows:', microscope.row, microscope.step, len(microscope.selected), graphs.controls['tau'].value < 0.1)"]
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells], metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
    nbformat.write(nb, folder / "six.ipynb")
    context, watch = chromium.new_context(viewport={"width": 1500, "height": 1000}), Watch()
    page = context.new_page()
    page.set_default_timeout(seconds(60))
    watch.follow(context, page)
    page.goto(f"{address}lab/tree/six.ipynb", timeout=seconds(180))
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=seconds(120))
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=seconds(120))
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt")
    run_all(page, prompts)
    until(page, lambda: all(t.strip("[]:").isdigit() for t in prompts.all_inner_texts()), seconds(400) / 1000, "the end of the notebook", every=2)
    yield page, watch
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.set_viewport_size({"width": 1500, "height": 3200})
    for name in SIX: cell(page, name).screenshot(path=SHOTS / f"lab_{name}.png")
    context.close()


def run_all(page, prompts, tries=20):
    "Run all cells; a kernel that is not ready yet says so in a dialog, or forgets what it was asked: then ask again."
    dialog = page.locator(".jp-Dialog")
    for _ in range(tries):
        if dialog.count(): page.keyboard.press("Escape"); page.wait_for_timeout(2000)
        if dialog.count(): continue
        page.locator(".lm-MenuBar-itemLabel", has_text="Run").click()
        page.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()
        try: return until(page, lambda: any(t.strip("[]: ") for t in prompts.all_inner_texts()), seconds(5) / 1000, "the first cell's start")
        except AssertionError: pass
    raise AssertionError("the notebook did not start")


@pytest.fixture
def page(page_of_lab):
    "That page; what it did wrong counts in every test."
    page, watch = page_of_lab
    yield page
    watch.check()


def cell(page, name):
    "The cell of an inspector."
    return page.locator(".jp-Notebook .jp-CodeCell").nth(SIX.index(name))


def output(page, name):
    "What the cell shows."
    return cell(page, name).locator(".jp-OutputArea-output").last


def changed(page, name, act):
    "What is shown becomes something else."
    look = lambda: output(page, name).evaluate("e => [...e.querySelectorAll('img')].map(i => i.src).join() + [...e.querySelectorAll('.msan-graph svg, .msan-scatter .msan-points')].map(s => s.outerHTML).join() + e.innerText")
    before = look()
    act()
    until(page, lambda: look() != before, seconds(60) / 1000, f"another view of {name}")


def test_all_six_are_drawn(page):
    "No traceback, no empty box."
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error'], .jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts() == []
    for name in SIX:
        output(page, name).scroll_into_view_if_needed()
        drawn = output(page, name).locator("img, svg")
        until(page, lambda: drawn.count() > 0, seconds(60) / 1000, f"a picture of {name}")
        assert output(page, name).locator("button, select, input, .noUi-handle, a[download]").count() > 0, name


def test_microscope_in_lab(page, timings):
    "The kernel knows what was chosen on the page."
    opened(page)
    output(page, "microscope").get_by_label("student alone", exact=True).check()
    slider = page.get_by_label("snapshot of the distillation")
    for _ in range(9): timings.setdefault("snapshot in Lab", []).append(painted(page, lambda: slider.press("ArrowLeft" if slider.input_value() != "0" else "ArrowRight")))
    while slider.input_value() != "0": slider.press("ArrowLeft")
    output(page, "microscope").locator("[data-panel=images] .msan-m-image").first.click()
    tell(page)
    assert "the kernel knows: student alone 0 1" in page.locator(".jp-Notebook .jp-CodeCell").nth(6).locator(".jp-OutputArea-output").inner_text()


def tell(page):
    "Run the last cell again."
    last = page.locator(".jp-Notebook .jp-CodeCell").nth(6)
    last.locator(".cm-content").click()
    before = last.locator(".jp-InputPrompt").inner_text()
    page.keyboard.press("Control+Enter")
    until(page, lambda: (now := last.locator(".jp-InputPrompt").inner_text()) != before and "*" not in now, seconds(60) / 1000, "the last cell")


def test_graphs_in_lab(page):
    "A node opens its card; a smaller τ redraws the graph."
    node = output(page, "graphs").locator(".msan-graph .msan-node").first
    node.scroll_into_view_if_needed()
    node.click()
    card = output(page, "graphs").locator(".msan-graph .msan-card")
    card.wait_for(state="visible")
    until(page, lambda: card.locator("img").count() >= 2, seconds(60) / 1000, "the pictures of the card")
    handle = output(page, "graphs").locator(".noUi-handle").first
    handle.scroll_into_view_if_needed()
    handle.focus()
    changed(page, "graphs", lambda: [page.keyboard.press("ArrowLeft") for _ in range(4)])


def test_embeddings_in_lab(page):
    "A lasso: the selected images, and a distance of the selected from the rest."
    output(page, "embeddings").scroll_into_view_if_needed()
    output(page, "embeddings").locator(".msan-scatter").evaluate("e => e.id = 'own-scatter'")
    indices = lasso(page, 0.4, "#own-scatter")
    assert page.locator("#own-scatter .msan-p.msan-on").count() == len(indices) > 2
    until(page, lambda: "FSD" in output(page, "embeddings").inner_text(), seconds(30) / 1000, "the distance of the selection")
    index, x, y = points(page, "#own-scatter")[0]
    page.mouse.move(x, y)
    page.locator("#own-scatter .msan-tip").wait_for(state="visible")


def test_colours_in_lab(page, timings):
    "Another colouring of 500 points and more; the time until they have it is measured."
    field = output(page, "embeddings").get_by_label("colour")
    look = """(field, i) => new Promise(done => { const began = performance.now(), scatter = field.closest('.jp-OutputArea-output').querySelector('.msan-scatter');
      new MutationObserver((_, o) => { o.disconnect(); requestAnimationFrame(() => done(performance.now() - began)); }).observe(scatter, { subtree: true, childList: true, attributes: true });
      field.selectedIndex = i; field.dispatchEvent(new Event('change', { bubbles: true })); })"""
    shown = lambda: page.eval_on_selector_all("#own-scatter .msan-p", "ps => ps.map(p => p.outerHTML).join()")
    assert page.locator("#own-scatter .msan-p").count() >= 500
    for i in (1, 0, 1, 0):
        before = shown()
        timings.setdefault("colour in Lab", []).append(field.evaluate(look, i))
        until(page, lambda: shown() != before, seconds(30) / 1000, "other colours")


@pytest.mark.parametrize("name", ["exchange", "fsd", "views"])
def test_controls_in_lab(page, name):
    "Another choice in the first list that offers one, and another picture."
    field = output(page, name).locator(".widget-dropdown select").nth({"exchange": 0, "fsd": 0, "views": 0}[name])
    field.scroll_into_view_if_needed()
    now = field.evaluate("s => s.selectedIndex")
    changed(page, name, lambda: field.select_option(index=1 if now == 0 else 0))


def test_walk_along_a_dimension(page):
    "The slider of the exchange: another prediction."
    handle = output(page, "exchange").locator(".noUi-handle").last
    handle.scroll_into_view_if_needed()
    handle.focus()
    changed(page, "exchange", lambda: [page.keyboard.press("ArrowLeft") for _ in range(6)])
