"""The exported microscope, as a person uses it: a file, no kernel, no network."""
import csv
import io
import json
import re

import pytest
import torch

from msan_nb.distill.dcgd import dcgd_losses
from msan_nb.inspectors.base import open_scene

from steps import drag_slider, lasso, opened, painted, places, points, pressed, texts, until


@pytest.fixture
def page(browse, exported):
    page = browse(exported.as_uri())
    opened(page)
    return page


def names(data): return [r["name"] for r in data["rows"]]
def dice_of(data, key, row): return next(im for im in data["images"] if im["key"] == key)["dice"][names(data).index(row)]
def shown_dice(page): return [float(re.match(r"[\d.]+", t)[0]) for t in texts(page, "[data-panel=images] .msan-m-image")]


def test_first_view_answers(page, data):
    "Without touching anything: the worst domain, the images to blame, closer or not; images sorted by Dice."
    unseen = {d["name"]: data["table"][data["judged"]][d["name"]] for d in data["domains"] if d["role"] == "unseen"}
    worst = min(unseen, key=unseen.get)
    assert page.locator("[data-answer=worst] .msan-m-big").inner_text() == worst
    blamed = page.eval_on_selector_all("[data-answer=blame] .msan-m-image", "bs => bs.map(b => b.dataset.image)")
    assert blamed and all(k.startswith(f"{worst}|") for k in blamed)
    lowest = min((im for im in data["images"] if im["domain"] == worst), key=lambda im: im["dice"][names(data).index(data["judged"])])
    assert blamed[0] == lowest["key"]
    closer = page.locator("[data-answer=closer]").inner_text()
    f = data["fsd"][0]
    if f["half"] is not None: assert f"{f['half']:.2f} | {f['null']:.2f} ({f['null_high']:.2f})" in page.locator("[data-panel=fsd] svg.msan-m-picture").text_content()
    assert f"n = {f['n']} and {f['m']} tiles" in closer and all(f"{d}:" in closer for d in unseen)
    dice = shown_dice(page)
    assert len(dice) == sum(im["domain"] in unseen for im in data["images"]) and dice == sorted(dice)
    assert page.evaluate("[...document.querySelectorAll('img')].filter(i => i.complete && !i.naturalWidth).length") == 0


def test_snapshot_slider(page, data):
    "Dragging the slider to the start: every point stands where S₀ puts it, and the graph's loss is that of the start."
    before, loss = places(page), page.locator("[data-panel=graph] [data-loss]").get_attribute("data-loss")
    drag_slider(page, page.get_by_label("snapshot of the distillation"), 0.0)
    assert "step 0 of" in page.locator(".msan-m-controls").inner_text()
    assert f"{data['judged']}, step 0" in page.locator(".msan-scatter").inner_text()
    start = places(page)
    assert len(start) == len(before) == len(data["points"]) and sum(a != b for a, b in zip(before, start)) > len(start) / 2
    assert page.locator("[data-panel=graph] [data-loss]").get_attribute("data-loss") != loss
    ends = page.evaluate("d => d", data["xy"]["student S₀"]["*"])
    assert ends == data["xy"][data["judged"]]["0"]


def test_temperature_slider_shows_the_methods_own_loss(page, data, run):
    "The loss on the page is the one that the method's own code computes, at whatever τ."
    slider = page.get_by_label("temperature τ of the graphs")
    slider.focus()
    found = []
    for key, times in (("ArrowRight", 20), ("ArrowLeft", 35)):
        for _ in range(times): page.keyboard.press(key)
        tau = 10 ** float(slider.input_value())
        vectors, _ = open_scene(run).snapshot(data["steps"][-1])
        want = float(dcgd_losses(vectors[f"vectors/{data['judged']}"], vectors["vectors/teacher"], tau=tau, nodes="anchors")["inter"])
        loss = float(page.locator("[data-panel=graph] [data-loss]").get_attribute("data-loss"))
        assert loss == pytest.approx(want, rel=0.05, abs=0.01), tau  # cosines are kept with three decimals
        found.append(loss)
    assert found[0] < found[1]


def test_lasso_selects_everywhere(page, data):
    "A lasso in the scatter selects points, their images in the gallery, and their nodes in the graph."
    page.get_by_label("which images").select_option("all")
    indices = lasso(page, 0.3)
    assert len(indices) >= 3 and page.locator(".msan-scatter .msan-p.msan-on").count() == len(indices)
    keys = {data["images"][data["points"][i]["image"]]["key"] for i in indices}
    assert pressed(page) >= {k for k in keys if not k.startswith(data["images"][0]["domain"])}
    assert f"{len(keys)} image" in page.locator(".msan-microscope > [role=status]").inner_text()
    page.get_by_label("which images").select_option("selected")
    assert page.locator("[data-panel=images] .msan-m-image").count() == len(keys)
    page.get_by_label("which graph").select_option("domains")
    nodes = {data["images"][data["points"][k]["image"]]["key"] for k in data["graphs"]["domains"]["nodes"]} & keys
    assert page.locator(".msan-graph svg .msan-node.msan-chosen").count() == 2 * len(nodes)
    page.get_by_text("clear the selection").click()
    assert not pressed(page) and page.locator(".msan-scatter .msan-p.msan-on").count() == 0


