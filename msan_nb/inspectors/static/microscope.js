// The microscope: one run, all of it linked. `scatter`, `graph` and `shim` are the modules beside this one, bound by the page or the widget that holds them all.
const SVG = "http://www.w3.org/2000/svg";
const STYLE = `
.msan-microscope { --ink: var(--jp-ui-font-color1, #1b1b1b); --soft-ink: var(--jp-ui-font-color2, #555); --paper: var(--jp-layout-color0, #fff); --card: var(--jp-layout-color1, #fff); --soft: var(--jp-layout-color2, #f1f3f5); --line: var(--jp-border-color1, #c9cdd2); --accent: var(--jp-brand-color1, #0063a0);
  color: var(--ink); background: var(--paper); font: 14px/1.45 system-ui, sans-serif; container-type: inline-size; text-align: left; }
@media (prefers-color-scheme: dark) { .msan-microscope { --ink: var(--jp-ui-font-color1, #e9e9e9); --soft-ink: var(--jp-ui-font-color2, #b4b8bd); --paper: var(--jp-layout-color0, #14161a); --card: var(--jp-layout-color1, #1b1e23); --soft: var(--jp-layout-color2, #272c33); --line: var(--jp-border-color1, #454c55); --accent: var(--jp-brand-color1, #6cb8f0); } }
.msan-microscope * { box-sizing: border-box; }
.msan-microscope h2 { font-size: 1.3rem; margin: 0 0 .1rem; } .msan-microscope h3 { font-size: 1rem; margin: 0 0 .35rem; } .msan-microscope p { margin: .2rem 0; }
.msan-microscope .msan-m-small { font-size: .86rem; color: var(--soft-ink); }
.msan-microscope :is(.msan-m-controls, [aria-pressed=true], [aria-selected=true], button:hover) { --soft-ink: var(--ink); } /* on a soft ground words need full ink */
.msan-microscope :focus-visible { outline: 3px solid var(--accent); outline-offset: 1px; }
.msan-microscope button, .msan-microscope select { font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: .35rem; padding: .15rem .5rem; cursor: pointer; }
.msan-microscope button:hover { background: var(--soft); }
.msan-m-answers, .msan-m-grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: .7rem; margin: .7rem 0; align-items: start; }
.msan-m-answers { align-items: stretch; } .msan-m-grid { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
@container (max-width: 60rem) { .msan-m-grid { grid-template-columns: minmax(0, 1fr); } }
.msan-microscope .msan-m-card { border: 1px solid var(--line); border-radius: .5rem; background: var(--card); padding: .6rem .75rem; min-width: 0; }
.msan-microscope .msan-m-big { font-size: 1.3rem; font-weight: 650; margin: 0; }
.msan-m-wide { grid-column: 1 / -1; }
.msan-m-controls { position: sticky; top: 0; z-index: 5; display: flex; flex-wrap: wrap; gap: .5rem 1.4rem; align-items: center; padding: .5rem .75rem; background: var(--soft); border: 1px solid var(--line); border-radius: .5rem; }
.msan-m-controls fieldset { border: 0; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .3rem; align-items: center; min-width: 0; } .msan-m-controls legend { float: left; margin-right: .5rem; padding: .2rem 0; font-weight: 600; }
.msan-m-chip { display: inline-flex; gap: .3rem; align-items: center; border: 1px solid var(--line); border-radius: 1rem; padding: .1rem .6rem; background: var(--card); cursor: pointer; }
.msan-m-chip:has(input:checked) { border: 2px solid var(--accent); padding: calc(.1rem - 1px) calc(.6rem - 1px); font-weight: 650; } .msan-m-chip input { margin: 0; accent-color: var(--accent); }
.msan-m-controls label.msan-m-slide { display: flex; gap: .5rem; align-items: center; } .msan-m-slide b { font-weight: 600; } .msan-m-slide output { min-width: 6.2rem; font-variant-numeric: tabular-nums; } .msan-m-slide input { width: 9rem; accent-color: var(--accent); }
.msan-m-on, .msan-m-off { padding: 0 .35rem; border-radius: .3rem; border: 1px solid var(--line); white-space: nowrap; } .msan-m-on { font-weight: 650; border-color: var(--ink); } .msan-m-off { color: var(--soft-ink); text-decoration: line-through; }
.msan-m-scroll { overflow: auto; max-width: 100%; } .msan-microscope table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; font-size: .9rem; color: var(--ink); }
.msan-microscope th, .msan-microscope td { padding: .2rem .45rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; background: none; } .msan-microscope th:first-child { text-align: left; position: sticky; left: 0; z-index: 1; background: var(--card); font-weight: 400; } .msan-microscope thead th { font-weight: 600; vertical-align: bottom; position: sticky; top: 0; z-index: 2; background: var(--card); } .msan-microscope thead th:first-child { z-index: 3; }
.msan-microscope tr[aria-selected=true] th:first-child, .msan-microscope tr[aria-selected=true] td { font-weight: 700; background: var(--soft); } .msan-microscope tbody tr { cursor: pointer; background: none; } .msan-microscope tbody tr:hover td { background: var(--soft); }
.msan-microscope th button { border: 0; background: none; padding: 0; font-weight: inherit; text-align: left; } .msan-m-table { max-height: 23rem; position: relative; }
.msan-microscope thead .msan-m-key { margin-right: 0; gap: .2rem; } .msan-microscope thead .msan-m-small { white-space: normal; } @container (max-width: 84rem) { .msan-microscope th, .msan-microscope td { padding: .2rem .28rem; } .msan-microscope table { font-size: .84rem; } }
.msan-m-worst { text-decoration: underline; text-decoration-thickness: 2px; text-underline-offset: 2px; }
.msan-m-gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.4rem, 1fr)); gap: .4rem; max-height: 27rem; overflow: auto; padding: 3px; margin-top: .4rem; }
.msan-microscope .msan-m-image { display: block; padding: .2rem; text-align: left; font-size: .82rem; line-height: 1.25; overflow: hidden; } .msan-m-image img { width: 100%; aspect-ratio: 1; object-fit: contain; background: #000; display: block; border-radius: .2rem; image-rendering: auto; } .msan-m-image span { display: block; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; } .msan-m-image b { font-variant-numeric: tabular-nums; }
.msan-microscope .msan-m-image[aria-pressed=true] { outline: 3px solid var(--accent); outline-offset: 0; background: var(--soft); }
.msan-m-blank { display: grid; place-items: center; aspect-ratio: 1; background: var(--soft); font-size: .75rem; border-radius: .2rem; }
.msan-m-strip { display: flex; gap: .6rem; flex-wrap: wrap; } .msan-m-strip figure { margin: 0; width: 10.5rem; } .msan-m-strip img { width: 100%; display: block; background: #000; border-radius: .25rem; } .msan-m-strip figcaption { font-size: .84rem; line-height: 1.3; }
.msan-m-tools { display: flex; gap: .3rem; flex-wrap: wrap; margin-top: .5rem; } .msan-microscope .msan-m-tools button { font-size: .8rem; padding: .05rem .45rem; }
.msan-m-bar { display: grid; grid-template-columns: minmax(0, 9.5rem) 1fr 3rem; gap: .4rem; align-items: center; font-variant-numeric: tabular-nums; } .msan-m-bar i { display: block; height: .7rem; background: repeating-linear-gradient(45deg, var(--tone) 0 6px, color-mix(in srgb, var(--tone) 75%, #fff) 6px 9px); border-radius: .15rem; } .msan-m-bar i.msan-m-seen { background: var(--tone); }
.msan-m-key { display: inline-flex; align-items: center; gap: .3rem; margin-right: .8rem; white-space: nowrap; } .msan-m-swatch { width: .85em; height: .85em; border: 1px solid #888; display: inline-block; }
.msan-m-status { min-height: 1.3em; } .msan-microscope .msan-m-picture text { fill: var(--ink); font-size: 12px; font-family: system-ui, sans-serif; } .msan-microscope .msan-scatter .msan-chips { display: none; } .msan-microscope .msan-scatter { padding: 0; background: none; } .msan-microscope .msan-m-picture { max-width: 100%; height: auto; display: block; }
.msan-microscope .msan-m-picture text.msan-m-fine { font-size: 11px; } .msan-microscope .msan-m-picture image { image-rendering: pixelated; }
.msan-microscope .msan-m-image-name[aria-pressed=true] { outline: 2px solid var(--accent); font-weight: 650; } .msan-m-names { display: flex; flex-wrap: wrap; gap: .3rem; align-items: center; margin: .3rem 0; } .msan-microscope .msan-m-names button { font-size: .84rem; }
.msan-m-say { padding: .6rem; border: 1px dashed var(--line); border-radius: .4rem; }
`;
const SHAPES = { // centre 0, radius about 5; the same marks as in the scatter
  o: "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0", s: "M-4-4H4V4H-4Z", D: "M0-5.5L5.5 0L0 5.5L-5.5 0Z", "^": "M0-5L5 4.5H-5Z", v: "M0 5L5-4.5H-5Z",
  P: "M-2-5H2V-2H5V2H2V5H-2V2H-5V-2H-2Z", X: "M-5-2.5L-2.5-5L0-2.5L2.5-5L5-2.5L2.5 0L5 2.5L2.5 5L0 2.5L-2.5 5L-5 2.5L-2.5 0Z",
};
const SEEN = "seen", UNSEEN = "unseen";

