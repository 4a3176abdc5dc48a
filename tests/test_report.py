"""The report of a run, on a small fake run that is written by hand: no training."""
import json, re
from dataclasses import asdict, replace
from html import escape, unescape
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from msan_nb.app.report import read_run, terminal_table, write_report
from msan_nb.core import InputError
from msan_nb.repro.recipes import make_recipe

METHODS = ("teacher", "student S₀", "student alone", "KD + views", "GKD")
DOMAINS = {"home/val": "val", "home/test": "test", "away": "unseen", "<b>far</b> $x^": "unseen"}
GAIN = {"teacher": 20, "student S₀": -10, "student alone": 0, "KD + views": 2, "GKD": 9}
MANY = (*METHODS[:3], "student + views", *(f"method {i}" for i in range(18)), "KD + views", "GKD (intra)", "GKD")  # a table of twenty-five rows


def image_row(rng, method, seed, domain, i, scale, region):
    tp, fp, fn = 60 + GAIN.get(method, len(method) % 5) + int(rng.integers(4)), 10 + int(rng.integers(4)), 12
    return {"method": method, "seed": seed, "domain": domain, "split": DOMAINS[domain], "image": f"00{i}", "group": f"0{i}", "scale": scale, "region": region, "label": 1,
            "dice": 2*tp/(2*tp + fp + fn), "iou": tp/(tp + fp + fn), "sensitivity": tp/(tp + fn), "specificity": 100/(100 + fp), "auc": .9, "hd95": np.nan if method == "teacher" and i == 0 else 3., "tp": tp, "fp": fp, "fn": fn, "tn": 100}


def distance_row(network, domain, seed, value):
    return {"network": network, "kind": "between", "domain": domain, "other": "home/test", "value": value, "low": .5*value, "high": 2*value, "null": .3*value, "null_high": .4*value, "normalised": value/10,
            "mean_part": 0, "cov_part": value, "n": 24, "m": 24, "dim": 4, "groups_a": 6, "groups_b": 6, "half": 1.5*value, "n_half": 12, "level": .9, "note": "", "probe_r2": .25, "seed": seed}


def write_tensors(path, tensors, meta):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: torch.as_tensor(v).contiguous() for k, v in tensors.items()}, path, metadata={"json": json.dumps(meta)})


def write_seed(folder, rng, methods=METHODS):
    tested = [d for d, split in DOMAINS.items() if split != "val"]
    pictures = {f"{d}|0|{name}": rng.integers(0, 256, (24, 24), dtype=np.uint8) for d in tested for name in ("image", *methods)}
    pictures |= {f"{d}|0|mask": rng.integers(0, 2, (24, 24), dtype=np.uint8) for d in tested}
    write_tensors(folder/"examples.safetensors", pictures, {d: ["000"] for d in tested})
    vectors = {f"{n}|{d}": rng.normal(size=(24, 4)).astype("float32") for n in ("P-SAE", *methods) for d in tested}
    write_tensors(folder/"vectors.safetensors", vectors, {d: {"ids": ["000"]*24, "groups": ["00"]*24} for d in tested})
    for step in (0, 5):
        tensors = {f"vectors/{m}": rng.normal(size=(3, 4, 4)).astype("float32") for m in ("teacher", *methods[2:])}
        write_tensors(folder/"distil"/"snapshots"/f"step-{step:06d}.safetensors", tensors, {"step": step, "methods": {m: {"val_dice": .5, "drift": .1 + step} for m in methods[2:]}})
    for where, terms in {"teacher": ["ce"], "student": ["ce"], "psae/autoencoder": ["reconstruct"], "psae/gate": ["latent"], "tan": ["predict"], "san": ["predict"], "distil": [f"{m}/ce" for m in methods[2:]] + ["GKD/intra"]}.items():
        (folder/where).mkdir(parents=True, exist_ok=True)
        (folder/where/"history.jsonl").write_text("".join(json.dumps({"step": i, **{t: 1/(i + 1) for t in terms}}) + "\n" for i in range(10)))
    stages = {s: f"{s}-0123abcd" for s in ("teacher", "student", "psae", "tan", "san", "distil")}
    for s in stages: (folder/s/"state.json").write_text(json.dumps({"stage": s, "seconds": 1.5, "environment": {"cores": 2, "threads": 1, "gpu": None}}))
    dice = {"P-SAE Dice": {d: {"latent": .91, "vector": .52} for d in DOMAINS}, "teacher's Dice by bottleneck": {d: {"own": .8, "mean": .7} for d in DOMAINS}}
    (folder/"diagnostics.json").write_text(json.dumps(dice)); (folder/"done.json").write_text(json.dumps({"seed": 0, "stages": stages}))