def test_hover_tells_what_a_point_is(page, data):
    "The tooltip of a point: image, domain, thumbnail."
    page.locator(".msan-scatter svg.msan-plot").scroll_into_view_if_needed()
    index, x, y = min(points(page), key=lambda p: p[1])
    page.mouse.move(x, y)
    tip = page.locator(".msan-scatter .msan-tip")
    tip.wait_for(state="visible")
    near = {data["images"][data["points"][i]["image"]]["id"] for i, px, py in points(page) if (px - x) ** 2 + (py - y) ** 2 < 200}
    assert any(name in tip.inner_text() for name in near) and tip.locator("img").count() == 1


def test_image_click_is_seen_in_the_scatter(page, data):
    "A click on an image marks its tiles, and shows what the networks make of it."
    card = page.locator("[data-panel=images] .msan-m-image").first
    key = card.get_attribute("data-image")
    card.click()
    tiles = sum(data["images"][p["image"]]["key"] == key for p in data["points"])
    assert pressed(page) == {key} and page.locator(".msan-scatter .msan-p.msan-on").count() == tiles > 0
    detail = page.locator("[data-panel=detail]")
    assert key.split("|")[1] in detail.locator("h3").inner_text()
    assert detail.locator("figure img").count() == 4 and f"Dice {dice_of(data, key, 'teacher'):.3f}" in detail.inner_text()
    card = page.locator(f"[data-panel=images] .msan-m-image[data-image='{key}']")
    card.click()
    assert not pressed(page)


def test_node_click_opens_its_card(page, data):
    "A click on a node of the graph: its tile, its views, the predictions; and its image is selected."
    node = page.locator(".msan-graph .msan-node").first
    node.scroll_into_view_if_needed()
    node.click()
    card = page.locator(".msan-graph .msan-card")
    card.wait_for(state="visible")
    owner = data["images"][data["points"][data["graphs"]["inter"]["nodes"][0]]["image"]]
    assert owner["id"] in card.inner_text() and card.locator("img").count() >= 3
    page.get_by_label("which images").select_option("selected")
    assert pressed(page) >= {owner["key"]}
    page.keyboard.press("Escape")


def test_switch_of_the_method(page, data):
    "Another row of the ablation: table, answers, scatter, graph and images follow; the graph of S₀ against the teacher has another loss."
    other = "student alone"
    before = page.locator("[data-answer=worst]").inner_text()
    page.get_by_label(other, exact=True).check()
    assert page.locator("[data-panel=table] tr[aria-selected=true]").get_attribute("data-row") == other
    after = page.locator("[data-answer=worst]").inner_text()
    assert after != before and after.count(other) == 1
    assert f"{other}, step" in page.locator(".msan-scatter").inner_text() and other in page.locator(".msan-graph svg").text_content()
    row = names(data).index(other)
    unseen = {d["name"] for d in data["domains"] if d["role"] == "unseen"}
    assert shown_dice(page) == pytest.approx(sorted(im["dice"][row] for im in data["images"] if im["domain"] in unseen), abs=6e-4)
    page.locator("[data-panel=table] tr[data-row=teacher] button").click()
    assert page.get_by_label("teacher", exact=True).is_checked() and page.get_by_label("snapshot of the distillation").is_disabled()


def test_terms_of_the_ablation_are_shown(page, data):
    "Which terms were on."
    on = [t["name"] for t in next(r for r in data["rows"] if r["name"] == data["judged"])["terms"] if t["on"]]
    assert [t.removeprefix("✓ ") for t in texts(page, ".msan-m-controls .msan-m-on")] == on
    page.get_by_label("KD + views", exact=True).check()
    assert "✓ kd" in texts(page, ".msan-m-controls .msan-m-on")


