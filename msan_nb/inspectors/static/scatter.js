// A scatter plot to look into: lasso, hover, keyboard, a legend that hides, densities along both axes. It depends on nothing.
// model.get("data") = {points: [{x, y, label, colour, marker, hollow?, thumb?, group, dice?, domain, row, words?}], axes, title, note,
//                      legend: [{name, colour, marker, hollow?, field?}], thumbs?, marginal?, equal?, ticks?, dice_name?, message?, bounds? ([x0, y0, x1, y1], a frame that stands still)}
// thumb is a data URI, or its place in `thumbs`; a legend item with `field` stands for the points whose field has that name.
// A live widget may give it in parts, so that only what changes is sent again: "data" without what moves, "thumbs", and
// model.get("moving") = {columns: {x: [...], y: [...], ...}, looks: [{colour, marker, hollow}], look: [number of each point's look], around: {axes, title, note, legend ...}}; null when "data" is whole.
// model.get("selected") = indices of points, both ways; model.get("hovered") = index, or -1.
const msanScatter = (() => {
  const NS = "http://www.w3.org/2000/svg", WIDTH = 720, HEIGHT = 500, STRIP = 56, REACH = 12, CHIPS = 30;

  // ---- small helpers: elements, numbers, words ------------------------------------------------------------------
  const make = (space, tag, attributes, children) => {
    const e = space ? document.createElementNS(space, tag) : document.createElement(tag);
    for (const [k, v] of Object.entries(attributes || {})) if (v !== undefined && v !== null) e.setAttribute(k, v);
    e.append(...children.filter(c => c !== null));
    return e;
  };
  const svgOf = (tag, attributes, ...children) => make(NS, tag, attributes, children);
  const htmlOf = (tag, attributes, ...children) => make("", tag, attributes, children);
  const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
  const known = v => v !== null && v !== undefined && Number.isFinite(v);
  const short = v => String(+v.toPrecision(3)).replace("-", "−");

  const corners = (n, r, turn, inner) => Array.from({ length: inner ? 2 * n : n }, (_, i) => {
    const a = turn + (2 * Math.PI * i) / (inner ? 2 * n : n), q = inner && i % 2 ? r * inner : r;
    return `${(q * Math.cos(a)).toFixed(2)},${(q * Math.sin(a)).toFixed(2)}`;
  }).join("L");
  const cross = (r, t) => `M${-t},${-r}H${t}V${-t}H${r}V${t}H${t}V${r}H${-t}V${t}H${-r}V${-t}H${-t}Z`;
  const turned = r => { // a cross on its corners
    const t = r * .42, s = Math.SQRT1_2;
    return "M" + [[-t, -r], [t, -r], [t, -t], [r, -t], [r, t], [t, t], [t, r], [-t, r], [-t, t], [-r, t], [-r, -t], [-t, -t]].map(([x, y]) => `${((x - y) * s).toFixed(2)},${((x + y) * s).toFixed(2)}`).join("L") + "Z";
  };
  const up = -Math.PI / 2;
  const SHAPES = { // names as in matplotlib
    o: r => `M${r},0A${r},${r} 0 1 1 ${-r},0A${r},${r} 0 1 1 ${r},0Z`, s: r => `M${-r * .9},${-r * .9}h${r * 1.8}v${r * 1.8}h${-r * 1.8}Z`,
    "^": r => `M${corners(3, r * 1.25, up)}Z`, v: r => `M${corners(3, r * 1.25, -up)}Z`, "<": r => `M${corners(3, r * 1.25, Math.PI)}Z`, ">": r => `M${corners(3, r * 1.25, 0)}Z`,
    D: r => `M${corners(4, r * 1.25, up)}Z`, d: r => `M0,${-r * 1.3}L${r * .8},0L0,${r * 1.3}L${-r * .8},0Z`, P: r => cross(r * 1.1, r * .42), X: r => turned(r * 1.15),
    p: r => `M${corners(5, r * 1.15, up)}Z`, h: r => `M${corners(6, r * 1.15, up)}Z`, "*": r => `M${corners(5, r * 1.45, up, .42)}Z`,
  };
  const shape = (marker, r) => (SHAPES[marker] || SHAPES.o)(r);
  const keyOf = p => `${p.colour}|${p.marker}|${p.hollow ? 1 : 0}`;
  const belongs = (p, item) => (item.field ? String(p[item.field]) === item.name : p.colour === item.colour && p.marker === item.marker);

  const inside = ([x, y], path) => { // even-odd rule
    let odd = false;
    for (let i = 0, j = path.length - 1; i < path.length; j = i++) {
      const [a, b] = path[i], [c, d] = path[j];
      if (b > y !== d > y && x < ((c - a) * (y - b)) / (d - b) + a) odd = !odd;
    }
    return odd;
  };
  const ticksOf = (low, high, count = 6) => {
    const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw)), step = power * [1, 2, 5, 10].find(s => s * power >= raw);
    const ticks = [];
    for (let k = Math.ceil(low / step); k * step <= high + 1e-9 * step; k++) ticks.push(+(k * step).toPrecision(12));
    return ticks;
  };
  const density = (values, low, high, cells = 80) => { // Gaussian kernels, Scott's bandwidth; null when there is nothing to smooth
    const n = values.length, mean = values.reduce((a, b) => a + b, 0) / n;
    const width = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / (n - 1)) * n ** -.2;
    if (n < 3 || !(width > 0)) return null;
    return Array.from({ length: cells + 1 }, (_, i) => {
      const at = low + ((high - low) * i) / cells;
      return [at, values.reduce((a, b) => a + Math.exp(-.5 * ((at - b) / width) ** 2), 0) / (n * width * Math.sqrt(2 * Math.PI))];
    });
  };
  const wrapped = (text, width) => {
    const lines = [""];
    for (const word of String(text).split(/\s+/)) {
      if (lines.at(-1).length + word.length + 1 > width) lines.push(word);
      else lines[lines.length - 1] += (lines.at(-1) ? " " : "") + word;
    }
    return lines;
  };
  const download = (blob, name) => {
    const url = URL.createObjectURL(blob), link = htmlOf("a", { href: url, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  };

  // ---- looks: one style sheet for the page, one inside the figure so that it can be saved --------------------------
  const sheet = `
.msan-scatter { --msan-fg: var(--jp-ui-font-color1, #222); --msan-soft: var(--jp-ui-font-color2, #595959); --msan-bg: var(--jp-layout-color0, #fff); --msan-line: var(--jp-border-color1, #bbb);
  color: var(--msan-fg); background: var(--msan-bg); font: 13px/1.4 system-ui, sans-serif; position: relative; max-width: 860px; padding: 6px; box-sizing: border-box; }
@media (prefers-color-scheme: dark) { .msan-scatter { --msan-fg: var(--jp-ui-font-color1, #e4e4e4); --msan-soft: var(--jp-ui-font-color2, #b0b0b0); --msan-bg: var(--jp-layout-color0, #16181b); --msan-line: var(--jp-border-color1, #555); } }
.msan-scatter svg.msan-plot { width: 100%; height: auto; display: block; touch-action: none; cursor: crosshair; user-select: none; }
.msan-scatter svg.msan-plot:focus { outline: none; }
.msan-scatter svg.msan-plot:focus-visible, .msan-scatter button:focus-visible { outline: 3px solid #0072b2; outline-offset: 1px; }
.msan-scatter .msan-bar { display: flex; flex-wrap: wrap; gap: 4px 8px; align-items: center; margin: 2px 0; }
.msan-scatter button { font: inherit; color: inherit; background: transparent; border: 1px solid var(--msan-line); border-radius: 4px; padding: 1px 8px; cursor: pointer; display: inline-flex; gap: 5px; align-items: center; }
.msan-scatter button[aria-pressed="false"] { opacity: .5; text-decoration: line-through; }
.msan-scatter .msan-soft { color: var(--msan-soft); font-size: 12px; }
.msan-scatter .msan-note { color: var(--msan-soft); font-size: 12px; margin: 4px 0 0; white-space: pre-line; }
.msan-scatter .msan-tip { position: absolute; z-index: 5; pointer-events: none; display: none; gap: 8px; background: var(--msan-bg); border: 1px solid var(--msan-line); border-radius: 5px; padding: 6px 8px; box-shadow: 0 2px 8px #0004; max-width: 320px; }
.msan-scatter .msan-tip img { width: 96px; height: 96px; image-rendering: pixelated; flex: none; }
.msan-scatter .msan-chips { display: flex; flex-wrap: wrap; gap: 6px; margin: 4px 0; padding: 0; list-style: none; }
.msan-scatter .msan-chips li { width: 104px; font-size: 11px; line-height: 1.25; overflow-wrap: anywhere; }
.msan-scatter .msan-chips img { width: 64px; height: 64px; image-rendering: pixelated; display: block; }
.msan-scatter .msan-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.msan-scatter .msan-message { border: 1px dashed var(--msan-line); border-radius: 5px; padding: 24px; text-align: center; }`;
  const figureSheet = (fg, soft, bg, line) => `
text { font: 12px system-ui, sans-serif; fill: ${fg}; } text.msan-small { font-size: 11px; fill: ${soft}; } text.msan-title { font-size: 14px; font-weight: 600; }
.msan-ground { fill: ${bg}; } .msan-axis { stroke: ${line}; fill: none; } .msan-p { stroke: ${fg}; stroke-opacity: .55; stroke-width: .6; fill-opacity: .85; }
.msan-p.msan-hollow { fill: ${bg}; fill-opacity: .35; stroke-opacity: 1; stroke-width: 1.8; } .msan-p.msan-dim { opacity: .3; }
.msan-p.msan-on { stroke: ${fg}; stroke-opacity: 1; stroke-width: 2; } .msan-p.msan-hollow.msan-on { stroke-width: 3.4; fill: ${fg}; fill-opacity: .25; } .msan-p.msan-off { display: none; } .msan-ring { fill: none; stroke: ${fg}; stroke-width: 2; }
.msan-lasso { fill: ${fg}; fill-opacity: .08; stroke: ${fg}; stroke-dasharray: 4 3; } .msan-curve { fill: none; stroke-width: 1.8; }`;

  let made = 0;

  // ---- the view -------------------------------------------------------------------------------------------------
  function render({ model, el }) {
    const hidden = new Set(), uid = `msan-point-${++made}`;
    let data, places, drawn = [], active = -1, path = null;

    const root = htmlOf("div", { class: "msan-scatter", "data-lm-suppress-shortcuts": "true" });
    const title = htmlOf("strong", {}), legend = htmlOf("div", { class: "msan-bar", role: "group", "aria-label": "Legend: press a name to hide or show its points" });
    const svg = svgOf("svg", { class: "msan-plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, tabindex: 0, role: "listbox", "aria-multiselectable": "true" });
    const tip = htmlOf("div", { class: "msan-tip" }), live = htmlOf("div", { class: "msan-hidden", role: "status", "aria-live": "polite" });
    const count = htmlOf("span", { class: "msan-count" }), chips = htmlOf("ul", { class: "msan-chips", "aria-label": "Selected images" });
    const empty = htmlOf("div", { class: "msan-message", role: "status" }), note = htmlOf("p", { class: "msan-note" });
    const button = (text, what, act) => { const b = htmlOf("button", { type: "button", title: what }, text); b.addEventListener("click", act); return b; };
    const bar = htmlOf("div", { class: "msan-bar" }, button("clear selection", "Forget which points are selected (Escape)", () => select([])),
      button("save as SVG", "Save this figure, with legend and note", saveSvg), button("save as PNG", "Save this figure as a picture", savePng), button("save as CSV", "Save the points as a table", saveCsv), count);
    const hint = htmlOf("div", { class: "msan-soft" }, "Drag around points to select them (Shift adds), or click one. Arrow keys walk through the points, Enter selects, Escape clears.");
    root.append(htmlOf("style", {}, sheet), title, legend, empty, svg, bar, hint, chips, note, tip, live);
    el.append(root);

    // what is shown, and where
    const points = () => data.points || [];
    const visible = i => places[i] !== null && !(data.legend || []).some(item => hidden.has(item.name) && belongs(points()[i], item));
    const selected = () => (model.get("selected") || []).filter(i => Number.isInteger(i) && i >= 0 && i < points().length);
    const thumbOf = p => { const t = typeof p.thumb === "number" ? (data.thumbs || [])[p.thumb] : p.thumb; return typeof t === "string" && t.startsWith("data:image/") ? t : ""; };
    const wordsOf = p => [[p.domain, p.row].filter(Boolean).join(", "), p.group ? `group ${p.group}` : "", known(p.dice) ? `${data.dice_name || "Dice"} ${p.dice.toFixed(2)}` : "", ...(p.words || [])].filter(Boolean);

    function whole() { // the parts in one, as `joined` of inspectors/embeddings.py joins them
      const still = model.get("data") || {}, moving = model.get("moving");
      if (!moving) return still;
      const columns = Object.entries(moving.columns);
      return { ...still, ...moving.around, thumbs: model.get("thumbs"), points: still.points.map((p, i) => columns.reduce((q, [name, values]) => { q[name] = values[i]; return q; }, { ...p, ...moving.looks[moving.look[i]] })) };
    }

    function frame() { // data coordinates → figure coordinates
      const strip = data.marginal === false ? 0 : STRIP, box = { x0: 58, y0: 10 + strip, x1: WIDTH - 12 - strip, y1: HEIGHT - 46 };
      const good = points().filter(p => known(p.x) && known(p.y)), span = axis => { const v = good.map(p => p[axis]); return [Math.min(...v), Math.max(...v)]; };
      let [[xl, xh], [yl, yh]] = data.bounds ? [[data.bounds[0], data.bounds[2]], [data.bounds[1], data.bounds[3]]] : [span("x"), span("y")], w = box.x1 - box.x0, h = box.y1 - box.y0;
      let kx = (w * .94) / (xh - xl || 1), ky = (h * .94) / (yh - yl || 1);
      if (data.equal !== false) kx = ky = Math.min(xh > xl ? kx : Infinity, yh > yl ? ky : Infinity, 1e12);
      const cx = (xl + xh) / 2, cy = (yl + yh) / 2, mx = (box.x0 + box.x1) / 2, my = (box.y0 + box.y1) / 2;
      return { ...box, strip, X: x => mx + (x - cx) * kx, Y: y => my - (y - cy) * ky, xs: [cx - w / 2 / kx, cx + w / 2 / kx], ys: [cy - h / 2 / ky, cy + h / 2 / ky] };
    }

    function drawAxes(f) {
      const g = svgOf("g", { "aria-hidden": "true" }, svgOf("path", { class: "msan-axis", d: `M${f.x0},${f.y0}V${f.y1}H${f.x1}` })), names = data.axes || ["", ""];
      if (data.ticks !== false) {
        for (const t of ticksOf(...f.xs)) g.append(svgOf("path", { class: "msan-axis", d: `M${f.X(t)},${f.y1}v4` }), svgOf("text", { class: "msan-small", x: f.X(t), y: f.y1 + 16, "text-anchor": "middle" }, short(t)));
        for (const t of ticksOf(...f.ys)) g.append(svgOf("path", { class: "msan-axis", d: `M${f.x0},${f.Y(t)}h-4` }), svgOf("text", { class: "msan-small", x: f.x0 - 7, y: f.Y(t) + 4, "text-anchor": "end" }, short(t)));
      }
      const [mx, my] = [(f.x0 + f.x1) / 2, (f.y0 + f.y1) / 2];
      g.append(svgOf("text", { x: mx, y: HEIGHT - 10, "text-anchor": "middle" }, names[0] || ""), svgOf("text", { x: 14, y: my, "text-anchor": "middle", transform: `rotate(-90 14 ${my})` }, names[1] || ""));
      return g;
    }

    function drawDensities(f) { // each curve has area one; dashed = hollow; its marker stands on its peak, so that colour is never alone
      const g = svgOf("g", { class: "msan-densities", "aria-hidden": "true" });
      if (!f.strip) return g;
      const sets = new Map();
      points().forEach((p, i) => { if (visible(i)) sets.has(keyOf(p)) ? sets.get(keyOf(p)).push(p) : sets.set(keyOf(p), [p]); });
      for (const [axis, range] of [["x", f.xs], ["y", f.ys]]) {
        const curves = [...sets.values()].map(s => [s, density(s.map(p => p[axis]), ...range)]).filter(([, c]) => c), top = Math.max(...curves.flatMap(([, c]) => c.map(([, d]) => d)));
        for (const [s, c] of curves) {
          const p = s[0];
          const place = ([at, v]) => (axis === "x" ? [f.X(at), f.y0 - 4 - (v / top) * (STRIP - 10)] : [f.x1 + 4 + (v / top) * (STRIP - 10), f.Y(at)]).map(z => z.toFixed(1)).join(",");
          const best = c.reduce((a, b) => (b[1] > a[1] ? b : a)), peak = best[1] > 0 ? best : [s.reduce((sum, q) => sum + q[axis], 0) / s.length, 0]; // a needle between two places of the curve
          g.append(svgOf("path", { class: "msan-curve", d: "M" + c.map(place).join("L"), stroke: p.colour, "stroke-dasharray": p.hollow ? "5 3" : null }),
            svgOf("path", { class: "msan-peak", d: shape(p.marker, 4), transform: `translate(${place(peak)})`, fill: p.hollow ? "none" : p.colour, stroke: p.colour, "stroke-width": 1.4, "data-marker": p.marker }));
        }
      }
      return g;
    }

    function drawPoints(f) {
      places = points().map(p => (known(p.x) && known(p.y) ? [f.X(p.x), f.Y(p.y)] : null));
      const g = svgOf("g", { class: "msan-points", role: "presentation" });
      points().forEach((p, i) => g.append(svgOf("path", { class: "msan-p", d: places[i] ? shape(p.marker, 4.6) : "", transform: places[i] ? `translate(${places[i][0].toFixed(2)} ${places[i][1].toFixed(2)})` : null,
        fill: p.hollow ? null : p.colour, style: p.hollow ? `stroke:${String(p.colour).replace(/[;"]/g, "")}` : null, id: `${uid}-${i}`, role: "option", "aria-label": [p.label, ...wordsOf(p)].join("; "), "data-index": i })));
      return g;
    }

    function draw() { // everything, from new data
      drawn = [model.get("data"), model.get("moving")]; data = whole();
      const found = points().some(p => known(p.x) && known(p.y)), lost = points().filter(p => !known(p.x) || !known(p.y)).length;
      const left = lost ? ` ${plural(lost, "point")} without a place left out.` : "";
      title.textContent = data.title || ""; note.textContent = (data.note || "") + left;
      empty.textContent = data.message || "Nothing to show yet: choose at least one domain and one model.";
      empty.style.display = found ? "none" : ""; svg.style.display = bar.style.display = hint.style.display = legend.style.display = found ? "" : "none";
      svg.replaceChildren(); chips.replaceChildren(); places = [];
      hover(-1);
      if (!found) return;
      const f = frame(), style = svgOf("style", {}, figureSheet("var(--msan-fg)", "var(--msan-soft)", "var(--msan-bg)", "var(--msan-line)").replaceAll("text", ".msan-plot text")); // a style sheet in an SVG holds for the whole page
      svg.append(style, svgOf("rect", { class: "msan-ground", width: WIDTH, height: HEIGHT }), drawAxes(f), drawPoints(f), svgOf("g", {}), svgOf("path", { class: "msan-lasso", d: "" }), svgOf("path", { class: "msan-ring", d: "" }));
      svg.setAttribute("aria-label", `${data.title || "Scatter plot"}: ${plural(points().length - lost, "point")}. ${(data.axes || []).join(" and ")}`);
      drawLegend(); paint();
    }

    function drawLegend() {
      legend.replaceChildren(...(data.legend || []).map(item => {
        const swatch = svgOf("svg", { width: 14, height: 14, viewBox: "-7 -7 14 14", "aria-hidden": "true" }, item.field && !item.colour
          ? svgOf("path", { d: shape("o", 4.5), fill: item.hollow ? "none" : "currentColor", stroke: "currentColor", "stroke-width": 1.6 })
          : svgOf("path", { d: shape(item.marker, 5), fill: item.hollow ? "none" : item.colour, stroke: item.hollow ? item.colour : "currentColor", "stroke-width": item.hollow ? 1.8 : .5 }));
        const b = htmlOf("button", { type: "button", "aria-pressed": String(!hidden.has(item.name)), title: `Hide or show ${item.name}` }, swatch, item.name);
        b.addEventListener("click", () => { hidden.has(item.name) ? hidden.delete(item.name) : hidden.add(item.name); b.setAttribute("aria-pressed", String(!hidden.has(item.name))); paint(); });
        return b;
      }));
    }

    function paint(densities = true) { // only what selection and legend change; the densities are of what is shown, selected or not
      const on = new Set(selected()), marks = svg.querySelectorAll(".msan-p");
      marks.forEach((e, i) => {
        const p = points()[i];
        e.setAttribute("class", `msan-p${p.hollow ? " msan-hollow" : ""}${!visible(i) ? " msan-off" : ""}${on.has(i) ? " msan-on" : on.size ? " msan-dim" : ""}`);
        e.setAttribute("aria-selected", String(on.has(i)));
      });
      if (marks.length && densities) svg.children[4].replaceWith(drawDensities(frame()));
      if (active >= 0 && !visible(active)) hover(-1);
      const shown = points().filter((_, i) => visible(i)).length;
      count.textContent = `${plural(shown, "point")}${on.size ? `, ${on.size} selected` : ""}`;
      drawChips([...on]);
    }

    function drawChips(on) { // the selected images, lowest Dice first
      const images = new Map();
      for (const i of on) { const p = points()[i], k = JSON.stringify([p.domain, p.label]); images.set(k, [...(images.get(k) || []), p]); }
      const lowest = ps => Math.min(...ps.map(p => (known(p.dice) ? p.dice : 2))), list = [...images.values()].sort((a, b) => lowest(a) - lowest(b));
      chips.replaceChildren(...list.slice(0, CHIPS).map(ps => {
        const p = ps[0], src = thumbOf(p), d = ps.map(q => q.dice).filter(known);
        const range = !d.length ? "" : Math.max(...d) - Math.min(...d) < .005 ? d[0].toFixed(2) : `${Math.min(...d).toFixed(2)}–${Math.max(...d).toFixed(2)}`;
        return htmlOf("li", {}, src ? htmlOf("img", { src, alt: "" }) : null, htmlOf("div", {}, p.label), htmlOf("div", { class: "msan-soft" }, `${p.domain || ""}, ${plural(ps.length, "point")}${range ? `, ${data.dice_name || "Dice"} ${range}` : ""}`));
      }), ...(list.length > CHIPS ? [htmlOf("li", {}, `and ${plural(list.length - CHIPS, "more image")}: save as CSV`)] : []));
    }

    // hover and tooltip
    function hover(i) {
      const ring = svg.querySelector(".msan-ring"), changed = i !== active;
      active = i;
      if (ring) { ring.setAttribute("d", i < 0 ? "" : shape("o", 9)); if (i >= 0) ring.setAttribute("transform", `translate(${places[i][0]} ${places[i][1]})`); }
      if (i < 0) { svg.removeAttribute("aria-activedescendant"); tip.style.display = "none"; }
      else { svg.setAttribute("aria-activedescendant", `${uid}-${i}`); showTip(i); }
      if (changed && model.get("hovered") !== i) { model.set("hovered", i); model.save_changes(); }
    }
    function showTip(i) {
      const p = points()[i], src = thumbOf(p);
      tip.replaceChildren(...(src ? [htmlOf("img", { src, alt: "" })] : []), htmlOf("div", {}, htmlOf("strong", {}, p.label || ""), ...wordsOf(p).map(w => htmlOf("div", {}, w))));
      tip.style.display = "flex";
      const k = svg.clientWidth / WIDTH || 1, x = svg.offsetLeft + root.clientLeft + places[i][0] * k, y = svgTop() + places[i][1] * k;
      tip.style.left = `${Math.max(0, x + 14 + tip.offsetWidth > root.clientWidth ? x - 14 - tip.offsetWidth : x + 14)}px`;
      tip.style.top = `${Math.max(0, y - tip.offsetHeight - 8)}px`;
    }
    const svgTop = () => svg.getBoundingClientRect().top - root.getBoundingClientRect().top;
    const nearest = ([x, y]) => {
      let best = -1, least = REACH ** 2;
      places.forEach((q, i) => { if (!q) return; const d = (q[0] - x) ** 2 + (q[1] - y) ** 2; if (d < least && visible(i)) { least = d; best = i; } });
      return best;
    };

    // selection
    function select(list) { model.set("selected", [...new Set(list)].sort((a, b) => a - b)); model.save_changes(); live.textContent = `${plural(selected().length, "point")} selected`; }
    const toggle = i => { const on = new Set(selected()); on.has(i) ? on.delete(i) : on.add(i); select([...on]); };
    const where = e => { const q = new DOMPoint(e.clientX, e.clientY).matrixTransform(svg.getScreenCTM().inverse()); return [q.x, q.y]; };
    const drawPath = () => svg.querySelector(".msan-lasso").setAttribute("d", path && path.length > 1 ? "M" + path.map(q => q.map(z => z.toFixed(1)).join(",")).join("L") + "Z" : "");
    svg.addEventListener("pointerdown", e => { if (e.button) return; path = [where(e)]; svg.setPointerCapture(e.pointerId); });
    svg.addEventListener("pointermove", e => {
      const q = where(e);
      if (!path) return hover(nearest(q));
      if (Math.hypot(q[0] - path.at(-1)[0], q[1] - path.at(-1)[1]) > 2) { path.push(q); drawPath(); }
    });
    svg.addEventListener("pointerup", e => {
      if (!path) return;
      const done = path, far = done.some(q => Math.hypot(q[0] - done[0][0], q[1] - done[0][1]) > 5), i = nearest(done[0]);
      path = null; drawPath();
      if (far) select([...(e.shiftKey ? selected() : []), ...places.flatMap((q, j) => (q && visible(j) && inside(q, done) ? [j] : []))]);
      else if (i >= 0) toggle(i);
      else if (!e.shiftKey) select([]);
    });
    svg.addEventListener("pointercancel", () => { path = null; drawPath(); });
    svg.addEventListener("pointerleave", () => { if (!path && !svg.matches(":focus-visible")) hover(-1); });
    svg.addEventListener("blur", () => hover(-1));

    // keyboard: left and right walk in the order of x, up and down in the order of y
    function walk(axis, step, end) {
      const order = places.map((_, i) => i).filter(visible).sort((a, b) => (axis ? places[b][1] - places[a][1] : places[a][0] - places[b][0]) || a - b);
      if (!order.length) return;
      const at = order.indexOf(active), to = end ? (step < 0 ? 0 : order.length - 1) : at < 0 ? (step > 0 ? 0 : order.length - 1) : Math.min(order.length - 1, Math.max(0, at + step));
      hover(order[to]);
      live.textContent = svg.querySelector(`[data-index="${order[to]}"]`).getAttribute("aria-label");
    }
    const keys = { ArrowRight: () => walk(0, 1), ArrowLeft: () => walk(0, -1), ArrowUp: () => walk(1, 1), ArrowDown: () => walk(1, -1), Home: () => walk(0, -1, true), End: () => walk(0, 1, true),
      Enter: () => active >= 0 && toggle(active), " ": () => active >= 0 && toggle(active), Escape: () => { select([]); hover(-1); } };
    svg.addEventListener("keydown", e => { if (keys[e.key] && !e.ctrlKey && !e.metaKey && !e.altKey) { e.preventDefault(); e.stopPropagation(); keys[e.key](); } });
    svg.addEventListener("focus", () => { if (svg.matches(":focus-visible") && active < 0) walk(0, 1); });

    // saving: the figure with its legend and its note, in colours that need no style sheet of the page
    function standing() {
      const look = getComputedStyle(root), of = name => { const probe = htmlOf("span", { style: `color: var(${name})` }); root.append(probe); const c = getComputedStyle(probe).color; probe.remove(); return c; };
      const copy = svg.cloneNode(true), bg = look.backgroundColor, lines = wrapped(note.textContent, 118), g = svgOf("g", { transform: `translate(0 ${HEIGHT})` });
      copy.querySelector("style").textContent = figureSheet(of("--msan-fg"), of("--msan-soft"), bg, of("--msan-line"));
      copy.querySelectorAll(".msan-off, .msan-lasso, .msan-ring").forEach(e => e.remove());
      let x = 20, y = 14;
      for (const item of (data.legend || []).filter(i => !hidden.has(i.name))) {
        if (x + 30 + 7 * item.name.length > WIDTH) { x = 20; y += 18; }
        g.append(svgOf("path", { class: `msan-p${item.hollow ? " msan-hollow" : ""}`, d: shape(item.marker || "o", 5), fill: item.colour || of("--msan-fg"), style: item.hollow && item.colour ? `stroke:${item.colour}` : null, transform: `translate(${x} ${y - 4})` }), svgOf("text", { x: x + 10, y }, item.name));
        x += 34 + 7 * item.name.length;
      }
      lines.forEach((line, i) => g.append(svgOf("text", { class: "msan-small", x: 14, y: y + 24 + 15 * i }, line)));
      const head = data.title ? 26 : 0, height = HEIGHT + y + 34 + 15 * lines.length;
      copy.querySelector(".msan-ground").setAttribute("y", -head); copy.querySelector(".msan-ground").setAttribute("height", height + head);
      if (head) copy.append(svgOf("text", { class: "msan-title", x: 14, y: -8 }, data.title));
      copy.append(g);
      for (const [k, v] of Object.entries({ xmlns: NS, width: WIDTH, height: height + head, viewBox: `0 ${-head} ${WIDTH} ${height + head}` })) copy.setAttribute(k, v);
      for (const k of ["tabindex", "role", "class", "aria-multiselectable", "aria-activedescendant", "style"]) copy.removeAttribute(k);
      return { text: new XMLSerializer().serializeToString(copy), width: WIDTH, height: height + head };
    }
    function saveSvg() { download(new Blob([standing().text], { type: "image/svg+xml" }), "embedding.svg"); }
    function savePng() {
      const { text, width, height } = standing(), image = new Image(), canvas = htmlOf("canvas", { width: 2 * width, height: 2 * height });
      image.onload = () => { canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height); canvas.toBlob(b => download(b, "embedding.png"), "image/png"); };
      image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
    }
    function saveCsv() {
      const cell = v => { const s = v === null || v === undefined ? "" : String(v); return /[",\n]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s; }, on = new Set(selected());
      const names = ["index", "domain", "row", "label", "group", "dice", "x", "y", "selected"];
      const rows = points().map((p, i) => [i, p.domain, p.row, p.label, p.group, p.dice, p.x, p.y, on.has(i) ? 1 : 0].map(cell).join(","));
      download(new Blob([[names.join(","), ...rows].join("\n") + "\n"], { type: "text/csv" }), "embedding.csv");
    }

    const redraw = () => { if (drawn[0] !== model.get("data") || drawn[1] !== model.get("moving")) draw(); }; // of two parts that came together, the first draws both
    model.on("change:data", redraw); model.on("change:moving", redraw);
    model.on("change:selected", () => paint(false));
    model.on("change:hovered", () => { const i = model.get("hovered"); if (i !== active && (i === -1 || (places[i] && visible(i)))) hover(i); });
    draw();
  }
  return { render };
})();
export default msanScatter;
