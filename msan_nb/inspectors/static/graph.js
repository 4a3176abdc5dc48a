// Two graphs in the same layout, side by side, and their matrices: the teacher's edges and the student's.
//
// data = {
//   nodes:  [{ id, label, short?, toward? ([dx, dy]: where `short` stands, below by default), x, y (0 to 1), size? (1 = as usual), thumb?, words?, big?: [{ src, label }] }],
//   panels: [{ name, edges: [{ a, b (ids), value, width (share of the loss, 0 to 1), colour, words? }] }], the same edges in the same order in all panels
//   heat:   [{ name, matrix (rows of numbers or null), scale?: { min, max }, rows?: [labels], columns?: [labels] }],
//   scale:  { min, max } of the values, caption, title?, note?, code?, live? (a kernel answers clicks), legend?: { more, less } }
// traits: clicked (id or ""), selected (ids, optional), card ({ id, title, words, big }, optional: the kernel's answer to a click)

const NS = "http://www.w3.org/2000/svg";
const SIDE = 400, GAP = 16, HEAT = 118, BAR = 66, TOP = 26, FOOT = 54;
const RAMP = [[0, 114, 178], [160, 160, 160], [213, 94, 0]]; // less, equal, more: blue, grey, vermilion

const STYLE = `
.msan-graph { position: relative; color: var(--jp-ui-font-color1, #222); font: 12px var(--jp-ui-font-family, system-ui, sans-serif); max-width: 1040px; }
.msan-graph svg { width: 100%; height: auto; display: block; }
.msan-graph .msan-node { cursor: pointer; outline: none; }
.msan-graph .msan-node .msan-frame { stroke: currentColor; stroke-opacity: .45; }
.msan-graph .msan-node:hover .msan-frame, .msan-graph .msan-node:focus .msan-frame { stroke-opacity: 1; stroke-width: 3; }
.msan-graph .msan-node.msan-chosen .msan-frame { stroke: #E69F00; stroke-opacity: 1; stroke-width: 4; }
.msan-graph .msan-faded { opacity: .12; }
.msan-graph .msan-tip { position: absolute; pointer-events: none; z-index: 5; max-width: 280px; padding: 6px 8px; border: 1px solid currentColor; border-radius: 4px;
  background: var(--jp-layout-color0, #fff); white-space: pre-line; }
.msan-graph .msan-tip img { display: block; margin-bottom: 4px; image-rendering: pixelated; }
.msan-graph .msan-card { border: 1px solid currentColor; border-radius: 4px; padding: 8px; margin-top: 6px; background: var(--jp-layout-color0, #fff); }
.msan-graph .msan-card p { margin: 2px 0 6px; white-space: pre-line; }
.msan-graph .msan-pictures { display: flex; flex-wrap: wrap; gap: 8px; }
.msan-graph figure { margin: 0; } .msan-graph figcaption { max-width: 130px; font-size: 11px; }
.msan-graph figure img { width: 128px; image-rendering: pixelated; display: block; }
.msan-graph .msan-note { margin: 4px 0; }
.msan-graph button { font: inherit; color: inherit; background: var(--jp-layout-color2, #eee); border: 1px solid currentColor; border-radius: 3px; padding: 2px 8px; margin-right: 4px; cursor: pointer; }
@media (prefers-color-scheme: dark) {
  .msan-graph { color: var(--jp-ui-font-color1, #ddd); }
  .msan-graph .msan-tip, .msan-graph .msan-card { background: var(--jp-layout-color0, #181818); }
  .msan-graph button { background: var(--jp-layout-color2, #333); }
}`;

function svg(tag, attributes, parent, text) {
  const e = document.createElementNS(NS, tag);
  for (const [k, v] of Object.entries(attributes || {})) e.setAttribute(k, v);
  if (text !== undefined) e.textContent = text;
  if (parent) parent.appendChild(e);
  return e;
}

function html(tag, properties, parent, text) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(properties || {})) if (k in e) e[k] = v; else e.setAttribute(k, v);
  if (text !== undefined) e.textContent = text;
  if (parent) parent.appendChild(e);
  return e;
}

const number = v => v === null || v === undefined ? "–" : (Math.abs(v) < 0.0005 ? 0 : v).toFixed(Math.abs(v) < 0.1 ? 3 : 2).replace("-", "−");