def test_keyboard_alone(page, data):
    "No mouse: tab to the methods, choose by arrow; walk through the points and select one; walk through the nodes and open one."
    page.get_by_label(data["judged"], exact=True).focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("[data-panel=table] tr[aria-selected=true]").get_attribute("data-row") != data["judged"]
    page.locator(".msan-scatter svg.msan-plot").focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"): page.keyboard.press(key)
    assert page.locator(".msan-scatter .msan-p.msan-on").count() >= 1
    page.keyboard.press("Escape")
    page.locator(".msan-graph .msan-node").first.focus()
    for key in ("ArrowRight", "Enter"): page.keyboard.press(key)
    assert page.locator(".msan-graph .msan-card").is_visible()
    reached = set()
    page.locator("body").focus()
    for _ in range(200):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.closest('[data-panel]')?.dataset.panel ?? document.activeElement.type ?? ''"))
    assert {"range", "radio", "table", "fsd", "images", "scatter", "exchange", "graph", "plane", "views"} <= reached


def test_legend_hides_a_domain(page, data):
    "A click on a name of the legend hides its points."
    shown = len(points(page))
    name = data["domains"][-1]["name"]
    page.locator(".msan-scatter button", has_text=name).first.click()
    assert len(points(page)) == shown - sum(data["images"][p["image"]]["domain"] == name for p in data["points"])


def test_saved_files(page, data):
    "The table as CSV, the distances as SVG and PNG: what is saved is what is shown."
    with page.expect_download() as waiting: page.locator("[data-panel=table]").get_by_text("save as CSV").click()
    rows = list(csv.reader(io.StringIO(waiting.value.path().read_text(encoding="utf-8"))))
    assert [r[0] for r in rows[1:]] == names(data) and float(rows[1][2]) == pytest.approx(list(data["table"][rows[1][0]].values())[1], abs=6e-4)
    with page.expect_download() as waiting: page.locator("[data-panel=fsd]").get_by_text("save as SVG").click()
    svg = waiting.value.path().read_text(encoding="utf-8")
    assert svg.startswith("<svg") and all(d["name"] in svg for d in data["domains"] if d["role"] == "unseen")
    with page.expect_download() as waiting: page.locator("[data-panel=fsd]").get_by_text("save as PNG").click()
    assert waiting.value.path().read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    for name, panel in (("SVG", "scatter"), ("PNG", "scatter"), ("CSV", "scatter"), ("SVG", "graph"), ("PNG", "graph"), ("CSV", "graph"), ("CSV", "images"), *((kind, panel) for panel in ("exchange", "plane", "views") for kind in ("SVG", "PNG", "CSV"))):
        with page.expect_download() as waiting: page.locator(f"[data-panel={panel}]").get_by_text(f"save as {name}").click()
        assert waiting.value.path().stat().st_size > 100


def test_code_is_copied(page, data):
    "The lines that make what is shown, in the clipboard; they name the run and no folder of this machine."
    page.locator("[data-panel=fsd]").get_by_text("copy the code").click()
    until(page, lambda: "clipboard" in page.locator(".msan-microscope > [role=status]").inner_text(), 10)
    copied = page.evaluate("navigator.clipboard.readText()")
    assert f'open_scene("{data["run"]}"' in copied and "/tmp" not in copied
    compile(copied, "copied", "exec")


def copied_from(page, panel):
    "What the button of a panel puts into the clipboard."
    page.evaluate("navigator.clipboard.writeText('')")
    page.locator(f"[data-panel={panel}]").get_by_text("copy the code").click()
    until(page, lambda: page.evaluate("navigator.clipboard.readText()"), 10)
    return page.evaluate("navigator.clipboard.readText()")


def test_copied_code_draws_what_is_shown(page, data, run):
    "With the run's folder in place of its name, the lines of every panel run, and ask for the row, the step and the τ that are chosen."
    page.get_by_label("KD + views", exact=True).check()
    page.get_by_label("snapshot of the distillation").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_label("temperature τ of the graphs").focus()
    page.keyboard.press("ArrowRight")
    tau, step = 10 ** float(page.get_by_label("temperature τ of the graphs").input_value()), data["steps"][-2]
    made = {}
    for panel, wanted in (("scatter", "show_embeddings("), ("fsd", "show_fsd("), ("graph", "show_graphs("), ("table", "DataFrame("), ("images", "DataFrame("), ("exchange", "show_exchange("), ("plane", "show_fsd("), ("views", "show_views(")):
        text = copied_from(page, panel)
        assert wanted in text and "KD + views" in text or panel == "table", text
        *lines, last = text.replace(json.dumps(data["run"]), repr(str(run))).strip().split("\n")
        space = {}
        exec("\n".join(lines), space)
        made[panel] = eval(last, space)
    shown = made["graph"].data
    assert (shown["row"], shown["step"], shown["graph"]) == ("KD + views", step, "inter") and shown["tau"] == pytest.approx(tau, rel=1e-3)
    assert all(panel.figure is not None for panel in (made["scatter"], made["fsd"], made["graph"], made["plane"]))
    assert made["exchange"].data["exchange"]["row"] == "KD + views" and made["plane"].data["first"][0] == "KD + views" and "KD + views" in made["views"].data["rows"]
    assert made["exchange"].data["exchange"]["words"] == exchange_of(page, data, "KD + views")["words"], "the copied lines look into another tile"
    assert made["fsd"].data["first"][0] == "KD + views" and list(made["table"].index) == names(data) == list(made["images"].columns[3:])