// ── small helpers ────────────────────────────────────────────────────────────
function tag(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "class") node.className = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((c) => c != null));
  return node;
}
function drawn(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) if (value != null) node.setAttribute(key, value);
  node.append(...children);
  return node;
}
const number = (x, digits = 3) => (x == null || Number.isNaN(x) ? "–" : x.toFixed(digits));
const signed = (x, digits = 3) => (x == null ? "–" : (x < 0 ? "−" : "+") + Math.abs(x).toFixed(digits));
const mean = (xs) => xs.reduce((a, b) => a + b, 0) / xs.length;
const mark = (look, size = 12) => drawn("svg", { width: size, height: size, viewBox: "-6 -6 12 12", "aria-hidden": "true" }, drawn("path", { d: SHAPES[look.marker] ?? SHAPES.o, fill: look.colour }));
const quoted = (x) => (/[",\n]/.test(String(x)) ? `"${String(x).replaceAll('"', '""')}"` : String(x ?? ""));
const as_csv = (rows) => rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n";

function download(href, name) {
  const link = tag("a", { href, download: name });
  link.style.display = "none";
  document.body.append(link);
  link.click();
  link.remove();
}
const text_link = (kind, text) => `data:${kind};charset=utf-8,${encodeURIComponent(text)}`;

function plain_svg(svg, paper) { // a copy that needs no style sheet, on a ground of its own
  const copy = svg.cloneNode(true), from = [svg, ...svg.querySelectorAll("*")], to = [copy, ...copy.querySelectorAll("*")];
  from.forEach((node, i) => {
    const style = getComputedStyle(node);
    for (const name of ["fill", "stroke", "font-family", "font-size", "font-weight"]) if (node.tagName === "text" || (style[name] && !["font-family", "font-size", "font-weight"].includes(name))) to[i].setAttribute(name, style.getPropertyValue(name));
  });
  copy.setAttribute("xmlns", SVG);
  const [, , width, height] = svg.getAttribute("viewBox").split(" ");
  copy.setAttribute("width", width); copy.setAttribute("height", height);
  copy.prepend(drawn("rect", { class: "msan-m-ground", width, height, fill: paper }));
  return new XMLSerializer().serializeToString(copy);
}
function save_png(svg, name, paper) {
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number), image = new Image();
  image.onload = () => {
    const canvas = tag("canvas", { width: 2 * width, height: 2 * height }), pen = canvas.getContext("2d");
    pen.fillStyle = paper; pen.fillRect(0, 0, canvas.width, canvas.height); pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    download(canvas.toDataURL("image/png"), name);
  };
  image.src = text_link("image/svg+xml", plain_svg(svg, paper));
}
async function copy_text(text) {
  try { await navigator.clipboard.writeText(text); return true; } catch { /* a page from a file may not be allowed to: the old way */ }
  const area = tag("textarea", { "aria-hidden": "true" });
  area.value = text; document.body.append(area); area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

// ── what is computed here, from numbers that the run holds ───────────────────
function matrix(upper, n) { // cosines of the pairs (0,1), (0,2) … (1,2) … → n×n, ones on the diagonal
  const full = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)));
  for (let i = 0, k = 0; i < n; i++) for (let j = i + 1; j < n; j++, k++) full[i][j] = full[j][i] = upper[k];
  return full;
}
function softmax(values, tau) {
  const top = Math.max(...values), raised = values.map((v) => Math.exp((v - top) / tau)), sum = raised.reduce((a, b) => a + b, 0);
  return raised.map((v) => v / sum);
}
function rows_of(cosines, tau, partners) { // row-softmax of each node over its partners → i → {j: probability}
  return cosines.map((row, i) => {
    const js = partners(i);
    if (!js.length) return {};
    const p = softmax(js.map((j) => row[j]), tau);
    return Object.fromEntries(js.map((j, k) => [j, p[k]]));
  });
}
function divergences(teacher, student) { // what each pair "i|j" adds to the loss, q·log(q/p) − q + p of i→j and of j→i: never negative, and all together the loss
  const terms = {};
  teacher.forEach((row, i) => Object.entries(row).forEach(([j, q]) => {
    const key = i < +j ? `${i}|${j}` : `${j}|${i}`, p = student[i][j];
    terms[key] = (terms[key] ?? 0) + Math.max(0, q * Math.log(Math.max(q, 1e-30) / Math.max(p, 1e-30)) - q + p);
  }));
  return terms;
}

