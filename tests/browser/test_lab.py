"""All six inspectors in JupyterLab, in a notebook that a person would write. What an answer takes is measured as the page sees it and kept in shots/lab-times.json; no time is asserted."""
import json
import os
import platform
import re
import statistics
from importlib.metadata import version

import nbformat
import pytest

from conftest import SHOTS, seconds
from steps import UNREADABLE, drag, lasso, opened, painted, points, until

SIX = ("microscope", "graphs", "embeddings", "exchange", "fsd", "views")


@pytest.fixture(scope="module")
def page_of_lab(chromium, lab, run, large):
    "A page on a notebook whose cells have all been run; shared by the tests below, since a kernel and six inspectors take their time."
    from conftest import Watch
    address, folder = lab
    cells = [f"from msan_nb.inspectors.{name} import show_{name}\n{name} = show_{name}({str(large if name == 'embeddings' else run)!r})\n{name}" for name in SIX] + ["print('the kernel knows:', microscope.row, microscope.step, len(microscope.selected), round(graphs.controls['tau'].value, 3))"]
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells], metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
    nbformat.write(nb, folder / "six.ipynb")
    context, watch = chromium.new_context(viewport={"width": 1500, "height": 1000}), Watch()
    page = context.new_page()
    page.set_default_timeout(seconds(60))
    page.received = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: page.received.append(len(frame))))
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


PICTURES = "img[alt], .msan-graph > div > svg, .msan-scatter .msan-points"


def drawn(page, name):
    "The pictures themselves, without any control: what they are made of, and what they say."
    return output(page, name).locator(PICTURES).evaluate_all("es => es.map(e => [e.src || e.outerHTML, e.alt || e.textContent])")


def words(page, name):
    "What the pictures say."
    return " ".join(said for _, said in drawn(page, name))


def changed(page, name, act, says=lambda said: True):
    "Another picture, which says what was asked for, and nothing is being computed any more."
    before = [made for made, _ in drawn(page, name)]
    act()
    def answered():
        "What is still missing; empty when all is there."
        now = drawn(page, name)
        return ["another picture"] * ([made for made, _ in now] == before) + ["rest"] * ("computing" in output(page, name).inner_text()) + ["the new value in its words"] * (not says(" ".join(said for _, said in now)))
    try: until(page, lambda: not answered(), seconds(60) / 1000, name)
    except AssertionError: raise AssertionError(f"{name}: still missing: {', '.join(answered())}") from None


def readout(slider):
    "The number beside a slider."
    return float(slider.locator(".widget-readout").inner_text().replace("−", "-"))


def kernel_knows(page):
    "What the last cell prints: row, snapshot, how many are selected, τ."
    tell(page)
    return re.search("the kernel knows: (.*)", page.locator(".jp-Notebook .jp-CodeCell").nth(6).locator(".jp-OutputArea-output").inner_text())[1]


def test_all_six_are_drawn(page):
    "No traceback, no empty box."
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error'], .jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts() == []
    for name in SIX:
        output(page, name).scroll_into_view_if_needed()
        pictures = output(page, name).locator("img, svg")
        until(page, lambda: pictures.count() > 0, seconds(60) / 1000, f"a picture of {name}")
        assert output(page, name).locator("button, select, input, .noUi-handle, a[download]").count() > 0, name


def test_microscope_in_lab(page, timings):
    "The kernel knows what was chosen on the page."
    opened(page)
    output(page, "microscope").get_by_label("student alone", exact=True).check()
    slider = page.get_by_label("snapshot of the distillation")
    for _ in range(9): timings.setdefault("snapshot in Lab", []).append(painted(page, lambda: slider.press("ArrowLeft" if slider.input_value() != "0" else "ArrowRight")))
    while slider.input_value() != "0": slider.press("ArrowLeft")
    output(page, "microscope").locator("[data-panel=images] .msan-m-image").first.click()
    assert kernel_knows(page) == "student alone 0 1 0.1"


def tell(page):
    "Run the last cell again."
    last = page.locator(".jp-Notebook .jp-CodeCell").nth(6)
    last.locator(".cm-content").click()
    before = last.locator(".jp-InputPrompt").inner_text()
    page.keyboard.press("Control+Enter")
    until(page, lambda: (now := last.locator(".jp-InputPrompt").inner_text()) != before and "*" not in now, seconds(60) / 1000, "the last cell")