def test_focus_stays_where_it_was(page, data):
    "Enter on an image or on a row of the table: the same image, the same row has the focus afterwards."
    key = page.locator("[data-panel=images] .msan-m-image").nth(1).get_attribute("data-image")
    for shown in ("unseen", "selected"):
        page.get_by_label("which images").select_option(shown)
        page.locator(f"[data-panel=images] .msan-m-image[data-image='{key}']").focus()
        page.keyboard.press("Enter")
        if shown == "unseen": assert page.evaluate("document.activeElement.dataset.image") == key and key in pressed(page)
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "which images", "the image is no longer listed"
    page.locator("[data-panel=table] tr[data-row='KD + views'] button").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('tr').dataset.row") == "KD + views"
    assert page.locator("[data-panel=table] tr[aria-selected=true]").get_attribute("data-row") == "KD + views"


def test_selection_is_compared_within_its_domains(page, data):
    "Beside the mean Dice of the selected images stands that of the others of the same domain, and of no other."
    card = page.locator("[data-panel=images] .msan-m-image").first
    key = card.get_attribute("data-image")
    card.click()
    domain = key.split("|")[0]
    others = [dice_of(data, im["key"], data["judged"]) for im in data["images"] if im["domain"] == domain and im["key"] != key]
    assert f"Selected: 1 of {domain}, mean Dice {dice_of(data, key, data['judged']):.3f}; the {len(others)} others of this domain {sum(others) / len(others):.3f}" in page.locator("[data-panel=images]").inner_text()


def test_shares_are_of_the_loss(page, data):
    "In every graph the widths of the edges are shares: none below 0, together 1; the matrix of differences has its own scale."
    for kind in data["graphs"]:
        page.get_by_label("which graph").select_option(kind)
        with page.expect_download() as waiting: page.locator("[data-panel=graph]").get_by_text("save as CSV").click()
        rows = list(csv.reader(io.StringIO(waiting.value.path().read_text(encoding="utf-8"))))
        shares = [float(r[-1]) for r in rows[1:]]
        assert rows[0][-1] == "share of the loss" and min(shares) >= 0 and sum(shares) == pytest.approx(1, abs=1e-6), kind
        gaps = [abs(float(r[3]) - float(r[2])) for r in rows[1:]]
        said = page.locator(".msan-graph svg image[aria-label*=' − teacher']").get_attribute("aria-label")
        low, high = (float(x.replace("−", "-")) for x in re.search(r"from (\S+) to (\S+)", said).groups())
        assert high == -low == pytest.approx(max(gaps), abs=6e-3), kind


def test_graph_says_what_was_trained(page, data):
    "GKD compares images and views: the graph of the anchors alone says so."
    note = page.locator("[data-panel=graph]")
    page.get_by_label("which graph").select_option("inter")
    assert "“inter, all views”" in note.inner_text() and f"{len(data['graphs']['inter']['nodes'])} validation tiles" in note.inner_text()
    page.get_by_label("which graph").select_option("views")
    assert "The training compared" not in note.inner_text() and "was not trained" not in note.inner_text()
    page.get_by_label("KD + views", exact=True).check()
    assert "KD + views was not trained on the inter loss" in note.inner_text()


@pytest.mark.parametrize("graph", ["inter", "domains"])
def test_card_says_what_was_not_kept(page, data, graph):
    "The card of a node shows annotation and predictions, or says that they were not kept; the worst images of each domain have them."
    page.get_by_label("which graph").select_option(graph)
    for i, k in enumerate(data["graphs"][graph]["nodes"]):
        page.locator(f".msan-graph .msan-node[data-panel='0'][data-i='{i}']").focus()
        page.keyboard.press("Enter")
        text, there = page.locator(".msan-graph .msan-card").inner_text(), str(data["points"][k]["image"]) in {str(n) for n in data["errors"]}
        assert ("teacher\n" in text + "\n") >= there and ("annotation and predictions were not kept" in text) != there
        assert there or graph == "inter"