// ── the page ─────────────────────────────────────────────────────────────────
function render({ model, el }) {
  const data = model.get("data");
  const root = tag("div", { class: "msan-microscope", "data-lm-suppress-shortcuts": "true" }, tag("style", {}, STYLE));
  root.addEventListener("keydown", (e) => { if (!e.ctrlKey && !e.metaKey) e.stopPropagation(); }); // a notebook would take the arrow keys for itself
  el.append(root);
  if (!data || !data.rows || !data.rows.length) return void root.append(tag("p", { class: "msan-m-say", role: "status" }, "Nothing to look at: this run has no finished row."));

  const look = Object.fromEntries([...data.rows, ...data.domains].map((x) => [x.name, x]));
  const domain = Object.fromEntries(data.domains.map((d) => [d.name, d]));
  const unseen = data.domains.filter((d) => d.role === UNSEEN).map((d) => d.name);
  const state = { row: model.get("row") || data.judged, step: data.steps.length - 1, tau: data.tau ?? 0.1, selected: new Set(model.get("selected") ?? []), shown: "all", detail: -1, graph: "inter", own_tau: true, plane: null, strength: null };
  if (data.steps.includes(model.get("step"))) state.step = data.steps.indexOf(model.get("step"));
  const images_by_key = Object.fromEntries(data.images.map((im, i) => [im.key, i]));
  const status = tag("p", { class: "msan-m-status msan-m-small", role: "status", "aria-live": "polite" });
  const say = (text) => { status.textContent = text; };
  const is_method = (name) => look[name].method;
  const at = (table, name) => { const of = table[name] ?? {}; return of[data.steps[state.step]] ?? of["*"] ?? null; };
  const dice_of = (i, row = state.row) => data.images[i].dice[data.rows.findIndex((r) => r.name === row)];
  const picture = (i) => (i == null || i < 0 ? null : data.pictures[i]);

  function keep_focus(home, rebuild, instead) { // what had the keyboard's focus has it again after the part was built anew: the same image, or the same row
    const had = root.getRootNode().activeElement, inside = home.contains(had), image = had?.dataset?.image, row = inside ? had.closest("[data-row]")?.dataset.row : null;
    rebuild();
    if (!inside || had.isConnected) return;
    const again = [...home.querySelectorAll("button")].find((b) => (image != null && b.dataset.image === image) || (row != null && b.closest("[data-row]")?.dataset.row === row));
    (again ?? instead)?.focus({ preventScroll: true });
  }
  function tools(name, { svg, rows, code }) {
    const paper = () => getComputedStyle(root).backgroundColor;
    return tag("div", { class: "msan-m-tools" },
      svg && tag("button", { type: "button", title: "this figure as a picture of twice the size", onclick: () => save_png(svg(), `${name}.png`, paper()) }, "save as PNG"),
      svg && tag("button", { type: "button", title: "this figure as a drawing, on the ground that it has here", onclick: () => download(text_link("image/svg+xml", plain_svg(svg(), paper())), `${name}.svg`) }, "save as SVG"),
      rows && tag("button", { type: "button", title: "the numbers of this part as a table, all rows of it", onclick: () => download(text_link("text/csv", as_csv(rows())), `${name}.csv`) }, "save as CSV"),
      code && tag("button", { type: "button", title: "the lines of Python that show this again; the run's name in them stands for its folder", onclick: async () => say((await copy_text(code())) ? "The code is in the clipboard." : "The browser would not let the code be copied.") }, "copy the code"));
  }
  const py = JSON.stringify; // a text or a list as Python writes it
  const code = (imports, lines) => () => [`from msan_nb.inspectors.base import open_scene`, ...[imports].flat(), ``, `run = open_scene(${py(data.run)}, seed=${data.seed})  # the run's folder`, ...lines()].join("\n") + "\n";
  const shown_step = () => (is_method(state.row) && state.step < data.steps.length - 1 ? [`step=${data.steps[state.step]}`] : []);

  // header
  root.append(tag("header", {}, tag("h2", {}, data.title), tag("p", { class: "msan-m-small" }, data.note)));

  // controls
  const radios = data.rows.map((r) => tag("label", { class: "msan-m-chip", title: r.words }, tag("input", { type: "radio", name: "msan-row-" + data.tag, value: r.name, onchange: () => choose_row(r.name) }), mark(r), r.name));
  const select = data.rows.length > 10 ? tag("select", { "aria-label": "method", onchange: (e) => choose_row(e.target.value) }, data.rows.map((r) => tag("option", { value: r.name }, r.name))) : null;
  const terms = tag("span", { class: "msan-m-terms" });
  const step_out = tag("output"), tau_out = tag("output");
  const step_in = tag("input", { type: "range", min: 0, max: Math.max(0, data.steps.length - 1), step: 1, value: state.step, "aria-label": "snapshot of the distillation", oninput: (e) => { state.step = +e.target.value; model.set("step", data.steps[state.step]); model.save_changes(); timed(stepped); } });
  const tau_in = tag("input", { type: "range", min: -2, max: 0.5, step: 0.02, value: Math.log10(state.tau), "aria-label": "temperature τ of the graphs", oninput: (e) => { state.tau = 10 ** +e.target.value; state.own_tau = false; timed(show_graph, show_controls); } });
  root.append(tag("div", { class: "msan-m-controls", role: "group", "aria-label": "controls" },
    tag("fieldset", {}, tag("legend", {}, "Method"), select ?? radios, terms),
    tag("label", { class: "msan-m-slide", title: "the network after so many steps of distillation; the answers and the table are of the judged one" }, tag("b", {}, "Snapshot"), step_in, step_out),
    tag("label", { class: "msan-m-slide", title: "temperature of the graphs: a small one looks at the nearest only, a large one at all alike" }, tag("b", {}, "τ"), tau_in, tau_out)));
  root.append(status);

  function show_controls() {
    const row = look[state.row];
    radios.forEach((label) => { const input = label.querySelector("input"); input.checked = input.value === state.row; });
    if (select) select.value = state.row;
    terms.replaceChildren(...(row.terms.length ? [tag("span", { class: "msan-m-small" }, "terms: "), ...row.terms.flatMap((t) => [tag("span", { class: t.on ? "msan-m-on" : "msan-m-off", title: t.on ? `on, λ = ${t.weight}` : "off" }, (t.on ? "✓ " : "") + t.name), " "])] : [tag("span", { class: "msan-m-small" }, row.words)]));
    step_in.disabled = !is_method(state.row) || data.steps.length < 2;
    step_in.setAttribute("aria-valuetext", `step ${data.steps[state.step]}`);
    step_out.textContent = is_method(state.row) ? `step ${data.steps[state.step]} of ${data.steps.at(-1)}; source-validation Dice ${number(data.val[state.row][state.step])}` : "does not change";
    tau_out.textContent = state.tau.toPrecision(2);
    tau_in.setAttribute("aria-valuetext", state.tau.toPrecision(2));
  }

  // three answers
  const answers = tag("div", { class: "msan-m-answers" });
  root.append(answers);
  function bar(name) {
    const d = domain[name], value = data.table[state.row]?.[name], worst = name === data.answers[state.row].worst;
    const fill = tag("i", { class: d.role === UNSEEN ? "" : "msan-m-seen" });
    fill.style.setProperty("--tone", d.colour); fill.style.width = `${100 * (value ?? 0)}%`;
    return tag("div", { class: "msan-m-bar" }, tag("span", { class: "msan-m-key" }, mark(d), worst ? tag("b", {}, name) : name), fill, worst ? tag("b", {}, number(value)) : number(value));
  }
  function show_answers() { keep_focus(answers, draw_answers); }
  function draw_answers() {
    const a = data.answers[state.row], tested = data.domains.filter((d) => d.role !== "source, validation").map((d) => d.name);
    answers.replaceChildren(
      tag("section", { class: "msan-m-card", "data-answer": "worst" }, tag("h3", {}, "Which unseen domain is worst?"), tag("p", { class: "msan-m-big" }, a.worst ?? "–"), tag("p", {}, a.worst_words), ...tested.map(bar), tag("p", { class: "msan-m-small" }, "Mean Dice of each domain; hatched: unseen in training.")),
      tag("section", { class: "msan-m-card", "data-answer": "blame" }, tag("h3", {}, "Which images are to blame?"), tag("p", {}, a.blame_words), tag("div", { class: "msan-m-gallery" }, a.blame.map((i) => card(i)))),
      tag("section", { class: "msan-m-card", "data-answer": "closer" }, tag("h3", {}, "Did distillation bring its vectors closer?"), tag("p", { class: "msan-m-big" }, a.closer), tag("p", {}, a.closer_words), tag("ul", { class: "msan-m-small" }, a.domains.map((d) => tag("li", {}, d)))));
  }

  // panels
  const grid = tag("div", { class: "msan-m-grid" });
  root.append(grid);
  const panel = (title, name, wide = false) => { const body = tag("div"), section = tag("section", { class: "msan-m-card" + (wide ? " msan-m-wide" : ""), "data-panel": name, "aria-label": title }, tag("h3", {}, title), body); grid.append(section); return body; };

  // the table of methods
  const table = panel("Methods: mean Dice of each domain", "table");
  const columns = data.domains.filter((d) => d.role !== "source, validation");
  const cells = () => [["row", "family", ...columns.map((d) => `${d.name} (${d.role})`), "unseen mean"], ...data.rows.map((r) => [r.name, r.family, ...columns.map((d) => number(data.table[r.name][d.name])), number(data.table[r.name]["unseen mean"])])];
  function show_table() { keep_focus(table, draw_table); }
  function draw_table() {
    const worst = Object.fromEntries([...columns.map((d) => d.name), "unseen mean"].map((name) => [name, Math.min(...data.rows.map((r) => data.table[r.name][name] ?? 2))]));
    const line = (r) => tag("tr", { "aria-selected": r.name === state.row ? "true" : "false", "data-row": r.name, onclick: () => choose_row(r.name) },
      tag("th", { scope: "row" }, tag("button", { type: "button", "aria-pressed": r.name === state.row ? "true" : "false" }, r.name === state.row ? "▸ " : "", r.name)),
      ...[...columns.map((d) => d.name), "unseen mean"].map((name) => tag("td", {}, tag("span", { class: data.table[r.name][name] === worst[name] ? "msan-m-worst" : "" }, number(data.table[r.name][name])))));
    const top = table.querySelector(".msan-m-table")?.scrollTop ?? 0;
    table.replaceChildren(
      tag("div", { class: "msan-m-scroll msan-m-table", tabindex: 0, role: "region", "aria-label": "table of methods" }, tag("table", {},
        tag("thead", {}, tag("tr", {}, tag("th", { scope: "col" }, "method"), ...columns.map((d) => tag("th", { scope: "col" }, tag("span", { class: "msan-m-key" }, mark(d), d.name), tag("br"), tag("span", { class: "msan-m-small" }, d.role, tag("br"), `${data.unit === "group" ? `${d.groups} patients, ` : ""}${d.images} images`))), tag("th", { scope: "col" }, "unseen", tag("br"), "mean"))),
        tag("tbody", {}, data.rows.map(line)))),
      tag("p", { class: "msan-m-small" }, `Choose a row to look at it everywhere. Underlined: the lowest of a column. ${data.table_note}`),
      tools("methods", { rows: cells, code: code(["import pandas as pd", "from msan_nb.inspectors.microscope import microscope_data"], () => [`pd.DataFrame(microscope_data(run)["table"]).T  # mean Dice, a line for each row`]) }));
    const box = table.querySelector(".msan-m-table"), line_of = box.querySelector("tr[aria-selected=true]");
    box.scrollTop = top;
    if (line_of.offsetTop + line_of.offsetHeight > top + box.clientHeight || line_of.offsetTop - 60 < top) box.scrollTop = line_of.offsetTop - box.clientHeight / 2;
  }

  // distances before and after
  const distances = panel("Distance of each unseen domain from the source: before and after", "fsd");
  const fsd_rows = () => [["network", "domain", "normalised", "low", "high", "half", "null", "null_high", "value", "n", "m", "D", "groups", "source groups"], ...data.fsd.map((f) => [f.row, f.domain, f.normalised, f.low, f.high, f.half, f.null, f.null_high, f.value, f.n, f.m, f.dim, f.groups_a, f.groups_b])];
  function fsd_picture() {
    const shown = [...new Set(["P-SAE", "teacher", "student S₀", state.row])], found = unseen.flatMap((d) => [null, ...shown.map((r) => data.fsd.find((f) => f.row === r && f.domain === d))]);
    const left = 122, right = 276, width = 680, line = 19, top = 24, height = top + found.length * line + 34;
    const all = data.fsd.filter((f) => shown.includes(f.row) && unseen.includes(f.domain)), far = 1.05 * Math.max(1e-9, ...all.flatMap((f) => [f.normalised, f.high ?? 0]));
    const x = (v) => left + ((width - left - right) * Math.min(v, far)) / far;
    const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, class: "msan-m-picture", role: "img", "aria-label": `Normalised distances from the source for ${shown.join(", ")}; the numbers stand beside` });
    const write = (px, py, text, more = {}) => { const node = drawn("text", { x: px, y: py, ...more }); node.textContent = text; svg.append(node); return node; };
    write(width - right + 12, 14, "FSD [interval]", { "font-weight": 600 }); write(width - 128, 14, "half | null (high)", { "font-weight": 600 });
    found.forEach((f, i) => {
      const y = top + (i + 0.7) * line, d = unseen[Math.floor(i / (shown.length + 1))];
      if (i % (shown.length + 1) === 0) { svg.append(drawn("path", { d: SHAPES[domain[d].marker] ?? SHAPES.o, fill: domain[d].colour, transform: `translate(8 ${y - 4})` })); write(18, y, d, { "font-weight": 600 }); return; }
      if (!f) return void write(18, y, `${shown[(i % (shown.length + 1)) - 1]}: –`);
      const own = f.row === state.row, style = look[f.row] ?? { colour: "#888", marker: "P" };
      write(18, y, f.row === "P-SAE" ? "masks (floor)" : f.row.length > 16 ? f.row.slice(0, 15) + "…" : f.row, { "font-weight": own ? 700 : 400 });
      svg.append(drawn("line", { x1: x(0), x2: x(far), y1: y - 4, y2: y - 4, stroke: "#8886", "stroke-width": 1 }));
      if (f.low != null) svg.append(drawn("line", { x1: x(f.low), x2: x(f.high), y1: y - 4, y2: y - 4, stroke: style.colour === "#000000" ? "currentColor" : style.colour, "stroke-width": own ? 4 : 2.2, "stroke-dasharray": own ? null : "5 2" }));
      svg.append(drawn("path", { d: SHAPES[style.marker] ?? SHAPES.o, fill: style.colour === "#000000" ? "currentColor" : style.colour, transform: `translate(${x(f.normalised)} ${y - 4})` }));
      write(width - right + 12, y, `${number(f.normalised, 2)}${f.low == null ? " [no interval]" : ` [${number(f.low, 2)}, ${number(f.high, 2)}]`}`, { "font-weight": own ? 700 : 400 });
      if (f.half != null) write(width - 128, y, `${number(f.half, 2)} | ${number(f.null, 2)} (${number(f.null_high, 2)})`);
    });
    const foot = top + found.length * line + 12;
    for (const v of [0, far / 2.1, far / 1.05]) write(x(v), foot, number(v, 2), { "text-anchor": "middle" });
    write((x(0) + x(far)) / 2, foot + 16, "normalised FSD from the source's test images (0 = the same)", { "text-anchor": "middle" });
    return svg;
  }
  function show_fsd() {
    if (!data.fsd.length) return void distances.replaceChildren(tag("p", { class: "msan-m-say", role: "status" }, "No unseen domain was tested: there is no distance to show."));
    const f = data.fsd[0], svg = fsd_picture();
    distances.replaceChildren(svg,
      tag("p", { class: "msan-m-small" }, `${data.fsd_note} n = ${f.n} and ${f.m} tiles, D = ${f.dim}. Bold and thick: ${state.row}.`),
      tools("fsd", { svg: () => distances.querySelector("svg.msan-m-picture"), rows: fsd_rows, code: code("from msan_nb.inspectors.fsd import show_fsd", () => { const source = data.domains.find((d) => d.role === "source, test"), far = data.answers[state.row].worst ?? unseen[0]; return [`show_fsd(run, (${py(state.row)}, ${py(far)}), (${py(state.row)}, ${py(source.name)}))  # any other domain: in place of ${py(far)}`]; }) }));
  }

  // images, worst first
  const gallery = panel("Images, worst first", "images"), tile_of = {};
  data.points.forEach((p) => { tile_of[p.image] ??= p.thumb; }); // a picture for images that have none of their own
  function card(i) {
    const im = data.images[i], dice = dice_of(i), uri = picture(im.thumb ?? tile_of[i]);
    return tag("button", { type: "button", class: "msan-m-image", "data-image": im.key, "aria-pressed": state.selected.has(im.key) ? "true" : "false", title: `${im.id}, ${im.domain}: Dice ${number(dice)} (${state.row})`, onclick: () => pick(i) },
      uri ? tag("img", { src: uri, alt: "", loading: "lazy" }) : tag("span", { class: "msan-m-blank" }, "no picture"),
      tag("span", {}, tag("b", {}, number(dice)), " ", mark(domain[im.domain], 10), " ", im.domain), tag("span", { class: "msan-m-small" }, im.id));
  }
  const asked = () => data.images.map((_, i) => i).filter((i) => state.shown === "all" ? domain[data.images[i].domain].role !== "source, validation" : state.shown === "unseen" ? domain[data.images[i].domain].role === UNSEEN : state.shown === "selected" ? state.selected.has(data.images[i].key) : data.images[i].domain === state.shown).sort((a, b) => (dice_of(a) ?? 2) - (dice_of(b) ?? 2));
  const listed = () => (state.shown === "selected" ? asked() : asked().filter((i) => data.images[i].shown !== false));
  const filter = tag("select", { "aria-label": "which images", title: "which images are listed", onchange: (e) => { state.shown = e.target.value; timed(show_images); } },
    [["unseen", "unseen domains"], ["all", "all tested"], ["selected", "the selected ones"], ...data.domains.map((d) => [d.name, `${d.name} (${d.role})`])].map(([value, text]) => tag("option", { value }, text)));
  if (unseen.length) filter.value = state.shown = "unseen";
  const list = tag("div", { class: "msan-m-gallery", role: "group", "aria-label": "images sorted by Dice" }), list_note = tag("p", { class: "msan-m-small" });
  const clear = tag("button", { type: "button", title: "forget which images are selected, here and everywhere", onclick: () => choose([]) }, "clear the selection");
  gallery.append(tag("div", { class: "msan-m-strip" }, filter, clear), list_note, list, tools("images", { rows: () => [["image", "domain", "group", ...data.rows.map((r) => r.name)], ...asked().map((i) => { const im = data.images[i]; return [im.id, im.domain, im.group, ...im.dice]; })], code: code(["import pandas as pd", "from msan_nb.inspectors.microscope import microscope_data"], () => [`data = microscope_data(run)`, `images = pd.DataFrame([{**{k: im[k] for k in ("domain", "id", "group")}, **dict(zip([r["name"] for r in data["rows"]], im["dice"]))} for im in data["images"]])`, `images.sort_values(${py(state.row)})  # Dice of every image, worst first`]) }));
  function show_images() {
    const shown = listed();
    keep_focus(list, () => list.replaceChildren(...(shown.length ? shown.map(card) : [tag("p", { class: "msan-m-say", role: "status" }, state.shown === "selected" ? "Nothing is selected: click images, draw a lasso round points, or click a node." : "No image here.")])), filter);
    note_images();
  }
  function note_images() {
    const shown = listed(), all = asked().length, chosen = data.images.map((_, i) => i).filter((i) => state.selected.has(data.images[i].key));
    const theirs = [...new Set(chosen.map((i) => data.images[i].domain))], others = data.images.map((_, i) => i).filter((i) => theirs.includes(data.images[i].domain) && !state.selected.has(data.images[i].key));
    const words = (xs) => `${number(mean(xs.map((i) => dice_of(i)).filter((x) => x != null)), 3)}`;
    list_note.textContent = `${shown.length < all ? `${shown.length} of ${all} images shown (the worst of every row, and an even sample of the others),` : `${all} image${all === 1 ? "" : "s"}`} by Dice of ${state.row}. ` + (chosen.length ? `Selected: ${chosen.length} of ${theirs.join(", ")}, mean Dice ${words(chosen)}${others.length ? `; the ${others.length} others of ${theirs.length > 1 ? "these domains" : "this domain"} ${words(others)}` : ""}.` : "None selected.") + (data.images_note ? ` ${data.images_note}` : "");
    clear.disabled = !state.selected.size;
  }
  const repress = () => { for (const button of root.querySelectorAll(".msan-m-image")) button.setAttribute("aria-pressed", state.selected.has(button.dataset.image) ? "true" : "false"); };

  // the scatter
  const frames = { students: () => (state.row === "teacher" ? ["teacher"] : Object.keys(data.xy).filter((r) => r !== "teacher")), row: () => [state.row], all: () => Object.keys(data.xy) };
  const frame = tag("select", { "aria-label": "frame of the scatter", title: "what the axes reach over: only in a common frame can the sizes of two clouds be compared", onchange: () => timed(show_scatter) }, [["students", "the same for all students and snapshots"], ["row", "as large as this network needs, at all its snapshots"], ["all", "the same for all networks"]].map(([value, text]) => tag("option", { value }, text)));
  const colour = tag("select", { "aria-label": "colour of the points", title: "what colour and shape of a point say", onchange: () => timed(show_scatter) }, [["domain", "domain"], ["dice", "Dice of the image"], ["kind", "anchor or view"]].map(([value, text]) => tag("option", { value }, text)));
  const DICE = [[0.5, "Dice below 0.5", "#D55E00", "v"], [0.7, "0.5 to 0.7", "#E69F00", "D"], [0.85, "0.7 to 0.85", "#56B4E9", "o"], [Infinity, "0.85 and more", "#0072B2", "^"]].map(([below, name, colour, marker]) => ({ below, name, colour, marker }));
  const KINDS = [{ name: "tile of a tested domain", colour: "#999999", marker: "o" }, { name: "probe: anchor", colour: "#0072B2", marker: "D" }, { name: "probe: view", colour: "#D55E00", marker: "^" }];
  const NO_DICE = { name: "no Dice", colour: "#999999", marker: "X" };
  const looks_of = { // of a point, by colour and shape; and the legend
    domain: [(p, d) => d, () => data.domains],
    dice: [(p) => { const dice = dice_of(p.image); return dice == null ? NO_DICE : DICE.find((b) => dice < b.below); }, () => (data.points.some((p) => dice_of(p.image) == null) ? [...DICE, NO_DICE] : DICE)],
    kind: [(p, d) => (d.role !== "source, validation" ? KINDS[0] : p.view ? KINDS[2] : KINDS[1]), () => KINDS],
  };
  const known_bounds = {};
  function bounds_of(rows) { // x0, y0, x1, y1 of some networks at all snapshots
    return (known_bounds[rows.join("|")] ??= rows.flatMap((r) => Object.values(data.xy[r])).reduce((b, xy) => { for (let i = 0; i < xy.length; i += 2) if (xy[i] != null) { b[0] = Math.min(b[0], xy[i]); b[1] = Math.min(b[1], xy[i + 1]); b[2] = Math.max(b[2], xy[i]); b[3] = Math.max(b[3], xy[i + 1]); } return b; }, [Infinity, Infinity, -Infinity, -Infinity]));
  }
  const plane_of = tag("select", { "aria-label": "projection of the scatter", title: "PCA: one plane for all, distances are real; t-SNE: neighbours stay together, distances between clusters mean nothing", onchange: () => timed(show_scatter) }, ["PCA", "t-SNE"].map((name) => tag("option", { value: name }, name)));
  const scatter_home = panel("Vectors of tiles in a plane", "scatter"), scatter_note = tag("p", { class: "msan-m-small" }), scatter_el = tag("div");
  scatter_home.append(tag("div", { class: "msan-m-strip" }, tag("label", { class: "msan-m-small" }, "Projection: ", plane_of), tag("label", { class: "msan-m-small" }, "Colour: ", colour), tag("label", { class: "msan-m-small" }, "Frame: ", frame)), scatter_el, scatter_note,
    tools("scatter", { code: code("from msan_nb.inspectors.embeddings import show_embeddings", () => [`show_embeddings(run, ${[`rows=[${py(state.row)}]`, ...(projected().tsne ? [`method="t-SNE"`] : []), ...(colour.value === "dice" ? [`colour="image Dice"`] : colour.value === "kind" ? [`colour="view"`, `views=${Math.max(...data.points.map((p) => p.view))}`] : []), ...shown_step()].join(", ")})  # ${projected().tsne ? "of all tiles of the tested domains, and without the probe: the picture is another one" : "in a plane that is fitted to these vectors"}`]) }));
  const scatter_model = shim({ data: scatter_data(), selected: [], hovered: -1 });
  function projected() { // t-SNE where it is asked for and was computed; else PCA, and why
    const found = data.tsne?.[state.row], now = data.steps[state.step];
    if (plane_of.value === "PCA") return { xy: at(data.xy, state.row) ?? [] };
    const why = !found ? `t-SNE was not computed for ${state.row} (${data.looks_note || "only for rows that are shown in full"})` : !found.xy ? found.words : found.step != null && found.step !== now ? `t-SNE was computed for step ${found.step} only: move the snapshot slider there to see it` : "";
    return why ? { xy: at(data.xy, state.row) ?? [], why } : { xy: found.xy, tsne: found };
  }
  function scatter_data() {
    const { xy, tsne } = projected();
    frame.disabled = Boolean(tsne);
    const [look_at, legend] = looks_of[colour.value];
    const points = data.points.map((p, i) => { const im = data.images[p.image], d = look_at(p, domain[im.domain]); return { x: xy[2 * i] ?? null, y: xy[2 * i + 1] ?? null, label: im.id, words: [`tile ${p.tile + 1}${p.view ? `, view ${p.view}` : ""}`], colour: d.colour, marker: d.marker, thumb: p.thumb ?? im.thumb, group: im.group, dice: dice_of(p.image), domain: im.domain, row: state.row, index: i }; }).filter((p) => p.x != null);
    return { points, thumbs: data.pictures, axes: tsne ? ["t-SNE 1", "t-SNE 2"] : data.axes, title: `${state.row}${is_method(state.row) ? `, step ${data.steps[state.step]}` : ""}${plane_of.value === "PCA" ? "" : tsne ? ": t-SNE" : ": PCA"}`, note: `${data.vectors_note} ${tsne ? `${tsne.words}. ${data.tsne_note}` : data.scatter_note}`, legend: legend().map((d) => ({ name: d.name, colour: d.colour, marker: d.marker })), marginal: !tsne, ticks: !tsne, bounds: tsne ? null : bounds_of(frames[frame.value]()), equal: Boolean(tsne), partial: points.length < data.points.length };
  }
  let quiet = false; // the scatter tells us of a selection that we have just told it of
  function show_scatter() {
    quiet = true;
    scatter_model.set("data", scatter_data()); scatter_mark();
    quiet = false;
    const { why } = projected();
    scatter_note.textContent = (why ? `${why}. PCA is shown. ` : "") + (scatter_model.get("data").partial ? `At this snapshot only the probe's vectors (source, validation) are known for ${state.row}: move the slider to the start or to the end to see all domains.` : "Draw a lasso round points to select their images, here and everywhere.");
  }
  function scatter_mark() {
    const was = quiet; quiet = true;
    scatter_model.set("selected", scatter_model.get("data").points.flatMap((p, k) => (state.selected.has(data.images[data.points[p.index].image].key) ? [k] : [])));
    quiet = was;
  }
  scatter_model.on("change:selected", () => {
    if (quiet) return;
    const chosen = scatter_model.get("selected").map((k) => data.points[scatter_model.get("data").points[k].index].image);
    choose([...new Set(chosen)], "scatter");
  });

  // one image
  const detail = panel("One image: what the networks make of it", "detail", true);
  function show_detail() {
    const i = state.detail;
    if (i < 0) return void detail.replaceChildren(tag("p", { class: "msan-m-say", role: "status" }, "Choose an image above, a point, or a node."));
    const im = data.images[i], errors = data.errors[i] ?? {}, shown = [...new Set(["teacher", "student S₀", state.row])];
    const figure = (uri, title, words) => tag("figure", {}, uri ? tag("img", { src: uri, alt: `${title} of ${im.id}` }) : tag("div", { class: "msan-m-blank" }, "not kept"), tag("figcaption", {}, tag("b", {}, title), tag("br"), words));
    const say_errors = (row) => { const k = data.rows.findIndex((r) => r.name === row), missed = im.missed[k], wrong = im.wrong[k]; return `Dice ${number(im.dice[k])}` + (missed == null ? "" : `; misses ${Math.round(100 * missed)} % of the target; ${Math.round(100 * wrong)} % of what it marks is not`); };
    detail.replaceChildren(
      tag("div", { class: "msan-m-strip" }, figure(picture(im.large ?? im.thumb), `${im.id}`, `${im.domain} (${domain[im.domain].role}), ${im.group}`), shown.map((row) => figure(picture(errors[row]), row, say_errors(row)))),
      tag("p", { class: "msan-m-small" }, ...data.error_key.map(([colour, words]) => { const swatch = tag("span", { class: "msan-m-swatch" }); swatch.style.background = colour; return tag("span", { class: "msan-m-key" }, swatch, words); })));
    detail.parentElement.querySelector("h3").textContent = `One image: ${im.id}, ${im.domain}`;
  }

  // what the other inspectors add: exchange, planes, views
  const writer = (svg) => (px, py, text, more = {}) => { const node = drawn("text", { x: px, y: py, ...more }); node.textContent = text; svg.append(node); return node; };
  const tile_picture = (n, x, y, size, title) => { const node = drawn("image", { href: data.pictures[n], x, y, width: size, height: size, preserveAspectRatio: "xMidYMid meet" }); if (title) { const tip = drawn("title"); tip.textContent = title; node.append(tip); } return node; };
  const image_name = (i) => `${data.images[i].domain}: ${data.images[i].id}`;
  const names_of = (indices, shown, words) => tag("div", { class: "msan-m-names", role: "group", "aria-label": words }, tag("span", { class: "msan-m-small" }, words), indices.map((i) => tag("button", { type: "button", class: "msan-m-image-name", "data-image": data.images[i].key, "aria-pressed": i === shown ? "true" : "false", title: `select this image, here and everywhere (Dice ${number(dice_of(i))}, ${state.row})`, onclick: () => (state.selected.size === 1 && state.selected.has(data.images[i].key) && state.detail === i ? null : choose([i], "names")) }, mark(domain[data.images[i].domain], 10), " ", image_name(i))));
  const told = (text) => tag("p", { class: "msan-m-say", role: "status" }, text);
  const narrow = (home, wide = 620) => home.clientWidth < wide; // in pixels: there the parts of a picture stand below one another

  const exchanged = panel("Header exchange: what each decoder makes of the other's vector", "exchange", true);
  const PREDICTIONS = ["bottleneck, norm over channels", "prediction", "difference to T"];
  function exchange_picture(found, tile, i) {
    const small = narrow(exchanged), cell = small ? 98 : 112, step = cell + (small ? 4 : 12), line = cell + 38, block = 4 * step, first = line + 30, left = step + 14, top = 22;
    const width = small ? block : left + 2 * block + 16, height = small ? 2 * (3 * line + 26) + first : 3 * line + 26;
    const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, class: "msan-m-picture", role: "img", "aria-label": `Header exchange of ${state.row} and the teacher in a tile of ${image_name(i)}. ${found.words.join(" ")}` }), write = writer(svg);
    svg.append(tile_picture(tile.thumb, 0, top + 16, cell, "the tile, its target outlined")); write(0, top + 10, "tile, target outlined", { class: "msan-m-fine" }); write(0, top + cell + 29, data.images[i].id, { class: "msan-m-fine" });
    [["teacher", "The teacher's decoder, T"], ["student", `The student's decoder, S = ${state.row}`]].forEach(([name, title], side) => {
      const x0 = small ? 0 : left + side * (block + 16), y0 = small ? first + side * (3 * line + 26) : 0;
      write(x0, y0 + 12, title, { "font-weight": 700 });
      for (const [column, row, src, above, below] of found[name]) {
        const x = x0 + column * step, y = y0 + top + row * line;
        write(x, y + 10, small ? above.replace("own header −", "own −") : above, { class: "msan-m-fine" }); svg.append(tile_picture(src, x, y + 14, cell, `${PREDICTIONS[row]}: ${above}${below ? `, ${below}` : ""}`)); write(x, y + cell + 27, below, { class: "msan-m-fine" });
      }
    });
    return svg;
  }
  function show_exchange() { keep_focus(exchanged, draw_exchange); }
  function draw_exchange() {
    const { tiles, rows } = data.exchange, i = state.detail, there = Object.keys(tiles).map(Number), list = () => names_of(there, i, "Images with an exchange:");
    if (!there.length) return void exchanged.replaceChildren(told(`No exchange was computed: it needs the images. ${data.looks_note}`));
    if (state.row === "teacher") return void exchanged.replaceChildren(told("The teacher exchanges nothing with itself: choose a student."), list());
    if (!rows[state.row]) return void exchanged.replaceChildren(told(`No exchange was computed for ${state.row}. ${data.looks_note}`), list());
    if (!tiles[i]) return void exchanged.replaceChildren(told(`${i < 0 ? "No image is chosen" : `No exchange was computed for ${image_name(i)}`}; there is one for the worst images of each domain. Choose one of them:`), list());
    const found = rows[state.row][i], tile = tiles[i];
    exchanged.replaceChildren(list(), exchange_picture(found, tile, i), tag("ul", {}, found.words.map((w) => tag("li", {}, w))),
      tag("p", { class: "msan-m-small" }, `Tile ${data.points[tile.point].tile + 1} of the image, the networks that the table judged (the snapshot slider does not change it). T and S: either network with its own bottleneck f; own header: f rebuilt from its own vector; exchanged: from the other's, decoded as p₁ and p₂; mean: no bottleneck at all, the mean over tiles in its place, which is the control. Error: 0 is perfect, 1 as good as every channel's mean. Bottlenecks from dark to light, one scale for each network; differences purple where there is more foreground than in T, orange where there is less, up to ±${number(found.limit, 2)}; 1 point is 0.01 of probability.`),
      tools("exchange", { svg: () => exchanged.querySelector("svg.msan-m-picture"), rows: () => [["row", "image", "domain", "tile", ...Object.keys(found.table[0])], ...found.table.map((r) => [state.row, data.images[i].id, tile.domain, tile.tile, ...Object.values(r)])],
        code: code("from msan_nb.inspectors.exchange import show_exchange", () => [`show_exchange(run, row=${py(state.row)}, domain=${py(tile.domain)}, tile=${tile.tile})`]) }));
  }

  // the graph
  const graph_home = panel("Contrastive graphs: teacher and method side by side", "graph", true), graph_el = tag("div"), graph_note = tag("p", { class: "msan-m-small" });
  const graph_kinds = { inter: "between images (inter): the probe's anchors", views: "between images and views (inter, all views)", intra: "an image and its views (intra): the probe's stars", domains: "across domains: images of every domain" };
  const graph_kind = tag("select", { "aria-label": "which graph", title: "which nodes are compared with which", onchange: (e) => { state.graph = e.target.value; timed(show_graph); } }, Object.entries(graph_kinds).filter(([k]) => data.graphs[k]).map(([value, text]) => tag("option", { value }, text)));
  graph_home.append(tag("div", { class: "msan-m-strip" }, graph_kind), graph_note, graph_el);
  const graph_code = () => (state.graph === "domains" ? code("from msan_nb.inspectors.microscope import show_microscope", () => [`show_microscope(run, row=${py(state.row)})  # the graph across domains is drawn by the page alone`])
    : code("from msan_nb.inspectors.graphs import show_graphs", () => [`show_graphs(run, ${[`row=${py(state.row === "teacher" ? "student S₀" : state.row)}`, `graph=${py({ inter: "inter", views: "inter, all views", intra: "intra" }[state.graph])}`, `tau=${+state.tau.toPrecision(4)}`, ...shown_step()].join(", ")})${state.row === "teacher" ? "  # the teacher is drawn beside it" : ""}`]))();
  const graph_model = shim({ data: graph_data(), clicked: "", selected: [] });
  function tone(difference) { // blue: less alike than for the teacher; grey: the same; vermilion: more
    const t = Math.max(-1, Math.min(1, difference / 0.5)), end = t < 0 ? [0, 114, 178] : [213, 94, 0];
    return `rgb(${end.map((c) => Math.round(140 + (c - 140) * Math.abs(t))).join(",")})`;
  }
  function graph_data() {
    const g = data.graphs[state.graph], n = g.nodes.length, kept = at(g.cosines, state.row);
    if (!kept) return { nodes: [], panels: [], note: `The vectors of ${state.row} at this snapshot were not kept: move the slider to the start or to the end.` };
    const T = matrix(at(g.cosines, "teacher"), n), S = matrix(kept, n), partners = (i) => g.partners[i];
    const [pT, pS] = [T, S].map((C) => rows_of(C, state.tau, partners)), terms = divergences(pT, pS), total = Object.values(terms).reduce((a, b) => a + b, 0) || 1;
    const edges = (C, P, own) => g.pairs.map(([a, b]) => { const share = (terms[`${a}|${b}`] ?? 0) / total; return { a: g.ids[a], b: g.ids[b], value: C[a][b], width: share, colour: own ? tone(C[a][b] - T[a][b]) : "#808080", words: `${g.labels[a]} – ${g.labels[b]}\ncosine ${number(C[a][b], 2)}${own ? ` (teacher ${number(T[a][b], 2)})` : ""}\nprobability at τ: ${number(P[a][b], 3)}\n${Math.round(100 * share)} % of the loss` }; });
    const heat = (C) => (state.graph === "intra" ? g.partners.filter((p) => p.length).map((p, i) => p.map((j) => C[i][j])) : C.map((row, i) => row.map((c, j) => (i === j ? null : c))));
    const columns = state.graph === "intra" ? g.partners[0].map((_, v) => `view ${v + 1}`) : g.labels;
    const gap = S.map((row, i) => row.map((c, j) => c - T[i][j])), most = Math.max(1e-3, ...heat(gap).flat().map((c) => Math.abs(c ?? 0)));
    const pictures = (k, i) => { const p = data.points[k], im = data.images[p.image], errors = data.errors[p.image] ?? {}; return [[p.thumb, "tile"], ...(g.views?.[i] ?? []).map((v, j) => [data.points[v].thumb, `view ${j + 1}`]), [im.large, "image, target outlined"], [errors.teacher, "teacher"], state.row === "teacher" ? [null] : [errors[state.row], state.row]].filter(([src]) => src != null).map(([src, label]) => ({ src: data.pictures[src], label })); };
    const lacking = (i) => ((data.errors[i] ?? {}).teacher == null ? "; its annotation and predictions were not kept" : state.row !== "teacher" && data.errors[i][state.row] == null ? `; the prediction of ${state.row} was not kept` : "");
    const nodes = g.nodes.map((k, i) => { const p = data.points[k], im = data.images[p.image]; return { id: g.ids[i], label: g.labels[i], x: g.x[i], y: g.y[i], size: p.view ? 0.75 : 1, thumb: picture(p.thumb ?? im.thumb) ?? undefined, big: pictures(k, i), words: `${im.domain} (${domain[im.domain].role}); Dice of the image ${number(dice_of(p.image))} (${state.row}), ${number(dice_of(p.image, "teacher"))} (teacher)${lacking(p.image)}` }; });
    const own = state.row === "teacher" ? [] : [{ name: state.row, matrix: heat(S), rows: g.labels, columns }, { name: `${state.row} − teacher`, matrix: heat(gap), scale: { min: -most, max: most }, rows: g.labels, columns }];
    return { nodes, panels: [{ name: "teacher", edges: edges(T, pT, false) }, ...(own.length ? [{ name: state.row, edges: edges(S, pS, true) }] : [])], heat: [{ name: "teacher", matrix: heat(T), rows: g.labels, columns }, ...own], scale: { min: -1, max: 1 }, title: graph_kinds[state.graph], caption: `Edge: cosine of the centred vectors. Matrices: the same numbers, from −1 to 1; their difference on a scale of its own.`,
      legend: { more: `${state.row}: more alike than for the teacher`, less: `${state.row}: less alike` }, code: graph_code() };
  }
  const graph_marks = () => { const g = data.graphs[state.graph]; graph_model.set("selected", g.ids.filter((_, i) => state.selected.has(data.images[data.points[g.nodes[i]].image].key))); };
  function show_graph() {
    graph_model.set("data", graph_data()); graph_marks();
    const g = data.graphs[state.graph], loss = graph_loss(g);
    graph_note.textContent = `${g.note} ${graph_reading()} ${Number.isNaN(loss) ? "" : `Loss of this graph (KL of the rows' softmax from the teacher's) at τ = ${state.tau.toPrecision(2)}: ${loss.toPrecision(3)}.`} Click a node to see its image.`;
    graph_home.dataset.loss = loss;
  }
  function graph_reading() { // how what is shown differs from what the row was trained on
    const row = look[state.row], own = row.graph, term = { inter: "inter", views: "inter", intra: "intra" }[state.graph];
    if (!term || !is_method(state.row)) return "";
    if (!row.terms.some((t) => t.name === term && t.on)) return `${state.row} was not trained on the ${term} loss: the widths say what it would pay.`;
    const wanted = own.nodes === "views" ? "views" : "inter";
    return [term === "inter" && state.graph !== wanted ? `The training compared ${wanted === "views" ? "images and views: the graph “inter, all views”" : "images without their views"}.` : "",
      own.edge !== "cosine" || own.kind !== "kl" ? `The training used ${own.edge === "cosine" ? "cosines" : `edges of the kind ${own.edge}`} and ${own.kind === "kl" ? "KL" : "the squared difference"}; cosines and KL are shown here.` : "",
      Math.abs(state.tau - own.tau) > 0.005 * own.tau ? `Trained at τ = ${own.tau}.` : ""].filter(Boolean).join(" ");
  }
  function graph_loss(g) {
    const n = g.nodes.length, kept = at(g.cosines, state.row);
    if (!kept) return NaN;
    const P = [at(g.cosines, "teacher"), kept].map((u) => rows_of(matrix(u, n), state.tau, (i) => g.partners[i]));
    const rows = g.partners.filter((p) => p.length).length;
    return Object.values(divergences(...P)).reduce((a, b) => a + b, 0) / rows;
  }
  graph_model.on("change:clicked", () => {
    const g = data.graphs[state.graph], i = g.ids.indexOf(graph_model.get("clicked"));
    if (i >= 0) { const image = data.points[g.nodes[i]].image; if (!state.selected.has(data.images[image].key)) pick(image, "graph"); else { state.detail = image; timed(show_detail, show_exchange, show_bench); } }
  });

  // two Gaussians in their plane
  const plane_home = panel("Two Gaussians: an unseen domain and the source in one plane", "plane"), plane_el = tag("div");
  const plane_in = tag("select", { "aria-label": "domain of the plane", title: "which unseen domain is drawn beside the source", onchange: (e) => { state.plane = e.target.value; timed(show_plane); } }, unseen.map((d) => tag("option", { value: d }, d)));
  plane_home.append(tag("div", { class: "msan-m-strip" }, tag("label", { class: "msan-m-small" }, "Domain: ", plane_in), tag("button", { type: "button", title: "interval and null of every distance stand in the panel of distances", onclick: () => { const there = distances.parentElement; there.tabIndex = -1; there.focus({ preventScroll: true }); there.scrollIntoView({ block: "center" }); } }, "its interval and its null")), plane_el);
  const line_of = (xy, X, Y) => { let d = ""; for (let k = 0; k < xy.length; k += 2) d += `${k ? "L" : "M"}${X(xy[k]).toFixed(1)} ${Y(xy[k + 1]).toFixed(1)}`; return d + "Z"; };
  function draw_sets(svg, g, box) { // both sets on axes of one scale: full lines and the domain's own marks
    const all = g.sets.flatMap((s) => [s.points, s.mean, ...s.ellipses]).flat(), xs = all.filter((_, k) => k % 2 === 0), ys = all.filter((_, k) => k % 2), mid = (v) => (Math.min(...v) + Math.max(...v)) / 2, span = (v) => Math.max(...v) - Math.min(...v) || 1;
    const scale = 0.96 * Math.min(box.w / span(xs), box.h / span(ys)), X = (v) => box.x + box.w / 2 + (v - mid(xs)) * scale, Y = (v) => box.y + box.h / 2 - (v - mid(ys)) * scale;
    g.sets.forEach((s, k) => {
      const d = domain[s.domain], dash = k ? "6 4" : null, group = drawn("g", { class: "msan-m-set", "data-domain": s.domain });
      s.images.forEach((i, n) => { const on = i != null && state.selected.has(data.images[i].key), p = drawn("path", { class: on ? "msan-m-dot msan-m-chosen" : "msan-m-dot", d: SHAPES[d.marker] ?? SHAPES.o, fill: d.colour, "fill-opacity": on ? 1 : 0.5, stroke: on ? "currentColor" : "none", "stroke-width": 1.5, transform: `translate(${X(s.points[2 * n]).toFixed(1)} ${Y(s.points[2 * n + 1]).toFixed(1)}) scale(${on ? 1.1 : 0.7})` }), tip = drawn("title"); tip.textContent = i == null ? s.domain : image_name(i); p.append(tip); group.append(p); });
      s.ellipses.forEach((e, n) => group.append(drawn("path", { class: "msan-m-ellipse", d: line_of(e, X, Y), fill: "none", stroke: d.colour, "stroke-width": n ? 1.3 : 2.4, "stroke-dasharray": dash })));
      group.append(drawn("path", { d: SHAPES[d.marker] ?? SHAPES.o, fill: d.colour, stroke: "currentColor", "stroke-width": 1, transform: `translate(${X(s.mean[0]).toFixed(1)} ${Y(s.mean[1]).toFixed(1)}) scale(1.7)` }));
      svg.append(group);
    });
  }
  function draw_parts(svg, name, rows, top, width) { // the value as the sum of its parts, in units of the vectors' variance
    const write = writer(svg), left = 120, room = width - left - 176, far = Math.max(1e-9, ...rows.map((r) => data.planes[r][name].normalised));
    write(0, top - 8, "normalised FSD = means + covariances", { "font-weight": 600 });
    rows.forEach((r, k) => {
      const g = data.planes[r][name], unit = g.value > 0 ? g.normalised / g.value : 0, a = g.mean_part * unit, b = g.cov_part * unit, y = top + k * 22, wide = (v) => Math.max(0, (room * v) / far), own = { "font-weight": r === state.row ? 700 : 400 };
      svg.append(drawn("path", { d: SHAPES[look[r].marker] ?? SHAPES.o, fill: look[r].colour, transform: `translate(6 ${y + 8})` }));
      write(16, y + 12, r.length > 15 ? r.slice(0, 14) + "…" : r, own);
      svg.append(drawn("rect", { class: "msan-m-part", x: left, y, width: wide(a), height: 15, fill: "#009E73" }), drawn("rect", { class: "msan-m-part", x: left + wide(a), y, width: wide(b), height: 15, fill: `url(#msan-hatch-${data.tag})`, stroke: "#E69F00" }));
      write(left + wide(a + b) + 6, y + 12, `${number(g.normalised, 2)} = ${number(a, 2)} + ${number(b, 2)}`, own);
    });
  }
  const percent = (share) => (share == null ? "nothing (there is none)" : `${Math.round(100 * share)} %`);
  function plane_picture(name, rows, g) {
    const width = narrow(plane_home, 480) ? 400 : 560, plot = 330, top = 40, height = top + plot + 62 + 22 * rows.length, svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, class: "msan-m-picture", role: "img", "aria-label": `${state.row} on ${name} and on the source: one- and two-sigma ellipses in their first principal plane; the numbers stand below` }), write = writer(svg);
    svg.append(drawn("defs", {}, drawn("pattern", { id: `msan-hatch-${data.tag}`, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, drawn("rect", { width: 6, height: 6, fill: "#E69F00" }), drawn("rect", { width: 2, height: 6, fill: "#fff", "fill-opacity": 0.75 }))));
    g.sets.forEach((s, k) => { const d = domain[s.domain], y = 8 + 17 * k; svg.append(drawn("path", { d: SHAPES[d.marker] ?? SHAPES.o, fill: d.colour, transform: `translate(6 ${y})` }), drawn("line", { x1: 18, x2: 46, y1: y, y2: y, stroke: d.colour, "stroke-width": 2.4, "stroke-dasharray": k ? "6 4" : null })); write(52, y + 4, `${s.domain} (${d.role}), ${s.n} tiles${s.images.length < s.n ? `, ${s.images.length} drawn` : ""}`); });
    svg.append(drawn("rect", { x: 24, y: top, width: width - 26, height: plot, fill: "none", stroke: "#8886" }));
    draw_sets(svg, g, { x: 26, y: top + 2, w: width - 30, h: plot - 4 });
    write(width / 2, top + plot + 15, `PC 1 (${percent(g.variance[0])} of the variance)`, { "text-anchor": "middle" }); write(12, top + plot / 2, `PC 2 (${percent(g.variance[1])})`, { "text-anchor": "middle", transform: `rotate(-90 12 ${top + plot / 2})` });
    draw_parts(svg, name, rows, top + plot + 46, width);
    return svg;
  }
  function show_plane() {
    const name = state.plane ?? data.answers[state.row].worst ?? unseen[0], g = data.planes[state.row]?.[name];
    if (name) plane_in.value = name;
    if (!g) return void plane_el.replaceChildren(told(unseen.length ? `The run has no distance of ${state.row} on ${name}.` : "No unseen domain was tested: there is no distance to take apart."));
    const rows = [...new Set(["teacher", "student S₀", state.row])].filter((r) => data.planes[r]?.[name]), source = g.sets[1].domain;
    plane_el.replaceChildren(plane_picture(name, rows, g),
      tag("p", {}, `${state.row}: FSD ${g.value.toPrecision(4)} = means ${g.mean_part.toPrecision(3)} + covariances ${g.cov_part.toPrecision(3)}. ${g.mean_part > g.cov_part ? "Most of it: they lie elsewhere." : "Most of it: they are spread differently."} The plane shows ${percent(g.mean_seen)} of the mean part and ${percent(g.cov_seen)} of the covariance part.`),
      tag("p", { class: "msan-m-small" }, `First two principal axes of both sets together, fitted for ${state.row} on ${name}: another row has another plane. Ellipses: one sigma (thick) and two sigma of the fitted Gaussians, which hold 39 % and 86 % of them. n = ${g.n} and ${g.m} tiles, as in the table; the networks that it judged. Ringed: tiles of selected images. Bars: solid means, hatched covariances.`),
      tools("plane", { svg: () => plane_el.querySelector("svg.msan-m-picture"), rows: () => [["row", "domain", "value", "mean_part", "cov_part", "normalised", "mean part in the plane", "covariance part in the plane", "n", "m"], ...data.rows.flatMap((r) => Object.entries(data.planes[r.name] ?? {}).map(([d, p]) => [r.name, d, p.value, p.mean_part, p.cov_part, p.normalised, p.mean_seen, p.cov_seen, p.n, p.m]))],
        code: code("from msan_nb.inspectors.fsd import show_fsd", () => [`show_fsd(run, (${py(state.row)}, ${py(name)}), (${py(state.row)}, ${py(source)}))`]) }));
  }

  // what the views do
  const bench_home = panel("Views: what each does to a tile, and how far it moves v", "views"), bench_el = tag("div"), strengths = Object.values(data.bench)[0]?.strengths ?? [], trained = Object.values(data.bench)[0]?.trained;
  const strength_in = tag("select", { "aria-label": "strength of the views", title: "how strong the views are: 0 changes nothing, 1 is full", onchange: (e) => { state.strength = +e.target.value; timed(show_bench); } }, strengths.map((s, k) => tag("option", { value: k }, `${s}${s === trained ? " (as in training)" : ""}`)));
  state.strength = Math.max(0, strengths.indexOf(trained)); strength_in.value = state.strength;
  bench_home.append(tag("div", { class: "msan-m-strip" }, tag("label", { class: "msan-m-small" }, "Strength: ", strength_in)), bench_el);
  function bench_picture(b, rows, k) {
    const cell = 118, step = 134, columns = narrow(bench_home, 480) ? 2 : 4, bars = 90, line = cell + bars + 50, width = columns * step + 26, height = 20 + Math.ceil(b.kinds.length / columns) * line, far = Math.max(1.1, ...rows.flatMap((r) => b.moved[r].map((m) => m[k][2])));
    const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, class: "msan-m-picture", role: "img", "aria-label": rows.map((r) => b.words[r]).join(" ") }), write = writer(svg);
    rows.forEach((r, j) => { svg.append(drawn("path", { d: SHAPES[look[r].marker] ?? SHAPES.o, fill: look[r].colour, transform: `translate(${6 + (width - 12) / rows.length * j} 7)` })); write(14 + (width - 12) / rows.length * j, 11, r.length > 16 ? r.slice(0, 15) + "…" : r, { class: "msan-m-fine" }); });
    b.kinds.forEach((kind, n) => {
      const x = 26 + (n % columns) * step, y = 20 + Math.floor(n / columns) * line, low = y + cell + 34 + bars - 14, up = (v) => ((bars - 14) * Math.min(v, far)) / far;
      write(x, y + 10, kind, { class: "msan-m-fine", "font-weight": 600 }); svg.append(tile_picture(b.pictures[n][k], x, y + 14, cell, `${kind} at strength ${b.strengths[k]}: the pixels change by ${number(b.pixels[n][k], 1)} points`)); write(x, y + cell + 26, `${number(b.pixels[n][k], 1)} points`, { class: "msan-m-fine" });
      svg.append(drawn("line", { x1: x, x2: x + cell, y1: low, y2: low, stroke: "#888" }), drawn("line", { x1: x, x2: x + cell, y1: low - up(1), y2: low - up(1), stroke: "#888", "stroke-dasharray": "2 3" }));
      if (n % columns === 0) write(x - 4, low - up(1) + 4, "1", { class: "msan-m-fine", "text-anchor": "end" });
      rows.forEach((r, j) => {
        const [moved, least, most] = b.moved[r][n][k], wide = cell / rows.length, at_x = x + j * wide + 2, middle = at_x + wide / 2 - 2, bar = drawn("rect", { class: "msan-m-moved", x: at_x, width: wide - 5, y: low - up(moved), height: up(moved), fill: look[r].colour, "fill-opacity": 0.75 }), tip = drawn("title");
        tip.textContent = `${kind}, ${r}: v moves by ${number(moved, 2)} of the distance between two tiles (${number(least, 2)} to ${number(most, 2)})`; bar.append(tip);
        svg.append(bar, drawn("line", { x1: middle, x2: middle, y1: low - up(least), y2: low - up(most), stroke: "currentColor", "stroke-width": 1.4 }), drawn("path", { d: SHAPES[look[r].marker] ?? SHAPES.o, fill: look[r].colour, transform: `translate(${middle} ${low + 7}) scale(.9)` }));
      });
    });
    return svg;
  }
  function show_bench() { keep_focus(bench_home, draw_bench); }
  function draw_bench() {
    const benches = Object.entries(data.bench), asked = data.images[state.detail]?.domain, [name, b] = benches.find(([d]) => d === asked) ?? benches[0] ?? [];
    strength_in.disabled = !benches.length;
    if (!b) return void bench_el.replaceChildren(told(`No view was computed: it needs the images. ${data.looks_note}`));
    const rows = [...new Set(["teacher", "student S₀", state.row])].filter((r) => b.moved[r]), k = state.strength, lacking = b.moved[state.row] ? "" : `The views of ${state.row} were not computed. ${data.looks_note} `, other = state.detail >= 0 && state.detail !== b.image ? `The views of ${image_name(state.detail)} were not computed; these are of ${image_name(b.image)}${name === asked ? ", the worst image of its domain" : ""}. ` : "";
    const fallen = (r, n) => { const [moved, least, most] = b.moved[r][n][k]; return `${number(moved, 2)} (${number(least, 2)}–${number(most, 2)})`; };
    bench_el.replaceChildren(...[lacking + other].filter(Boolean).map(told), names_of(benches.map(([, one]) => one.image), b.image, "Tiles with views, of images:"), bench_picture(b, rows, k),
      tag("details", {}, tag("summary", {}, "The bars as a table"), tag("div", { class: "msan-m-scroll" }, tag("table", {}, tag("thead", {}, tag("tr", {}, tag("th", { scope: "col" }, "view"), rows.map((r) => tag("th", { scope: "col" }, r)), tag("th", { scope: "col" }, "pixels"))), tag("tbody", {}, b.kinds.map((kind, n) => tag("tr", {}, tag("th", { scope: "row" }, kind), rows.map((r) => tag("td", {}, fallen(r, n))), tag("td", {}, number(b.pixels[n][k], 1)))))))),
      tag("ul", {}, rows.map((r) => tag("li", {}, b.words[r]))),
      tag("p", { class: "msan-m-small" }, `Tile ${data.points[b.point].tile + 1} of ${image_name(b.image)}, strength ${b.strengths[k]}; the networks that the table judged. Points: mean change of the pixels, in 0.01 of the grey range. Bars: how far v moves, mean of ${b.draws} draws (line: least to greatest); 1, dotted, is the distance between two of the ${b.n} tiles of ${name}. The picture is the first draw.`),
      tools("views", { svg: () => bench_el.querySelector("svg.msan-m-picture"), rows: () => [["domain", "image", "view", "strength", "row", "moved", "low", "high", "pixels"], ...b.kinds.flatMap((kind, n) => b.strengths.flatMap((s, j) => Object.keys(b.moved).map((r) => [name, data.images[b.image].id, kind, s, r, ...b.moved[r][n][j], b.pixels[n][j]])))],
        code: code("from msan_nb.inspectors.views import show_views", () => [`show_views(run, ${py(rows)}, domain=${py(name)}, tile=${b.tile}, strength=${b.strengths[k]})`]) }));
  }

  // what happens
  function timed(...parts) {
    const began = performance.now();
    for (const part of parts) part();
    root.dataset.ms = (performance.now() - began).toFixed(1);
    requestAnimationFrame(() => setTimeout(() => { root.dataset.painted = (performance.now() - began).toFixed(1); }, 0)); // after the frame is on the screen
  }
  const everything = [show_controls, show_answers, show_table, show_fsd, show_images, show_scatter, show_detail, show_exchange, show_graph, show_plane, show_bench];
  function choose_row(name) {
    if (name === state.row) return;
    state.row = name; model.set("row", name); model.save_changes();
    if (state.own_tau && is_method(name)) { state.tau = look[name].graph.tau; tau_in.value = Math.log10(state.tau); } // until somebody moves it
    timed(...everything);
    say(`Now showing ${name}.`);
  }
  function stepped() { show_controls(); show_scatter(); show_graph(); }
  function pick(i, from) { // a click: select or let go
    const key = data.images[i].key, keys = new Set(state.selected);
    if (keys.has(key)) keys.delete(key); else { keys.add(key); state.detail = i; }
    choose([...keys].map((k) => images_by_key[k]), from);
  }
  function choose(indices, from) {
    state.selected = new Set(indices.map((i) => data.images[i].key));
    if (indices.length === 1) state.detail = indices[0];
    model.set("selected", [...state.selected]); model.save_changes();
    timed(() => { repress(); note_selection(); }, () => from !== "scatter" && scatter_mark(), graph_marks, show_detail, show_exchange, show_plane, show_bench);
    say(state.selected.size ? `${state.selected.size} image${state.selected.size > 1 ? "s" : ""} selected.` : "Nothing selected.");
  }
  function note_selection() { // the cards stay what they are, unless they are the selected ones
    if (state.shown !== "selected") return note_images();
    const at_top = list.scrollTop; show_images(); list.scrollTop = at_top;
  }
  model.on("change:row", () => { const name = model.get("row"); if (look[name] && name !== state.row) choose_row(name); });
  model.on("change:step", () => { const i = data.steps.indexOf(model.get("step")); if (i >= 0 && i !== state.step) { state.step = i; step_in.value = i; timed(stepped); } });
  model.on("change:selected", () => { const keys = model.get("selected") ?? []; if (keys.length !== state.selected.size || keys.some((k) => !state.selected.has(k))) choose(keys.filter((k) => k in images_by_key).map((k) => images_by_key[k])); });

  const began = performance.now();
  state.detail = data.answers[state.row].blame[0] ?? -1;
  const ends = [scatter.render({ model: scatter_model, el: scatter_el }), graph.render({ model: graph_model, el: graph_el })];
  timed(...everything);
  root.dataset.ready = (performance.now() - began).toFixed(0);
  const wide = () => `${narrow(exchanged)} ${narrow(plane_home, 480)}`; // where the page becomes narrow or wide, the pictures are laid out anew
  let was = wide();
  const resized = new ResizeObserver(() => { if (wide() !== was) { was = wide(); show_exchange(); show_plane(); show_bench(); } });
  resized.observe(exchanged); resized.observe(plane_home);
  return () => { resized.disconnect(); ends.forEach((end) => end?.()); };
}

export default { render };
