"""What a person does with a page, and what one reads off it."""
import time

READY = ".msan-microscope[data-ready]"


def opened(page, within=60_000):
    "Wait for the microscope; it says itself when it is drawn."
    page.wait_for_selector(READY, timeout=within)
    return page.locator(READY)


def drag(page, path, steps=4):
    "Press, move along a path of (x, y), let go."
    page.mouse.move(*path[0])
    page.mouse.down()
    for x, y in path[1:]: page.mouse.move(x, y, steps=steps)
    page.mouse.up()


def drag_slider(page, slider, to):
    "Drag the thumb of a range input from where it is to a share of its length."
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    now = slider.evaluate("s => (s.value - s.min) / (s.max - s.min)")
    at = lambda share: (box["x"] + 8 + (box["width"] - 16) * share, box["y"] + box["height"] / 2)
    drag(page, [at(now), at(to)], steps=8)


def points(page, root=".msan-scatter"):
    "The centres of all shown points of a scatter: index -> (x, y) on the page."
    return page.eval_on_selector_all(f"{root} .msan-p:not(.msan-off)", "ps => ps.map(p => { const r = p.getBoundingClientRect(); return [+p.dataset.index, r.x + r.width / 2, r.y + r.height / 2]; })")


def lasso(page, share=0.5, root=".msan-scatter"):
    "Draw a lasso round the points on the right, or whatever share of them lies there; the indices that must be selected."
    page.locator(f"{root} svg.msan-plot").scroll_into_view_if_needed()
    found = points(page, root)
    xs = sorted(p[1] for p in found)
    gaps = [(a + b) / 2 for a, b in zip(xs, xs[1:]) if b - a > 0.02]  # points that lie on one another are taken together
    cut = min(gaps, key=lambda x: abs(sum(p[1] > x for p in found) / len(found) - share))
    inner = [p for p in found if p[1] > cut]
    ys, right = [p[2] for p in inner], max(p[1] for p in inner) + 9
    drag(page, [(cut, min(ys) - 9), (right, min(ys) - 9), (right, max(ys) + 9), (cut, max(ys) + 9), (cut, min(ys) - 6)], steps=6)
    return [p[0] for p in inner]


def pressed(page):
    "Keys of the images that are shown as selected."
    return set(page.eval_on_selector_all(".msan-m-image[aria-pressed=true]", "bs => bs.map(b => b.dataset.image)"))


def texts(page, selector):
    "The texts of all that match."
    return page.locator(selector).all_inner_texts()


def places(page, root=".msan-scatter"):
    "Where the points are drawn."
    return page.eval_on_selector_all(f"{root} .msan-p", "ps => ps.map(p => p.getAttribute('transform'))")


def painted(page, act):
    "Milliseconds from what a person did to the frame that shows it, as the page measured them."
    page.evaluate("document.querySelector('.msan-microscope').dataset.painted = ''")
    act()
    said = lambda: page.evaluate("document.querySelector('.msan-microscope').dataset.painted")
    until(page, said, 60, "the next frame", every=0.02)  # the page's policy forbids the eval by which wait_for_function asks again
    return float(said())


def until(page, check, seconds=30, what="what was waited for", every=0.2):
    "Wait for something that Python asks; the page goes on meanwhile, which it would not if Python slept."
    ends = time.time() + seconds
    while time.time() < ends:
        if check(): return
        page.wait_for_timeout(1000 * every)
    raise AssertionError(f"{what} did not come within {seconds:g} s")