def test_colour_of_the_points(page, data):
    "By domain, by Dice, by anchor or view: a legend each, and shapes beside the colours."
    look = lambda: page.eval_on_selector_all(".msan-scatter .msan-p", "ps => ps.map(p => [p.getAttribute('fill'), p.getAttribute('d')])")
    names = lambda: texts(page, ".msan-scatter [role=group] button")
    before = look()
    assert names() == [d["name"] for d in data["domains"]]
    for value, legend, number in (("dice", ["Dice below 0.5", "0.5 to 0.7", "0.7 to 0.85", "0.85 and more"], None), ("kind", ["tile of a tested domain", "probe: anchor", "probe: view"], 3)):
        page.get_by_label("colour of the points").select_option(value)
        assert names() == legend and look() != before
        seen = {tuple(x) for x in look()}
        assert len({c for c, _ in seen}) == len({d for _, d in seen}) == len(seen) == (number or len(seen)), "a shape for each colour"


def test_students_share_a_frame(page, data):
    "From row to row and from snapshot to snapshot the axes stand still, unless one asks for a frame of the row's own."
    ticks = lambda: texts(page, ".msan-scatter svg.msan-plot text.msan-small")
    before = ticks()
    page.get_by_label("KD + views", exact=True).check()
    assert ticks() == before
    page.get_by_label("snapshot of the distillation").focus()
    page.keyboard.press("Home")
    assert ticks() == before
    page.get_by_label("frame of the scatter").select_option("row")
    assert ticks() != before


def exchange_of(page, data, row):
    "The exchange of the image whose name is pressed."
    key = page.locator("[data-panel=exchange] .msan-m-names [aria-pressed=true]").get_attribute("data-image")
    return data["exchange"]["rows"][row][str(next(i for i, im in enumerate(data["images"]) if im["key"] == key))]


def sources(page, panel):
    "The pictures of a panel's drawing."
    return page.eval_on_selector_all(f"[data-panel={panel}] svg image", "xs => xs.map(x => x.getAttribute('href'))")


def test_exchange_follows_image_and_row(page, data):
    "A click on a name or on an image shows its exchange, and another row another one; every picture is the one of the data."
    names = page.locator("[data-panel=exchange] .msan-m-names button")
    assert names.count() == len(data["exchange"]["tiles"]) >= len(data["domains"]) - 1
    before, at = sources(page, "exchange"), page.locator("[data-panel=exchange] [aria-pressed=true]").get_attribute("data-image")
    found = exchange_of(page, data, data["judged"])
    assert sorted(before) == sorted([data["pictures"][data["exchange"]["tiles"][next(k for k, e in data["exchange"]["rows"][data["judged"]].items() if e is found)]["thumb"]]] + [data["pictures"][p[2]] for name in ("teacher", "student") for p in found[name]])
    assert found["words"][0] in page.locator("[data-panel=exchange]").inner_text()
    other = page.locator("[data-panel=exchange] .msan-m-names [aria-pressed=false]").first
    key = other.get_attribute("data-image")
    other.focus()
    page.keyboard.press("Enter")
    assert sources(page, "exchange") != before and key != at
    assert page.locator(f"[data-panel=exchange] button[data-image='{key}']").get_attribute("aria-pressed") == "true" and page.evaluate("document.activeElement.dataset.image") == key
    assert key.split("|")[1] in page.locator("[data-panel=detail] h3").inner_text()
    page.get_by_label("which images").select_option("all")
    assert pressed(page) == {key} and page.locator(".msan-scatter .msan-p.msan-on").count() > 0, "the name selects the image everywhere"
    page.locator("[data-panel=images]").get_by_text("clear the selection").click()
    page.locator(f"[data-panel=images] .msan-m-image[data-image='{at}']").click()
    assert sources(page, "exchange") == before
    page.get_by_label("student alone", exact=True).check()
    assert sources(page, "exchange") != before and "S = student alone" in page.locator("[data-panel=exchange] svg.msan-m-picture").text_content()
    page.get_by_label("teacher", exact=True).check()
    assert not sources(page, "exchange") and "nothing with itself: choose a student" in page.locator("[data-panel=exchange] [role=status]").inner_text()


def test_images_without_exchange_or_views_say_so(page, data):
    "In words, with the names of those that have one; a click on a name brings it."
    there = {data["images"][int(i)]["key"] for i in data["exchange"]["tiles"]}
    page.get_by_label("which images").select_option("all")
    card = next(c for c in page.locator("[data-panel=images] .msan-m-image").all() if c.get_attribute("data-image") not in there)
    key = card.get_attribute("data-image")
    card.click()
    said = page.locator("[data-panel=exchange] [role=status]").inner_text()
    assert "No exchange was computed for" in said and key.split("|")[1] in said and not sources(page, "exchange")
    views = page.locator("[data-panel=views]")
    assert f"The views of {key.replace('|', ': ')} were not computed" in views.locator("[role=status]").inner_text() and sources(page, "views")
    page.locator("[data-panel=exchange] .msan-m-names button").last.click()
    assert len(sources(page, "exchange")) > 20 and not page.locator("[data-panel=exchange] [role=status]").count()