def test_graphs_in_lab(page):
    "A node opens its card; τ by the mouse and by the keyboard redraws the graph, and the kernel has the same τ."
    node = output(page, "graphs").locator(".msan-graph .msan-node").first
    node.scroll_into_view_if_needed()
    node.focus()
    edges = output(page, "graphs").locator(".msan-graph").evaluate("e => e.dataset.lmSuppressShortcuts")
    assert edges == "true", "Lab would take the arrow keys"
    tip = output(page, "graphs").locator(".msan-graph .msan-tip").inner_text()
    assert tip.count("% of the loss") == 5 and "teacher, similarity to:" in tip
    assert node.get_attribute("aria-label").count("% of the loss") == 5
    node.click()
    card = output(page, "graphs").locator(".msan-graph .msan-card")
    card.wait_for(state="visible")
    until(page, lambda: card.locator("img").count() >= 2, seconds(60) / 1000, "the pictures of the card")
    slider = output(page, "graphs").locator(".widget-slider, .slider-container, .widget-hslider").filter(has_text="τ").first
    handle = slider.locator(".noUi-handle")
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    named = lambda said: abs(float(re.search(r"τ = ([\d.e-]+)", said)[1]) - readout(slider)) < 2e-3
    changed(page, "graphs", lambda: drag(page, [(x, y), (x - 12, y)]), named)
    assert readout(slider) < 0.1
    dragged = readout(slider)
    handle.focus()
    changed(page, "graphs", lambda: [page.keyboard.press("ArrowLeft") for _ in range(2)], named)
    assert readout(slider) < dragged and abs(float(kernel_knows(page).split()[-1]) - readout(slider)) < 2e-3


def test_embeddings_in_lab(page):
    "A lasso: the selected images, and a distance of the selected from the rest."
    output(page, "embeddings").scroll_into_view_if_needed()
    output(page, "embeddings").locator(".msan-scatter").evaluate("e => e.id = 'own-scatter'")
    indices = lasso(page, 0.7, "#own-scatter")  # more than half: of two networks that lie apart, one is cut through, and has a rest
    assert page.locator("#own-scatter .msan-p.msan-on").count() == len(indices) > 2
    until(page, lambda: f"{len(indices)} points of" in (said := output(page, "embeddings").inner_text()) and "FSD selected to rest" in said, seconds(30) / 1000, "the distance of the selection")
    marks = page.eval_on_selector_all("#own-scatter .msan-peak", "ps => ps.map(p => [p.getAttribute('stroke'), p.dataset.marker])")
    curves = page.eval_on_selector_all("#own-scatter .msan-curve", "ps => ps.map(p => p.getAttribute('stroke'))")
    assert [m[0] for m in marks] == curves and len({m[1] for m in marks}) == len(set(curves)) > 1, "one marker for each colour"
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
        timings.setdefault(f"colour of {page.locator('#own-scatter .msan-p').count()} points in Lab", []).append(field.evaluate(look, i))
        until(page, lambda: shown() != before, seconds(30) / 1000, "other colours")
        drawn = page.eval_on_selector_all("#own-scatter .msan-p", "ps => ps.map(p => p.getAttribute('fill') ? [p.getAttribute('fill'), false] : [p.style.stroke, true])")
        told = page.eval_on_selector_all("#own-scatter [role=group] button path[fill]", "ps => ps.map(p => p.getAttribute('fill'))")
        assert {hex_of(colour) for colour, _ in drawn} == {colour for colour in told if colour.startswith("#")} and len({hollow for _, hollow in drawn}) == 2 - i


def hex_of(colour):
    "A colour as the page or as a style says it."
    return colour if colour.startswith("#") else "#" + "".join(f"{int(n):02X}" for n in re.findall(r"\d+", colour))


@pytest.mark.parametrize("name", ["exchange", "fsd", "views"])
def test_controls_in_lab(page, name):
    "Another choice in the first list that offers one, and another picture."
    field = output(page, name).locator(".widget-dropdown select").first
    field.scroll_into_view_if_needed()
    other = field.evaluate("s => [...s.options].find((o, i) => i !== s.selectedIndex).text")
    named = other.replace("\xa0", " ")  # ipywidgets writes options with spaces that do not break
    assert named not in words(page, name)
    changed(page, name, lambda: field.select_option(label=other), lambda said: named in said)