// A colour between blue (min), grey (the middle) and vermilion (max); from grey where nothing is negative; faint where there is nothing.
function ramp(value, min, max) {
  if (value === null || value === undefined) return [128, 128, 128, 40];
  const part = Math.max(0, Math.min(1, (value - min) / ((max - min) || 1))), t = min < 0 ? 2 * part : 1 + part, i = t < 1 ? 0 : 1;
  return RAMP[i].map((c, k) => Math.round(c + (RAMP[i + 1][k] - c) * (t - i))).concat(255);
}

// A matrix as a picture, one pixel per cell.
function picture(matrix, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = matrix[0].length; canvas.height = matrix.length;
  const context = canvas.getContext("2d"), image = context.createImageData(canvas.width, canvas.height);
  matrix.flat().forEach((v, i) => image.data.set(ramp(v, scale.min, scale.max), 4 * i));
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

function away(px, py, [x1, y1, x2, y2]) { // distance of a point from a line between two points
  const dx = x2 - x1, dy = y2 - y1, t = Math.max(0, Math.min(1, ((px - x1) * dx + (py - y1) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(px - x1 - t * dx, py - y1 - t * dy);
}

function save(content, name) {
  const link = html("a", { href: URL.createObjectURL(content), download: name }, document.body);
  link.click(); link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 5000);
}

function copy(text, button) {
  const done = () => { button.textContent = "copied"; setTimeout(() => { button.textContent = "copy the code"; }, 1500); };
  const by_hand = () => { const t = html("textarea", { value: text }, document.body); t.select(); document.execCommand("copy"); t.remove(); done(); };
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, by_hand); else by_hand();
}

function render({ model, el }) {
  const root = html("div", { className: "msan-graph", "data-lm-suppress-shortcuts": "true" }, el);
  html("style", {}, root, STYLE);
  const stage = html("div", { style: "position:relative" }, root);
  const tip = html("div", { className: "msan-tip", hidden: true, role: "tooltip" }, root);
  const note = html("div", { className: "msan-note", role: "status" }, root);
  const tools = html("div", {}, root);
  const card = html("div", { className: "msan-card", hidden: true, role: "region", "aria-label": "the chosen image", "aria-live": "polite" }, root);
  const state = { focus: 0, panel: 0, open: "", lines: [], page: null };
  const data = () => model.get("data") || {};
  const nodes = () => data().nodes || [];
  const node = id => nodes().find(n => n.id === id);

  function show_tip(text, thumb, x, y) {
    tip.replaceChildren();
    if (thumb) html("img", { src: thumb, alt: "", width: 72 }, tip);
    html("span", {}, tip, text);
    tip.hidden = false;
    tip.style.left = Math.max(0, Math.min(x + 14, root.clientWidth - tip.offsetWidth - 4)) + "px";
    tip.style.top = y + 14 + "px";
  }
  const hide_tip = () => { tip.hidden = true; };

  function chosen(id) { return id === state.open || (model.get("selected") || []).includes(id); }
  function mark() { for (const g of stage.querySelectorAll(".msan-node")) { g.classList.toggle("msan-chosen", chosen(g.dataset.id)); g.setAttribute("aria-pressed", chosen(g.dataset.id)); } }

  function fade(id) { // only the edges of one node stay; "" shows all
    for (const l of state.lines) l.line.classList.toggle("msan-faded", !!id && l.edge.a !== id && l.edge.b !== id);
  }

  function open(id, tell = true) {
    state.open = id;
    mark(); draw_card();
    if (tell) { model.set("clicked", id); model.save_changes(); }
  }

  function draw_card() {
    const n = node(state.open), answer = model.get("card") || {};
    card.replaceChildren();
    card.hidden = !n;
    if (!n) return;
    const found = answer.id === n.id ? answer : n.big ? n : null;
    const close = html("button", { type: "button", style: "float:right", "aria-label": "close the card" }, card, "close");
    close.onclick = () => { open(""); };
    html("strong", {}, card, (found && found.title) || n.label);
    html("p", {}, card, found ? found.words || n.words || "" : data().live ? "computing the predictions …" : n.words || "");
    const pictures = html("div", { className: "msan-pictures" }, card);
    for (const p of found && found.big ? found.big : n.thumb ? [{ src: n.thumb, label: "" }] : []) {
      const f = html("figure", {}, pictures);
      html("img", { src: p.src || p, alt: p.label || "" }, f);
      html("figcaption", {}, f, p.label || "");
    }
  }

  function keys(event, panel, i) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step) focus(panel, (i + step + nodes().length) % nodes().length);
    else if (event.key === "Home") focus(panel, 0);
    else if (event.key === "End") focus(panel, nodes().length - 1);
    else if (event.key === "Enter" || event.key === " ") open(nodes()[i].id);
    else if (event.key === "Escape") { hide_tip(); fade(""); open(""); }
    else return;
    event.preventDefault(); event.stopPropagation();
  }

  function focus(panel, i) {
    const g = stage.querySelector(`.msan-node[data-panel="${panel}"][data-i="${i}"]`);
    if (!g) return;
    for (const other of stage.querySelectorAll(`.msan-node[data-panel="${panel}"]`)) other.setAttribute("tabindex", other === g ? 0 : -1);
    state.focus = i; state.panel = panel;
    g.focus();
  }

  function at(event) { const r = root.getBoundingClientRect(); return [event.clientX - r.left, event.clientY - r.top]; }

  function neighbours(n, p, places) { // what stands on a node's edges, the five with the largest share of the loss first
    const own = p.edges.filter(e => e.a === n.id || e.b === n.id).sort((a, b) => b.width - a.width).slice(0, 5);
    return own.length ? [`${p.name}, ${data().values || "value"} to:`, ...own.map(e => `${places[e.a === n.id ? e.b : e.a].label}: ${number(e.value)} (${(100 * e.width).toFixed(1)} % of the loss)`)] : [];
  }

  function draw_node(parent, n, i, panel, left, side, beside) {
    const size = side * (n.size || 1), x = left + n.x * SIDE, y = TOP + n.y * SIDE;
    const g = svg("g", { class: "msan-node", role: "button", tabindex: i === state.focus ? 0 : -1, "data-id": n.id, "data-i": i, "data-panel": panel, "aria-label": [n.label, n.words, beside.length ? `${beside[0]} ${beside.slice(1).join("; ")}` : ""].filter(Boolean).join(". ") }, parent);
    if (n.thumb) svg("image", { href: n.thumb, x: x - size / 2, y: y - size / 2, width: size, height: size }, g);
    svg("rect", { class: "msan-frame", x: x - size / 2, y: y - size / 2, width: size, height: size, fill: n.thumb ? "none" : "#808080", stroke: "currentColor", "stroke-width": 1.5 }, g);
    const [dx, dy] = n.toward || [0, 1];
    if (n.short) svg("text", { x: x + dx * (size / 2 + 9), y: y + dy * (size / 2 + 6) + 3, "text-anchor": "middle", "font-size": 10, fill: "currentColor" }, g, n.short);
    const about = () => [n.label, n.words, ...beside].filter(Boolean).join("\n");
    g.addEventListener("pointerenter", e => { fade(n.id); show_tip(about(), n.thumb, ...at(e)); });
    g.addEventListener("pointerleave", () => { fade(""); hide_tip(); });
    g.addEventListener("focus", () => { const a = g.getBoundingClientRect(), r = root.getBoundingClientRect(); state.focus = i; state.panel = panel; fade(n.id); show_tip(about(), n.thumb, a.right - r.left - 8, a.bottom - r.top - 8); });
    g.addEventListener("blur", () => { fade(""); hide_tip(); });
    g.addEventListener("click", () => { state.focus = i; open(n.id); });
    g.addEventListener("keydown", e => keys(e, panel, i));
  }

  function draw_panel(page, p, k, side) {
    const left = k * (SIDE + GAP), d = data(), most = Math.max(1e-12, ...p.edges.map(e => e.width)), places = Object.fromEntries(nodes().map(n => [n.id, n]));
    svg("text", { x: left + SIDE / 2, y: 15, "text-anchor": "middle", "font-size": 14, "font-weight": "bold", fill: "currentColor" }, page, p.name);
    const group = svg("g", { role: "group", "aria-label": `graph of ${p.name}: ${nodes().length} nodes, ${p.edges.length} edges` }, page);
    const limit = Math.max(Math.abs(d.scale.min), Math.abs(d.scale.max)) || 1;
    const about = p.edges.map((e, i) => e.words || `${places[e.a].label} – ${places[e.b].label}\n${d.values || "value"}: ${d.panels.map(other => `${other.name} ${number(other.edges[i].value)}`).join(" · ")}\nshare of the loss: ${(100 * e.width).toFixed(1)} %`);
    for (const [i, e] of [...p.edges.entries()].sort((a, b) => a[1].width - b[1].width)) {
      const a = places[e.a], b = places[e.b];
      const ends = [left + a.x * SIDE, TOP + a.y * SIDE, left + b.x * SIDE, TOP + b.y * SIDE];
      const line = svg("line", { x1: ends[0], y1: ends[1], x2: ends[2], y2: ends[3], stroke: e.colour, "stroke-width": 0.8 + 8.2 * e.width / most, "stroke-opacity": 0.15 + 0.85 * Math.min(1, Math.abs(e.value) / limit), "stroke-linecap": "butt" }, group);
      if (e.value < 0) line.setAttribute("stroke-dasharray", "6 5");
      state.lines.push({ line, edge: e, words: about[i], ends });
    }
    nodes().forEach((n, i) => draw_node(group, n, i, k, left, side, neighbours(n, p, places)));
  }

  function draw_heat(page, h, k, left) {
    const y = TOP + k * (HEAT + 24), rows = h.matrix.length, columns = rows ? h.matrix[0].length : 0;
    svg("text", { x: left, y: y - 5, "font-size": 11, fill: "currentColor" }, page, h.name);
    if (!rows || !columns) return;
    const width = HEAT * Math.min(1, columns / rows < 0.34 ? 0.34 : columns / rows), scale = h.scale || data().scale;
    const image = svg("image", { href: picture(h.matrix, scale), x: left, y, width, height: HEAT, preserveAspectRatio: "none", style: "image-rendering:pixelated", role: "img", "aria-label": `matrix of ${h.name}, ${rows} by ${columns}, from ${number(scale.min)} to ${number(scale.max)}` }, page);
    svg("rect", { x: left, y, width, height: HEAT, fill: "none", stroke: "currentColor", "stroke-opacity": 0.4 }, page);
    image.addEventListener("pointermove", e => {
      const r = image.getBoundingClientRect(), i = Math.min(rows - 1, Math.max(0, Math.floor((e.clientY - r.top) / r.height * rows))), j = Math.min(columns - 1, Math.max(0, Math.floor((e.clientX - r.left) / r.width * columns)));
      show_tip(`${(h.rows || [])[i] || i + 1}\n${(h.columns || [])[j] || j + 1}\n${h.name}: ${number(h.matrix[i][j])}`, null, ...at(e));
    });
    image.addEventListener("pointerleave", hide_tip);
    const bar = svg("g", { "font-size": 9, fill: "currentColor" }, page), ramps = picture([[...Array(33).keys()].map(t => scale.min + (scale.max - scale.min) * t / 32)], scale);
    svg("image", { href: ramps, x: left + HEAT + 8, y: y + 4, width: BAR - 8, height: 7, preserveAspectRatio: "none" }, bar);
    svg("text", { x: left + HEAT + 8, y: y + 21 }, bar, number(scale.min));
    svg("text", { x: left + HEAT + BAR, y: y + 21, "text-anchor": "end" }, bar, number(scale.max));
  }

  function draw_legend(page, y, width) {
    const g = svg("g", { "font-size": 11, fill: "currentColor" }, page), l = data().legend || {};
    let x = 0;
    const item = (attributes, text) => {
      svg("line", { x1: x, x2: x + 30, y1: y - 4, y2: y - 4, stroke: "currentColor", "stroke-width": 2, ...attributes }, g);
      svg("text", { x: x + 35, y }, g, text);
      x += 45 + text.length * 6;
    };
    item({ stroke: "rgb(213,94,0)", "stroke-width": 3 }, l.more || "student: more alike than for the teacher");
    item({ stroke: "rgb(0,114,178)", "stroke-width": 3 }, l.less || "student: less alike");
    item({ "stroke-width": 8, "stroke-opacity": 0.6 }, "thick: large share of the loss");
    item({ "stroke-dasharray": "6 5" }, "dashed: negative");
    item({ "stroke-opacity": 0.25 }, "faint: near 0");
    if (data().caption) svg("text", { x: 0, y: y + 20, "font-size": 12, fill: "currentColor" }, page, data().caption);
  }

  function draw() {
    const d = data(), had = stage.contains(document.activeElement);
    state.lines = [];
    stage.replaceChildren();
    hide_tip();
    note.textContent = d.note || "";
    if (!d.panels || !d.panels.length || !nodes().length) { note.textContent = d.note || "there is no graph to show"; draw_card(); return; }
    state.focus = Math.min(state.focus, nodes().length - 1);
    const heats = (d.heat || []).slice(0, 3), graphs = d.panels.length * (SIDE + GAP), width = graphs + (heats.length ? HEAT + BAR : 0);
    const bottom = Math.max(TOP + SIDE, heats.length * (HEAT + 24)), page = svg("svg", { viewBox: `0 0 ${width} ${bottom + FOOT}`, "font-family": "system-ui, sans-serif", role: "group", "aria-label": `${d.title || "contrastive graphs"}; arrow keys walk through the nodes, Enter opens a card, Escape closes it` }, stage);
    const side = Math.max(18, Math.min(44, SIDE / Math.sqrt(nodes().length) / 2.6));
    d.panels.forEach((p, k) => draw_panel(page, p, k, side));
    heats.forEach((h, k) => draw_heat(page, h, k, graphs));
    draw_legend(page, bottom + 24, width);
    page.addEventListener("pointermove", e => {
      if (e.target.closest(".msan-node") || e.target.tagName === "image") return;
      const m = page.getScreenCTM(), x = (e.clientX - m.e) / m.a, y = (e.clientY - m.f) / m.d;
      const near = state.lines.map(l => [away(x, y, l.ends), l]).filter(([far]) => far < 6).sort((a, b) => a[0] - b[0] || b[1].edge.width - a[1].edge.width)[0];
      if (near) show_tip(near[1].words, null, ...at(e)); else hide_tip();
    });
    page.addEventListener("pointerleave", hide_tip);
    state.page = page;
    mark(); draw_card();
    if (had) focus(state.panel, state.focus);
  }

  function standalone() { // the picture as a file of its own: dark text on white
    const twin = state.page.cloneNode(true), [, , w, h] = twin.getAttribute("viewBox").split(" ").map(Number);
    twin.setAttribute("xmlns", NS); twin.setAttribute("width", w + 20); twin.setAttribute("height", h + 20); twin.setAttribute("viewBox", `-10 -10 ${w + 20} ${h + 20}`);
    twin.setAttribute("color", "#222");
    twin.insertBefore(svg("rect", { x: -10, y: -10, width: w + 20, height: h + 20, fill: "#fff" }), twin.firstChild);
    return [new XMLSerializer().serializeToString(twin), w + 20, h + 20];
  }

  function table() {
    const quote = v => /[",\n]/.test(String(v)) ? `"${String(v).replaceAll('"', '""')}"` : v, panels = data().panels, rows = [["a", "b", ...panels.map(p => p.name), "share of the loss"]];
    panels[0].edges.forEach((e, i) => rows.push([node(e.a).label, node(e.b).label, ...panels.map(p => p.edges[i].value), e.width]));
    return rows.map(r => r.map(quote).join(",")).join("\n") + "\n";
  }

  const button = (text, title, act) => { const b = html("button", { type: "button", title }, tools, text); b.onclick = () => act(b); return b; };
  button("save as SVG", "the two graphs and the matrices as a drawing", () => state.page && save(new Blob([standalone()[0]], { type: "image/svg+xml" }), "msan-graphs.svg"));
  button("save as PNG", "the same as a picture", () => {
    if (!state.page) return;
    const [text, w, h] = standalone(), image = new Image();
    image.onload = () => { const c = document.createElement("canvas"); c.width = 2 * w; c.height = 2 * h; c.getContext("2d").drawImage(image, 0, 0, c.width, c.height); c.toBlob(b => save(b, "msan-graphs.png")); };
    image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
  });
  button("save as CSV", "all edges as a table", () => state.page && save(new Blob([table()], { type: "text/csv" }), "msan-graphs.csv"));
  const code = button("copy the code", "the lines that make this figure", b => copy(data().code || "", b));

  const all = () => { code.hidden = !data().code; draw(); };
  const clicked = () => { const id = model.get("clicked") || ""; if (id !== state.open) open(id, false); };
  const handlers = [["change:data", all], ["change:clicked", clicked], ["change:selected", mark], ["change:card", draw_card]];
  for (const [name, act] of handlers) model.on(name, act);
  state.open = model.get("clicked") || "";
  all();
  return () => { for (const [name, act] of handlers) if (model.off) model.off(name, act); };
}

export default { render };