def test_two_gaussians(page, data):
    "Another row has other ellipses, another domain too; the parts in the drawing are those of the table; tiles of selected images are ringed."
    svg = page.locator("[data-panel=plane] svg.msan-m-picture")
    ellipses = lambda: page.eval_on_selector_all("[data-panel=plane] .msan-m-ellipse", "es => es.map(e => [e.getAttribute('d'), e.getAttribute('stroke-dasharray')])")
    before, name = ellipses(), page.get_by_label("domain of the plane").input_value()
    assert name == data["answers"][data["judged"]]["worst"] and len(before) == 4 and [d for _, d in before] == [None, None, "6 4", "6 4"], "the source's are dashed"
    page.get_by_label("KD + views", exact=True).check()
    page.get_by_label("domain of the plane").select_option(name)
    second = ellipses()
    assert second != before
    g = data["planes"]["KD + views"][name]
    assert page.locator("[data-panel=plane] .msan-m-dot").count() == sum(len(s["images"]) for s in g["sets"])
    f = next(f for f in data["fsd"] if f["row"] == "KD + views" and f["domain"] == name)
    total, first, rest = map(float, re.search(r"KD \+ views([\d.]+) = ([\d.]+) \+ ([\d.]+)$", svg.text_content()).groups())
    assert total == pytest.approx(f["normalised"], abs=6e-3) and first + rest == pytest.approx(total, abs=0.02) and first / max(total, 1e-9) == pytest.approx(g["mean_part"] / g["value"], abs=0.03)
    other = next(d["name"] for d in data["domains"] if d["role"] == "unseen" and d["name"] != name)
    page.get_by_label("domain of the plane").select_option(other)
    assert ellipses() != second and other in svg.text_content()
    owner = data["planes"]["KD + views"][other]["sets"][0]["images"][0]
    page.get_by_label("which images").select_option("all")
    page.locator(f"[data-panel=images] .msan-m-image[data-image='{data['images'][owner]['key']}']").click()
    assert page.locator("[data-panel=plane] .msan-m-chosen").count() == sum(s["images"].count(owner) for s in data["planes"]["KD + views"][other]["sets"]) > 0
    page.get_by_text("its interval and its null").click()
    assert page.evaluate("document.activeElement.dataset.panel") == "fsd"


def test_views_of_a_tile(page, data):
    "Strength and row change the bars, which are as high as the numbers; the pictures are of the chosen strength."
    heights = lambda: page.eval_on_selector_all("[data-panel=views] .msan-m-moved", "bs => bs.map(b => +b.getAttribute('height'))")
    domain = data["images"][data["answers"][data["judged"]]["blame"][0]]["domain"]
    b, rows = data["bench"][domain], ["teacher", "student S₀", data["judged"]]
    for k in range(len(b["strengths"])):
        page.get_by_label("strength of the views").select_option(str(k))
        want = [b["moved"][r][n][k][0] for n in range(len(b["kinds"])) for r in rows]
        found = heights()
        assert len(found) == len(want) and [h / max(found) for h in found] == pytest.approx([w / max(want) for w in want], abs=1e-3)
        assert sources(page, "views") == [data["pictures"][line[k]] for line in b["pictures"]]
    before = heights()
    page.get_by_label("student alone", exact=True).check()
    assert heights() != before and b["words"]["student alone"] in page.locator("[data-panel=views]").inner_text()
    page.get_by_text("The bars as a table").click()
    assert f"{b['moved']['student alone'][0][k][0]:.2f}" in page.locator("[data-panel=views] tbody tr").first.inner_text()
    page.get_by_label("teacher", exact=True).check()
    assert len(heights()) == 2 * len(b["kinds"])