def test_walk_along_a_dimension(page):
    "The slider of the exchange: another prediction."
    slider = output(page, "exchange").locator(".widget-slider, .slider-container, .widget-hslider").filter(has_text="deviations").last
    slider.scroll_into_view_if_needed()
    slider.locator(".noUi-handle").focus()
    changed(page, "exchange", lambda: [page.keyboard.press("ArrowLeft") for _ in range(6)], lambda said: f"At {readout(slider):+.2f} deviations" in said)
    assert readout(slider) < 3


# ── how long an answer takes ─────────────────────────────────────────────────
STOPWATCH = """(cell, [target, after]) => { // from what a person does to the frame after the answer stands on the page
  const at = cell.querySelector(target), box = after ? [...cell.querySelectorAll(after)].find(e => at.compareDocumentPosition(e) & 4) : at;
  let began = 0; cell.dataset.took = '';
  for (const e of ['keydown', 'change', 'pointerup']) cell.addEventListener(e, () => { began ||= performance.now(); }, { capture: true, once: true });
  const watch = new MutationObserver(() => { if (!began) return; watch.disconnect(); requestAnimationFrame(() => { cell.dataset.took = performance.now() - began; }); });
  watch.observe(box, { childList: true, subtree: !!after }); }"""


def took(page, name, act, target, after=""):
    "Milliseconds from an act to the frame that shows its answer."
    output(page, name).evaluate(STOPWATCH, [target, after])
    act()
    said = lambda: output(page, name).evaluate("cell => cell.dataset.took")
    until(page, said, seconds(120) / 1000, f"the answer of {name}")
    until(page, lambda: "computing" not in output(page, name).inner_text(), seconds(60) / 1000, "rest")
    page.wait_for_timeout(1500)  # what comes when the hand rests must not count for the next
    return float(said())


