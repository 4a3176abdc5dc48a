"""What a person does with a page, and what one reads off it."""
import time

UNREADABLE = """(root, dark) => { // every text and every field: its ink on the ground behind it, both with what shines through
  const parts = c => { const n = (c.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number); return c.startsWith('color(srgb') ? [...n.slice(0, 3).map(v => 255 * v), n[3] ?? 1] : [...n.slice(0, 3), n[3] ?? 1]; };
  const over = ([r, g, b, a], [s, t, u]) => [a * r + (1 - a) * s, a * g + (1 - a) * t, a * b + (1 - a) * u];
  const light = c => { const l = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * l[0] + .7152 * l[1] + .0722 * l[2]; };
  const own = e => { const fill = e.querySelector?.(':scope > .msan-ground'); return parts(fill ? getComputedStyle(fill).fill : getComputedStyle(e).backgroundColor); };
  const ground = e => { if (!e) return [255, 255, 255]; const c = own(e); return c[3] === 1 ? c.slice(0, 3) : over(c, ground(e.parentElement)); };
  const shines = e => (e && e !== root ? (+getComputedStyle(e).opacity) * shines(e.parentElement) : 1);
  const worded = e => e.matches('select, input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea') || (!e.matches('option, style, title') && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
  const shown = [...root.querySelectorAll('*')].filter(e => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !e.closest('.msan-hidden, [aria-disabled=true], :disabled') && e.getClientRects().length);
  const said = shown.filter(worded).map(e => {
    const style = getComputedStyle(e), ink = parts(e instanceof SVGElement ? style.fill : style.color), behind = ground(e), a = light(over([...ink.slice(0, 3), ink[3] * shines(e)], behind)), b = light(behind);
    return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), `${e.tagName}.${e.getAttribute('class') || ''}: ${(e.value || e.textContent).trim().slice(0, 40)}`]; });
  const glaring = shown.filter(e => { const box = e.getBoundingClientRect(), c = own(e); const dim = +(getComputedStyle(e).filter.match(/brightness\\(([\\d.]+)\\)/) || [0, 1])[1]; return c[3] > .5 && box.width * box.height > 2000 && (dark ? light(c.slice(0, 3).map(v => v * dim)) > .6 : light(c.slice(0, 3)) < .1 && !e.matches('img')); });
  return { words: said.length, least: Math.min(...said.map(s => s[0])), faint: said.filter(s => s[0] < 4.5).slice(0, 12), glaring: glaring.slice(0, 6).map(e => `${e.tagName}.${e.getAttribute('class') || ''} ${getComputedStyle(e).backgroundColor}`) }; }"""
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