def test_switch_to_tsne(page, data):
    "The points move to where t-SNE puts them; the selection stays, a lasso selects, a point tells what it is; where there is no t-SNE, the page says so and shows PCA."
    card = page.locator("[data-panel=images] .msan-m-image").first
    key = card.get_attribute("data-image")
    card.click()
    projection, before, on = page.get_by_label("projection of the scatter"), places(page), page.locator(".msan-scatter .msan-p.msan-on")
    chosen = on.count()
    projection.select_option("t-SNE")
    after = places(page)
    assert len(after) == len(before) == len(data["points"]) and sum(a != b for a, b in zip(before, after)) > 0.9 * len(after)
    xy, drawn = data["tsne"][data["judged"]]["xy"], [[float(v) for v in re.findall(r"-?[\d.]+", t)] for t in after]
    assert [k for k, _ in sorted(enumerate(drawn), key=lambda p: p[1][0])][0] in [i for i, x in enumerate(xy[::2]) if x < min(xy[::2]) + 0.05], "the leftmost point"
    assert on.count() == chosen > 0 and pressed(page) == {key}
    said = page.locator(".msan-scatter").inner_text()
    assert "t-SNE 1" in page.locator(".msan-scatter svg.msan-plot").text_content() and "perplexity" in said and "seed 0" in said and "Each network by itself" in said
    indices = lasso(page, 0.3)
    assert on.count() == len(indices) > 2
    page.locator(".msan-scatter svg.msan-plot").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".msan-scatter .msan-tip").is_visible()
    page.get_by_label("snapshot of the distillation").focus()
    page.keyboard.press("Home")
    assert f"t-SNE was computed for step {data['steps'][-1]} only" in page.locator("[data-panel=scatter]").inner_text() and "step 0: PCA" in page.locator(".msan-scatter").inner_text()
    start = places(page)
    projection.select_option("PCA")
    assert places(page) == start and "t-SNE was computed" not in page.locator("[data-panel=scatter]").inner_text()
    projection.select_option("t-SNE")
    page.get_by_label("teacher", exact=True).check()
    assert places(page) not in (start, after) and "teacher: t-SNE" in page.locator(".msan-scatter").inner_text()


def test_saved_drawing_holds_its_pictures(page):
    "The SVG and the PNG of the exchange hold the tiles themselves."
    from PIL import Image
    with page.expect_download() as waiting: page.locator("[data-panel=exchange]").get_by_text("save as SVG").click()
    svg = waiting.value.path().read_text(encoding="utf-8")
    assert svg.count('href="data:image/png') == len(sources(page, "exchange"))
    with page.expect_download() as waiting: page.locator("[data-panel=exchange]").get_by_text("save as PNG").click()
    colours = Image.open(waiting.value.path()).convert("RGB").getcolors(1 << 22)
    assert len([c for n, c in colours if n > 500 and max(c) - min(c) > 40]) > 8, "the colours of the bottlenecks are missing"


def test_what_was_not_computed_is_said(browse, data, tmp_path):
    "A run without its images, and a row that is not shown in full: messages, no empty panels."
    from msan_nb.inspectors.export import microscope_page
    file = tmp_path / "poor.html"
    one = {**data["exchange"], "rows": {"student S₀": data["exchange"]["rows"]["student S₀"]}}
    file.write_text(microscope_page({**data, "exchange": one, "tsne": {"student S₀": data["tsne"]["student S₀"]}, "looks_note": "It was made for student S₀ only.", "bench": {d: {**b, "moved": {"teacher": b["moved"]["teacher"]}} for d, b in data["bench"].items()}}), encoding="utf-8")
    page = browse(file.as_uri())
    opened(page)
    assert f"No exchange was computed for {data['judged']}. It was made for student S₀ only." in page.locator("[data-panel=exchange]").inner_text()
    assert f"The views of {data['judged']} were not computed" in page.locator("[data-panel=views]").inner_text()
    page.get_by_label("projection of the scatter").select_option("t-SNE")
    assert f"t-SNE was not computed for {data['judged']}" in page.locator("[data-panel=scatter]").inner_text() and len(points(page)) == len(data["points"])
    file.write_text(microscope_page({**data, "exchange": {"tiles": {}, "rows": {}}, "bench": {}, "looks_note": "Most pictures are missing: no data root."}), encoding="utf-8")
    page.goto(file.as_uri())
    opened(page)
    for panel in ("exchange", "views"): assert "it needs the images. Most pictures are missing" in page.locator(f"[data-panel={panel}] [role=status]").inner_text()


def test_controls_say_what_they_are_for(page):
    "A tooltip on every list, slider and button of saving."
    lacking = page.evaluate("""[...document.querySelectorAll('.msan-microscope select, .msan-microscope input[type=range], .msan-m-tools button, [data-panel=images] .msan-m-strip button, [data-panel=plane] button, .msan-m-names button')].filter(e => !e.closest('[title]')).map(e => e.outerHTML.slice(0, 90))""")
    assert not lacking