@pytest.fixture(scope="module")
def answers():
    "name -> (goal, milliseconds of each answer); their medians, n, machine and versions are kept in shots/lab-times.json."
    found = {}
    yield found
    SHOTS.mkdir(parents=True, exist_ok=True)
    for name, (goal, times) in found.items(): print(f"{name}: median {statistics.median(times):.0f} ms of {len(times)}; promised {goal}")
    kept = {name: {"median_ms": round(statistics.median(times), 1), "n": len(times), "goal_ms": goal} for name, (goal, times) in found.items() if times}
    machine = {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count(), "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None}
    packages = {p: version(p) for p in ("jupyterlab", "ipywidgets", "anywidget", "torch", "numpy", "matplotlib")} | {"python": platform.python_version()}
    (SHOTS / "lab-times.json").write_text(json.dumps({"answers": kept, "machine": machine, "versions": packages}, ensure_ascii=False, indent=1), encoding="utf-8")


def test_how_soon_the_graphs_answer(page, answers):
    "τ, row and snapshot need no pass; another strength asks both networks."
    stage, box = ".msan-graph > div", output(page, "graphs")
    sliders = box.locator(".widget-slider, .slider-container, .widget-hslider")
    press = lambda what, key: lambda: sliders.filter(has_text=what).first.locator(".noUi-handle").press(key)
    for i in range(7): answers.setdefault("graphs: τ", (150, []))[1].append(took(page, "graphs", press("τ", "ArrowLeft" if i % 2 else "ArrowRight"), stage))
    for i in range(5): answers.setdefault("graphs: snapshot", (150, []))[1].append(took(page, "graphs", press("snapshot", "ArrowRight" if i % 2 else "ArrowLeft"), stage))
    field = box.locator(".widget-dropdown").filter(has_text="student").locator("select").first
    names = field.evaluate("s => [s.value, [...s.options].map(o => o.text).find((t, i) => i !== s.selectedIndex)]")
    for i in range(5): answers.setdefault("graphs: row", (150, []))[1].append(took(page, "graphs", lambda: field.select_option(label=names[1 - i % 2]), stage))
    for _ in range(3): answers.setdefault("graphs: strength, one pass", (2000, []))[1].append(took(page, "graphs", press("strength", "ArrowLeft"), stage))


@pytest.mark.parametrize("domains", [1, 4], ids=["500 points", "all points"])
def test_how_soon_the_embeddings_answer(page, answers, domains):
    "A colour, a projection that has been computed before, a lasso: for the 500 points of the promise, and for all. What they send is little, and that is asserted."
    box, plot = output(page, "embeddings"), "svg.msan-plot"
    select = lambda label: box.locator(".widget-dropdown").filter(has_text=label).locator("select").first
    listed = box.locator(".widget-select-multiple").filter(has_text="domains").locator("select")
    names = listed.evaluate("s => [...s.options].map(o => o.text).slice(-4)")
    for some in (names[:2], names[-domains:]): took(page, "embeddings", lambda: listed.select_option(label=some), plot)
    box.locator(".msan-scatter").evaluate("e => e.id = 'own-scatter'")
    n = page.locator("#own-scatter .msan-p").count()
    assert n >= (500 if domains == 1 else 1500)
    field, colour = select("projection"), select("colour")
    for method in ("t-SNE", "PCA"): took(page, "embeddings", lambda: field.select_option(label=method), plot)
    for i in (3, 0): took(page, "embeddings", lambda: colour.select_option(index=i), plot)
    acts = {"known projection": (lambda i: field.select_option(label=("t-SNE", "PCA")[i % 2]), plot, ""), "colour": (lambda i: colour.select_option(index=(3, 0)[i % 2]), plot, ""),
            "lasso": (lambda i: lasso(page, (0.6, 0.75)[i % 2], "#own-scatter"), plot, ".widget-html")}
    for what, (act, target, after) in acts.items():
        for i in range(6):  # an even number: it ends as it began
            before = len(page.received)
            answers.setdefault(f"embeddings, {n} points: {what}", (150, []))[1].append(took(page, "embeddings", lambda: act(i), target, after))
            sent = sum(page.received[before:])
            assert 0 < sent < 100 * n, f"{what} sends {sent} bytes for {n} points"


def test_how_soon_another_tile_is_exchanged(page, answers):
    "One pass of both networks and their decoders."
    field = output(page, "exchange").locator(".widget-dropdown").filter(has_text="tile").locator("select").first
    following = lambda: field.evaluate("s => (s.selectedIndex + 1) % s.options.length")
    for _ in range(3): answers.setdefault("exchange: tile, one pass", (2000, []))[1].append(took(page, "exchange", lambda: field.select_option(index=following()), "select", ".widget-html:has(img)"))


# ── Lab in the dark ──────────────────────────────────────────────────────────
@pytest.fixture(params=["JupyterLab Dark", "JupyterLab Light"], ids=["dark", "light"])
def themed(page, request):
    "The page in a theme of Lab, chosen in its menu."
    page.locator(".lm-MenuBar-itemLabel", has_text="Settings").click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Theme$")).hover()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{request.param}$")).click()
    until(page, lambda: page.evaluate("document.body.dataset.jpThemeName") == request.param, seconds(60) / 1000, request.param)
    page.wait_for_timeout(1000)  # its style sheets
    yield page, request.param.split()[1].lower()


def test_both_themes_of_lab_can_be_read(themed):
    "Every word of the inspectors stands out from its ground by 4.5 to 1 or more, and nothing glares: no ground in the dark is nearly white, none in the light nearly black."
    page, theme = themed
    page.set_viewport_size({"width": 1500, "height": 3200})
    for name in SIX: cell(page, name).screenshot(path=SHOTS / f"lab_{name}_{theme}.png")
    page.set_viewport_size({"width": 1500, "height": 1000})
    found = {name: output(page, name).evaluate(UNREADABLE, theme == "dark") for name in SIX}
    for name, said in found.items(): print(f"{theme}, {name}: {said['words']} words and fields, least contrast {said['least']:.1f}")
    assert all(said["words"] >= 10 for said in found.values())
    assert not (faint := {name: said["faint"] for name, said in found.items() if said["faint"]}), faint
    assert not (glaring := {name: said["glaring"] for name, said in found.items() if said["glaring"]}), glaring