def fake_run(folder, seeds=(0, 1, 2), whole=True, methods=METHODS, **changes):
    """A finished run as `reproduce` leaves it; metrics of two scales, distances with intervals. Not whole: without what lies in the folders of the seeds."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    recipe = replace(make_recipe("vessel", "tiny"), **changes)
    rows = [image_row(rng, m, s, d, i, *which) for m in methods for s in seeds for d in DOMAINS for i in range(8) for which in (("harmonised", "fov"), ("harmonised", "frame"), ("native", "fov"))]
    pd.DataFrame(rows).to_csv(folder/"metrics.csv", index=False)
    pd.DataFrame([distance_row(n, d, s, 1. + i) for s in seeds for i, n in enumerate(("P-SAE", *methods)) for d in DOMAINS if d != "home/test"]).to_csv(folder/"fsd.csv", index=False)
    pd.DataFrame({"method": methods[2:], "own": 1e6, "teacher": 2e6, "in_lockstep": 2., "alone": 6.}).to_csv(folder/"costs.csv", index=False)
    (folder/"config.json").write_text(json.dumps({"recipe": asdict(recipe), "seeds": list(seeds), "threads": 1, "synthetic": True}))
    (folder/"env.json").write_text(json.dumps({"python": "3.11", "packages": {"torch": "2"}}))
    (folder/"data.json").write_text(json.dumps({d: {"hash": f"hash{i}", "images": 8, "groups": 8} for i, d in enumerate(["home/train", *DOMAINS])}))
    for s in seeds if whole else (): write_seed(folder/f"seed-{s}", rng, methods)
    return folder


class Page(HTMLParser):
    """What a page loads and says; checks that its tags are closed."""
    def __init__(self, path):
        super().__init__()
        self.open, self.tags, self.images, self.loads, self.said = [], set(), [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        assert not self.open
        self.text = " ".join(self.said)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.loads += [v for k, v in attrs if k in ("src", "href", "srcset", "data", "action", "poster")]
        assert not any(k.startswith("on") or k == "style" and "url" in v for k, v in attrs)
        if tag == "img": self.images.append(dict(attrs))
        if tag not in ("img", "meta", "br"): self.open.append(tag)

    def handle_endtag(self, tag): assert self.open.pop() == tag

    def handle_data(self, data): self.said.append(data)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = fake_run(tmp_path_factory.mktemp("report")/"run")
    write_report(folder)
    return folder


@pytest.fixture
def own(tmp_path): return fake_run(tmp_path/"run", seeds=(0,), whole=False)


def cells(html, method):
    """The first row of a method, as heading -> text."""
    table = next(t for t in re.findall("<table>(.*?)</table>", html) if f"<th scope=row>{escape(method)}</th>" in t)
    row = re.search(rf"<th scope=row>{re.escape(escape(method))}</th>(.*?)</tr>", table)[1]
    return dict(zip([unescape(c) for c in re.findall('<th scope="col">(.*?)</th>', table)[1:]], [unescape(c) for c in re.findall("<td>(.*?)</td>", row)]))


def test_the_page_needs_nothing_else(run):
    page = Page(run/"report.html")
    assert not {"script", "link", "iframe", "object", "embed", "base"} & page.tags
    assert page.loads and all(u.startswith(("data:image/png;base64,", "#")) for u in page.loads)
    assert "://" not in page.text and "url(" not in (run/"report.html").read_text()
    assert all(len(i["alt"]) > 20 and int(i["width"]) > 100 for i in page.images)
    assert len(page.images) == len(list((run/"figures").glob("*.png"))) == 3 + 6  # an example of each domain, and six other figures
    assert not [p for p in (*run.iterdir(), *(run/"figures").iterdir()) if p.suffix == ".tmp"]
    assert (run/"report.html").stat().st_size < 4e6


def test_no_part_is_missing_in_a_whole_run(run):
    html = (run/"report.html").read_text()
    assert 'class="missing"' not in html and "not available" not in html
    assert all(escape(word) in html for word in (*METHODS, *(d for d in DOMAINS if DOMAINS[d] != "val"), "hash1", "distil-0123abcd", "native scale"))


def test_hostile_names_are_text(run):
    html = (run/"report.html").read_text()
    assert "<b>" not in html and escape("<b>far</b> $x^") in html
    assert all(re.fullmatch(r"[a-z0-9-]+\.png", p.name) for p in (run/"figures").iterdir())
    assert "<b>far</b> $x^" in terminal_table(run)


def test_dice_is_that_of_metrics_csv(run):
    rows = pd.read_csv(run/"metrics.csv").query("scale == 'harmonised' and region == 'fov' and split == 'unseen'")
    html, text = (run/"report.html").read_text(), terminal_table(run)
    for method in METHODS:
        by_seed = [np.mean([part["dice"].mean() for _, part in seed.groupby("domain")]) for _, seed in rows[rows["method"] == method].groupby("seed")]
        expected = f"{np.mean(by_seed):.3f} ± {np.std(by_seed, ddof=1):.3f}"
        assert cells(html, method)["unseen mean"] == expected
        assert expected in next(line for line in text.splitlines() if line.startswith(method + " "))


def test_fsd_is_normalised_with_its_interval(run):
    text = terminal_table(run)
    row = next(line for line in text.split("FSD:")[1].splitlines() if line.startswith("GKD "))
    assert row.split()[1:] == (["0.60", "±", "0.00", "[0.30,", "1.20]", "·", "0.90", "|", "0.18"]*2 + ["0.25"])
    assert "P-SAE (floor)" in text and "home/val (n=" not in text


def test_the_headline_says_who_wins(run, own):
    assert "GKD beats all 2 rivals beyond noise" in Page(run/"report.html").text
    rows = pd.read_csv(own/"metrics.csv", dtype={"image": str, "group": str})
    rows.loc[rows["method"] == "GKD", "dice"] -= .2
    rows.to_csv(own/"metrics.csv", index=False)
    assert "GKD is worse than all 2 rivals beyond the noise of images (one seed" in terminal_table(own)


def test_differences_are_those_of_the_means(run):
    html = (run/"report.html").read_text()
    dice = {m: pd.read_csv(run/"metrics.csv").query("scale == 'harmonised' and region == 'fov' and split == 'unseen' and method == @m").groupby("domain")["dice"].mean().mean() for m in METHODS}
    for method in METHODS[2:4]: assert cells(html, method)["GKD minus this"].startswith(f"{100*(dice['GKD'] - dice[method]):+.2f} [")
    assert {m: cells(html, m)["verdict"] for m in METHODS} == {"teacher": "–", "student S₀": "–", "student alone": "beyond noise", "KD + views": "beyond noise", "GKD": "–"}


def test_only_what_is_beyond_noise_is_bold(run, own):
    bold = lambda html: {unescape(m) for m in re.findall(r'<tr class="sure"><th scope=row>(.*?)</th>', html)}
    assert {"student alone", "KD + views"} <= bold((run/"report.html").read_text())
    assert bold(write_report(own).read_text()) == set()  # one seed: nothing is beyond the noise of training


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    folder = fake_run(tmp_path_factory.mktemp("many")/"run", seeds=(0, 1), methods=MANY)
    write_report(folder)
    return folder


def test_many_rows_stand_by_family(many):
    html, text = (many/"report.html").read_text(), terminal_table(many)
    assert 'class="missing"' not in html and (many/"report.html").stat().st_size < 4e6
    first = re.search("<table>(.*?)</table>", html)[1]
    order = re.findall("scope=(?:row|rowgroup)>(.*?)</th>", first.replace(" colspan=7", ""))
    titles = [o for o in order if ":" in o or o in ("Without a teacher", "Other distillation") or o.startswith("GKD, ")]
    assert len(titles) == 4 and len(order) == len(MANY) + 4 and set(map(unescape, order)) >= set(MANY)
    lines = [line for line in text.split("Dice, mean")[1].split("\n\n")[0].splitlines()[2:]]
    assert [line[2:] if line.startswith("- ") else "" for line in lines].count("") == len(MANY) and [line[2:] for line in lines if line.startswith("- ")] == [unescape(t) for t in titles]


def test_pictures_of_many_rows_show_a_few_by_name(many):
    r = read_run(many)
    assert {"teacher", "student S₀", "student alone", "student + views", "GKD"} < set(r.shown) and len(r.shown) == 6
    assert (r.parts, len(r.rivals)) == (["GKD (intra)"], 21)
    page = Page(many/"report.html")
    effects = next(i["alt"] for i in page.images if i["alt"].startswith("GKD minus"))
    assert all(m in effects for m in (*r.rivals, *r.parts)) and "teacher" not in effects
    assert len(page.images) == len(list((many/"figures").glob("*.png"))) == 3 + 6


def test_costs_are_read_from_the_run(many):
    row = next(t for t in re.findall("<table>(.*?)</table>", (many/"report.html").read_text()) if "MMACs" in t)
    assert "<td>6.00</td>" in row and "<td>0.500</td>" in row  # relative cost, and source-val Dice at equal compute


def test_images_of_the_terminal_are_named_and_warned_of(own):
    text = terminal_table(own)
    assert "One seed" in text and "Synthetic" in text and "±" not in text.split("Dice, mean")[1].split("FSD:")[0]
    data = json.loads((own/"data.json").read_text())
    data["away"]["groups"] = 1
    (own/"data.json").write_text(json.dumps(data))
    assert "n = 1 patient or group in away" in terminal_table(own)


def test_groups_are_the_unit_of_volumes(tmp_path):
    assert "n counts groups" in terminal_table(fake_run(tmp_path/"run", seeds=(0,), whole=False, unit="group"))


LOST = ("examples.safetensors", "vectors.safetensors", "diagnostics.json", "done.json", "distil/history.jsonl", "distil/snapshots", "no history.jsonl of a stage")

def test_missing_parts_leave_messages(own):
    html = write_report(own).read_text()
    messages = re.findall('class="missing">(not available.*?)</p>', html)
    assert len(messages) == len(LOST) and all(any(lost in m for m in messages) for lost in LOST)
    assert str(own) not in html and "GKD beats" in html and {p.name for p in (own/"figures").iterdir()} == {"effects.png", "fsd.png"}


def test_broken_parts_leave_messages(own):
    (own/"seed-0"/"teacher").mkdir(parents=True)
    (own/"seed-0"/"examples.safetensors").write_bytes(b"half of a fi")
    (own/"seed-0"/"teacher"/"history.jsonl").write_text('{"step": 0, "ce"')
    (own/"env.json").write_text("")
    html = write_report(own).read_text()
    assert html.count('class="missing">not available') == len(LOST) + 1 and "safetensors cannot read" in html and "env.json: found text that is not JSON" in html


def test_a_run_without_gkd_compares_last_and_first(own):
    rows = pd.read_csv(own/"metrics.csv", dtype={"image": str, "group": str}).query("method != 'GKD'")
    rows.to_csv(own/"metrics.csv", index=False)
    r = read_run(own)
    assert (r.judged, r.rivals) == ("KD + views", ["student alone"])
    assert "Against student alone" in terminal_table(own) and "KD + views" in write_report(own).read_text()


def test_without_unseen_domains_nothing_is_claimed(own):
    rows = pd.read_csv(own/"metrics.csv", dtype={"image": str, "group": str}).query("split != 'unseen'")
    rows.to_csv(own/"metrics.csv", index=False)
    assert "cannot say whether GKD generalises" in terminal_table(own) and "nothing unseen" in write_report(own).read_text()


def test_the_same_run_gives_the_same_page(own):
    first = write_report(own).read_bytes()
    assert write_report(own).read_bytes() == first


def folder_of(tmp_path, **files):
    for name, text in files.items(): (tmp_path/name.replace("_", ".")).write_text(text)
    return tmp_path


CONFIG = json.dumps({"recipe": asdict(make_recipe("vessel", "tiny")), "seeds": [0]})

@pytest.mark.parametrize("files, said", [
    ({}, "without config.json"), ({"config_json": "{}"}, "no recipe"), ({"config_json": "[1]"}, "no recipe"), ({"config_json": "{"}, "not JSON"),
    ({"config_json": CONFIG}, "goes on where it stopped"), ({"config_json": CONFIG, "metrics_csv": ""}, "not a table"),
    ({"config_json": CONFIG, "metrics_csv": "a,b\n1,2\n"}, "no column method"),
])
@pytest.mark.parametrize("verb", [terminal_table, write_report])
def test_foreign_and_unfinished_folders_are_refused(tmp_path, verb, files, said):
    with pytest.raises(InputError, match=said): verb(folder_of(tmp_path, **files))
    assert not (tmp_path/"report.html").exists()
    with pytest.raises(InputError, match="no such folder"): verb(tmp_path/"nowhere")