def test_saved_drawing_has_its_ground(browse, exported):
    "An SVG that was saved from a dark page is dark behind its light text."
    page = browse(exported.as_uri(), dark=True)
    opened(page)
    with page.expect_download() as waiting: page.locator("[data-panel=fsd]").get_by_text("save as SVG").click()
    svg = waiting.value.path().read_text(encoding="utf-8")
    first = re.match(r"<svg[^>]*><rect[^>]*>", svg)
    light = lambda said: sum(map(int, re.search(r"rgb\((\d+), (\d+), (\d+)\)", said).groups()))
    assert first and 'width="680"' in first[0] and light(first[0]) < 200 < 500 < light(re.search(r"<text[^>]*>", svg)[0])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_both_themes_can_be_read(browse, exported, dark):
    "Text stands out from its background by 4.5 to 1 or more, in the light and in the dark."
    page = browse(exported.as_uri(), dark=dark)
    opened(page)
    contrast = """selector => [...document.querySelectorAll(selector)].filter(e => e.getClientRects().length).map(e => {
      const parts = c => c.match(/[\\d.]+/g).map(Number), light = ([r, g, b]) => { const l = [r, g, b].map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * l[0] + .7152 * l[1] + .0722 * l[2]; };
      let ground = e; while (ground && (parts(getComputedStyle(ground).backgroundColor)[3] ?? 1) === 0) ground = ground.parentElement;
      const style = getComputedStyle(e), ink = e instanceof SVGElement ? style.fill : style.color, a = light(parts(ink)), b = ground ? light(parts(getComputedStyle(ground).backgroundColor)) : 1;
      return (Math.max(a, b) + .05) / (Math.min(a, b) + .05); })"""
    for selector in ("h2", "h3", ".msan-m-small", "td", ".msan-m-image span", ".msan-graph svg text", ".msan-scatter svg text", ".msan-m-picture text", "button"):
        found = page.evaluate(contrast, f".msan-microscope {selector}")
        assert found and min(found) > 4.5, (selector, min(found))


def test_narrow_page_does_not_scroll_sideways(browse, exported):
    "On a telephone's width everything stands below one another."
    page = browse(exported.as_uri(), width=420)
    opened(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 421


def test_size_and_times(browse, exported, large_page, timings):
    "Under 15 MB. With 500 points and more, the times are measured and reported, not asserted: the machine may be busy."
    assert exported.stat().st_size < 15e6
    timings["file, MB"] = [large_page.stat().st_size / 1e6]
    for _ in range(3):
        page = browse(large_page.as_uri())
        opened(page)
        timings.setdefault("opening", []).append(page.evaluate("performance.now()"))
        timings.setdefault("opening, of which drawing", []).append(float(page.locator(".msan-microscope").get_attribute("data-ready")))
    timings["points"] = [len(places(page))]
    assert timings["points"][0] >= 500
    measure = lambda name, act: timings.setdefault(name, []).append(painted(page, act))
    step, tau = page.get_by_label("snapshot of the distillation"), page.get_by_label("temperature τ of the graphs")
    for key in ("ArrowLeft", "ArrowLeft", "ArrowRight", "ArrowLeft", "ArrowRight"):
        step.focus(); measure("snapshot", lambda: page.keyboard.press(key))
        tau.focus(); measure("τ", lambda: page.keyboard.press(key))
    for row in page.locator("[data-panel=table] tr[aria-selected=false] button").all()[:4]: measure("method", row.click)
    for i in range(4): measure("image", page.locator("[data-panel=images] .msan-m-image").nth(i).click)
    for share in (0.4, 0.2, 0.6): measure("lasso", lambda: lasso(page, share))
    print(json.dumps({k: round(sorted(v)[len(v) // 2], 1) for k, v in timings.items()}, ensure_ascii=False))
    assert all(v and min(v) > 0 for v in timings.values())


@pytest.mark.parametrize("width", [1280, 1440])
def test_table_of_methods_is_whole(browse, exported, width):
    "On a laptop's screen no column of the table is cut off."
    page = browse(exported.as_uri(), width=width)
    opened(page)
    wide, room = page.locator(".msan-m-table").evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert wide <= room


def test_wicked_names_stay_text(browse, data, tmp_path):
    "Names that are HTML are shown as they are written."
    from msan_nb.inspectors.export import microscope_page
    bad = "<img src=x onerror=alert(1)></script><b>"
    changed = json.loads(json.dumps(data).replace(json.dumps(data["images"][-1]["id"])[1:-1], json.dumps(bad)[1:-1]))
    file = tmp_path / "wicked.html"
    file.write_text(microscope_page(changed), encoding="utf-8")
    page = browse(file.as_uri())
    opened(page)
    assert bad in page.locator("[data-panel=images]").inner_text()


def test_nothing_to_show_is_said(browse, data, tmp_path):
    "A message in place of an empty page."
    from msan_nb.inspectors.base import script
    from msan_nb.inspectors.export import embedded_json
    from msan_nb.inspectors.microscope import PARTS
    file = tmp_path / "empty.html"
    file.write_text(f'<meta charset="utf-8"><link rel="icon" href="data:,"><main id="msan-page"></main><script type="application/json" id="msan-data">{embedded_json({**data, "rows": []})}</script><script type="module">{script("page", (*PARTS, "microscope"))}</script>', encoding="utf-8")
    page = browse(file.as_uri())
    page.get_by_text("Nothing to look at").wait_for()
