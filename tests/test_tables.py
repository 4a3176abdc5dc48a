"""Crossed intervals, verdicts, equal compute and claims, as a user imports them."""
import json, math
from dataclasses import asdict, replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch

from msan_nb.core import InputError, stream
from msan_nb.distill import METHODS
from msan_nb.metrics.significance import crossed_bootstrap, crossed_difference, holm
from msan_nb.models import build
from msan_nb.models.segmenter import macs
from msan_nb.app.claims import CLAIMS, Claim, card_markdown, check_claim, claims_card, read_results
from msan_nb.repro.compute import costs_of, equal_compute, equal_steps, method_costs, val_at_equal_compute
from msan_nb.repro.recipes import make_recipe
from msan_nb.repro.tables import CONTROLS, compare, family, gains, in_words, judged, judged_table, main_table, ordered, rivals, units, verdicts


# ---- seeds and images at once

def anova(D):
    """Mean squares of seeds, images and the rest of a balanced table, from their textbook definition."""
    R, n = D.shape
    a, b = D.mean(1, keepdims=True) - D.mean(), D.mean(0, keepdims=True) - D.mean()
    return n*(a**2).sum()/(R - 1), R*(b**2).sum()/(n - 1), ((D - D.mean() - a - b)**2).sum()/((R - 1)*(n - 1))


@pytest.mark.parametrize("R, n", [(2, 5), (3, 18), (5, 9)])
@pytest.mark.parametrize("sd", [(0, 1, 1), (1, 0, .3), (1, 1, 0)], ids=str)
def test_standard_error_is_that_of_the_mean_squares(R, n, sd):
    rng = stream("test crossed", R, n, *sd)
    D = sd[0]*rng.normal(size=(R, 1)) + sd[1]*rng.normal(size=(1, n)) + sd[2]*rng.normal(size=(R, n))
    a, b, e = anova(D)
    found = crossed_bootstrap(D, resamples=40_000)
    assert found.se**2*R*n == pytest.approx(a + b + e, rel=.04)  # the random-effects estimate is a + b − e: the draws err to the careful side
    assert found.t == pytest.approx((a*scipy.stats.t.ppf(.975, R - 1) + b*scipy.stats.t.ppf(.975, n - 1))/(a + b), rel=1e-9)
    assert found.diff == pytest.approx(D.mean(), abs=1e-12)


@pytest.mark.parametrize("sd, least", [((0, .02), .93), ((.02, .02), .93), ((.02, 0), .92)], ids=str)
def test_the_interval_covers_the_truth(sd, least):
    def covers(k):
        rng = stream("test cover", k, *sd)
        D = .01 + sd[0]*rng.normal(size=(3, 1)) + sd[1]*rng.normal(size=(1, 12)) + .005*rng.normal(size=(3, 12))
        found = crossed_bootstrap(D, resamples=300)
        return found.low <= .01 <= found.high
    assert np.mean([covers(k) for k in range(300)]) >= least


def test_a_test_of_both_factors_gives_few_false_alarms():
    def p(k):
        rng = stream("test alarm", k)
        r = crossed_difference(.02*rng.normal(size=(3, 1)) + .02*rng.normal(size=(1, 10)) + .01*rng.normal(size=(3, 10)), resamples=300)
        assert (r.p < .05) <= (r.low*r.high > 0) and r.p >= r.p_images
        return r.p, r.p_images
    both, images = np.mean(np.array([p(k) for k in range(200)]) < .05, 0)
    assert both <= .06 and images > .3


def test_limits_are_the_t_intervals():
    rng = stream("test limits")
    seeds, images = rng.normal(size=(4, 1)), rng.normal(size=(1, 15))
    for D, x in ((seeds + np.zeros((1, 7)), seeds), (images, images)):
        assert crossed_bootstrap(D, resamples=40_000)[1:3] == pytest.approx(tuple(scipy.stats.ttest_1samp(x.ravel(), 0).confidence_interval()), abs=.04)


def test_domains_count_once_and_groups_move_together():
    rng = stream("test domains")
    D = rng.normal(size=(3, 12))
    domains, groups = ["a"]*9 + ["b"]*3, [*range(9), 9, 9, 10]
    r = crossed_difference(D, groups, domains)
    assert r.diff == pytest.approx((D[:, :9].mean() + D[:, 9:].mean())/2) and (r.n, r.images) == (11, 12)
    assert crossed_difference(np.repeat(D, 4, 1), np.repeat(groups, 4), np.repeat(domains, 4)).low == pytest.approx(r.low)
    weights = np.array([1/18]*9 + [1/6]*3)
    sums = np.array([sum((weights*D.mean(0))[i] for i in range(12) if groups[i] == g) for g in range(11)])
    flips = np.array(list(product((-1, 1), repeat=11))) @ sums
    assert r.p_images == pytest.approx(np.mean(abs(flips) >= abs(sums.sum()) - 1e-12))
    assert r.seed_sd == pytest.approx((D @ weights).std(ddof=1)) and r.seed_wins == int((D @ weights > 0).sum())


ONE = "one seed says nothing"

@pytest.mark.parametrize("values, groups, strata, has_p, has_images, note", [
    (np.ones((1, 5)), None, None, False, True, ONE),
    (np.ones((3, 2)), ["p", "p"], None, False, False, ""),
    (np.ones((3, 2)), None, ["a", "b"], False, False, ""),
    (np.arange(9.).reshape(3, 3), None, ["a", "a", "b"], True, True, "one group in b"),
    (np.zeros((3, 4)), None, None, True, True, ""),
    ([[1., np.nan], [1., 2.]], None, None, False, False, ""),
])
def test_what_cannot_be_claimed_is_not(values, groups, strata, has_p, has_images, note):
    r = crossed_difference(values, groups, strata)
    assert (not math.isnan(r.p), not math.isnan(r.p_images)) == (has_p, has_images) and note in r.note and math.isnan(r.low) == (not has_images)
    assert has_p or has_images or "no claim" in repr(r)


def test_bad_tables_are_refused():
    for values, groups in (([], None), ([[1, np.nan]], None), ([[1, 2]], ["x"]), ([1, 2], None)):
        with pytest.raises(InputError): crossed_bootstrap(values, groups)


# ---- tables

def rows_of(gain, seeds=3, sd=.004, domains=(("home", "test", 4), ("far", "unseen", 12), ("away", "unseen", 6)), key=0):
    rng = stream("test rows", key)
    easy = {(d, i): .05*rng.normal() for d, _, n in domains for i in range(n)}
    mood = {(m, s): sd*rng.normal() for m in gain for s in range(seeds)}
    return pd.DataFrame([{"method": m, "seed": s, "domain": d, "split": split, "image": f"{i}", "group": f"{i}", "scale": "harmonised", "region": "fov", "label": 1, "dice": .6 + g + easy[d, i] + mood[m, s] + .004*rng.normal(),
                          **dict.fromkeys(("iou", "sensitivity", "specificity", "auc", "hd95", "tp", "fp", "fn", "tn"), 1.)} for m, g in gain.items() for s in range(seeds) for d, split, n in domains for i in range(n)])


GAIN = {"GKD": .06, "AT": .03, "student alone": 0, "teacher": .2, "KD + views": .06, "GKD (intra)": .02, "student + views": .01}

@pytest.mark.parametrize("name, kind", [("teacher", "references"), ("student S₀", "references"), ("student + views", "controls"), ("KD + views", "comparisons"), ("KD + views ×10", "comparisons"), ("any other", "comparisons"), ("GKD", "ours"), ("GKD (intra)", "ours"), ("GKD, rbf", "ours"), ("GKD ×3", "ours"), ("GKDish", "comparisons")])
def test_families(name, kind): assert family(name) == kind


def test_every_method_of_the_kit_has_its_family():
    kinds = {m.name: family(m.name) for m in METHODS.values() if m.name != "distiller"}
    assert {n for n, k in kinds.items() if k == "controls"} == {"student alone", "student + views", "GIN", "amplitude mix", "MixStyle", "DSU"}


def test_rows_stand_by_family_best_first():
    rows = units(rows_of(GAIN))
    assert ordered(rows) == ["teacher", "student + views", "student alone", "KD + views", "AT", "GKD", "GKD (intra)"] == list(main_table(rows).index)
    assert {"student alone", "student + views"} <= CONTROLS and rivals(ordered(rows)) == ["student + views", "student alone", "KD + views", "AT"]


def test_the_difference_is_that_of_the_column():
    rows = units(rows_of(GAIN))
    mean = rows[rows["split"] == "unseen"].groupby(["method", "domain"])["dice"].mean().groupby("method").mean()
    for r in verdicts(rows).to_dict("records"): assert r["diff"] == pytest.approx(mean["GKD"] - mean[r["control"]])
    for r in gains(rows).to_dict("records"): assert r["diff"] == pytest.approx(mean[r["method"]] - mean["student + views"])
    assert set(gains(rows)["method"]) == set(GAIN) - {"teacher", "student + views"}


def test_holm_goes_over_the_family_of_a_domain():
    found = judged(compare(units(rows_of(GAIN)), "GKD", ["AT", "student alone", "KD + views"]))
    for _, part in found.groupby("domain"):
        for p in ("p", "p_images"): assert part[f"{p}_holm"].tolist() == pytest.approx(holm(part[p].to_numpy()).tolist())


@pytest.mark.parametrize("seeds, sd, verdict", [(1, 0, "beyond image noise only"), (5, .002, "beyond noise"), (2, .05, "beyond image noise only")])
def test_verdicts(seeds, sd, verdict):
    rows = units(rows_of({"student alone": 0, "GKD": .06}, seeds, sd))
    said = verdicts(rows).iloc[0]
    assert said["verdict"] == verdict == judged_table(rows).loc["student alone", "verdict"]
    assert in_words(compare(rows, "GKD", ["student alone"]), "GKD")[0].endswith(verdict) and ("p over images" in in_words(compare(rows, "GKD", ["student alone"]), "GKD")[0]) == (seeds == 1)


def test_no_difference_is_seldom_beyond_noise():
    said = [verdicts(units(rows_of({"GKD": 0, **{f"m{i}": 0 for i in range(5)}}, 3, .01, key=k)))["verdict"] for k in range(16)]
    assert sum((v == "beyond noise").any() for v in said) <= 3  # 0.05 of 16 tables would be 0.8


@pytest.mark.parametrize("change, said", [
    (lambda f: f.query("domain == 'home'"), "home"), (lambda f: f.query("method == 'GKD'"), None), (lambda f: f.query("image == '0' and domain != 'away'"), "no claim"),
])
def test_tables_with_little_in_them(change, said):
    found = verdicts(units(change(rows_of(GAIN))))
    if said is None: assert found.empty and judged_table(units(change(rows_of(GAIN)))).shape[0] == 1
    else: assert said in (found["domain"].iloc[0] + found["verdict"].iloc[0])


# ---- compute

TINY = make_recipe("vessel", "tiny", methods=("student", "kd", "gkd", "cross"))

@pytest.fixture(scope="module")
def costs(): return method_costs(TINY)


def test_a_step_costs_what_its_convolutions_cost(costs):
    net = build(*[TINY.student[0], 1, 2, TINY.student[1]])
    first = next(m for m in net.modules() if isinstance(m, torch.nn.Conv2d))
    step = 3*macs(net, TINY.size) - first.weight.numel()*(TINY.size//first.stride[0])**2  # no gradient for the image
    assert costs.loc["student alone", "own"] == step and costs.loc["KD + views", "own"] == 3*step
    assert list(costs.index) == ["student alone", "KD + views", "GKD", "GKD (cross)"] and costs.loc["KD + views", "in_lockstep"] == 1
    assert (costs["teacher"] > 0).tolist() == [False, True, True, True]
    assert costs.loc["GKD", "own"] >= costs.loc["GKD (cross)", "own"] > 3*step


def test_first_steps_of_a_balance_do_not_count(costs):
    shares = method_costs(replace(TINY, methods=("gkd", "kd:0.3ce"), gkd={"shares": {"cross": .3}}))
    assert shares["own"].tolist() == costs.loc[["GKD", "KD + views"], "own"].tolist()


def test_equal_steps_cost_the_same(costs):
    steps = equal_steps(costs["alone"], 1000)
    assert steps["GKD"] == 1000 and (steps*costs["alone"]).to_numpy() == pytest.approx([1000*costs.loc["GKD", "alone"]]*4, rel=.01)


@pytest.mark.parametrize("cost, step, val", [(1., 10., .5), (2., 5., .25), (4., 2.5, .125), (.5, 10., .5)])
def test_validation_at_equal_compute(cost, step, val):
    found = val_at_equal_compute(pd.DataFrame({"method": "m", "step": [0, 5, 10], "val": [0, .25, .5]}), pd.Series({"m": cost}))
    assert found.loc["m"].tolist() == pytest.approx([cost, step, val, .5])


def write_result(folder, rows, recipe, costs=None, synthetic=False, source="home", fsd=None):
    folder.mkdir()
    (folder/"config.json").write_text(json.dumps({"recipe": asdict(recipe), "synthetic": synthetic})); (folder/"data.json").write_text(json.dumps({f"{source}/train": {}}))
    rows.to_csv(folder/"metrics.csv", index=False)
    if costs is not None: pd.DataFrame(costs, index=pd.Index(costs["in_lockstep"], name="method")).to_csv(folder/"costs.csv")
    if fsd is not None: fsd.to_csv(folder/"fsd.csv", index=False)
    return folder


def test_runs_of_different_lengths_are_joined(tmp_path):
    of = lambda **c: {"in_lockstep": c, "alone": c}
    longer = replace(TINY, distill_plan=replace(TINY.distill_plan, steps=2*TINY.distill_plan.steps), methods=("kd",))
    a = write_result(tmp_path/"a", rows_of({"GKD": .06, "KD + views": 0, "AT": .01}), TINY, of(**{"GKD": 2., "KD + views": 1., "AT": 1.}))
    b = write_result(tmp_path/"b", rows_of({"KD + views": .05}), longer, of(**{"KD + views": 1.}))
    joined = equal_compute([a, b])
    assert joined.spent["of_budget"].to_dict() == {"GKD": 1., "KD + views": 1., "AT": .5} and joined.spent["kept"].to_dict() == {"GKD": True, "KD + views": True, "AT": False}
    assert verdicts(joined.rows)["control"].tolist() == ["KD + views"] and joined.rows.query("method == 'KD + views'")["dice"].mean() > .63
    c = write_result(tmp_path/"c", rows_of({"KD + views": .05}), replace(longer, batch=6), of(**{"KD + views": 1.}))
    with pytest.raises(InputError, match="another batch"): equal_compute([a, c])
    with pytest.raises(InputError, match="no GKD"): equal_compute([b])


def test_costs_are_counted_once(tmp_path):
    folder = write_result(tmp_path/"run", rows_of({"student alone": 0}), replace(TINY, methods=("student",)))
    assert costs_of(folder).loc["student alone", "alone"] == pytest.approx(1/3, rel=1e-5)
    (folder/"costs.csv").write_text("method,own,teacher,in_lockstep,alone\nstudent alone,1,0,7,7\n")
    assert costs_of(folder).loc["student alone", "alone"] == 7


# ---- claims

def verdict_of(root, text):
    card = claims_card(root).set_index("claim")
    return card.loc[text, "verdict"], card.loc[text, "evidence"]

BARE, SOURCE = "vessels: GKD makes the light network better on unseen domains", "vessels: and on images of the source domain"

@pytest.mark.parametrize("gain, seeds, synthetic, verdict, said", [
    (.06, 5, False, "reproduced", "5 of 5 trainings"), (0, 5, False, "not reproduced", "noise"), (-.06, 5, False, "not reproduced", "beyond noise"),
    (.06, 1, False, "not tested", "one seed cannot tell"), (.06, 5, True, "not tested", "no result"),
])
def test_a_claim_is_judged_by_its_results(tmp_path, gain, seeds, synthetic, verdict, said):
    write_result(tmp_path/"v", rows_of({"student alone": 0, "GKD": gain}, seeds), TINY, synthetic=synthetic)
    found, evidence = verdict_of(tmp_path, BARE)
    assert found == verdict and said in evidence


def test_more_seeds_decide(tmp_path):
    write_result(tmp_path/"one", rows_of({"student alone": 0, "GKD": .3}, 2), TINY)
    write_result(tmp_path/"many", rows_of({"student alone": 0, "GKD": 0}, 4), TINY)
    assert verdict_of(tmp_path, BARE)[0] == "not reproduced"
    assert verdict_of(tmp_path, "liver: GKD makes the light network better on unseen domains")[0] == "not tested"


def test_every_claim_has_a_mark_or_is_not_public(tmp_path):
    card = claims_card(tmp_path)
    claims = [c for some in CLAIMS.values() for c in some]
    assert len(card) == len(claims) == len({c.text for c in claims}) and set(card["verdict"]) == {"not tested", "not public"}
    assert [v == "not public" for v in card["verdict"]] == [not c.mark for c in claims] and all(set(c.mark) <= set("AFCK, ") and c.how for c in claims)
    assert card_markdown(card).count("\n") > len(card)
    assert check_claim(Claim("x", "A", "y"), []).verdict == "not tested" and check_claim(Claim("x", "", "y"), []).verdict == "not public"


@pytest.mark.parametrize("parts, verdict", [({"intra": .01, "inter": .01, "cross": .01, "intra+inter": .01}, "reproduced"), ({"intra": .01, "inter": .01, "cross": .08, "intra+inter": .01}, "not reproduced"), ({"intra": .01, "inter": .01}, "not tested")])
def test_all_terms_are_better_than_each_part(tmp_path, parts, verdict):
    write_result(tmp_path/"v", rows_of({"GKD": .06, "student + views": 0, **{f"GKD ({p})": g for p, g in parts.items()}}, 5, .002), TINY)
    assert verdict_of(tmp_path, "vessels: all terms together are better than any part")[0] == verdict


@pytest.mark.parametrize("ours, seeds, probe, verdict", [((.2, .2), 3, .3, "reproduced"), ((.2, .75), 3, .3, "not reproduced"), ((.2, .2), 3, -.3, "not reproduced"), ((.2, .2), 1, .3, "not tested"), ((.2, np.nan), 3, .3, "reproduced"), ((np.nan, np.nan), 3, .3, "not tested")])
def test_the_distance_falls(tmp_path, ours, seeds, probe, verdict):
    fsd = pd.DataFrame([{"network": n, "kind": "between", "domain": d, "other": "home", "value": 10*(v if v == v else .2), "low": 10*v - 1, "high": 10*v + 1, "normalised": v if v == v else .2, "probe_r2": probe, "seed": s} for s in range(seeds) for n, two in (("GKD", ours), ("student alone", (.8, .8))) for d, v in zip(("far", "away"), two)])
    write_result(tmp_path/"v", rows_of({"student alone": 0, "GKD": 0}, seeds), TINY, fsd=fsd)
    assert verdict_of(tmp_path, "the distance between domains (FSD) falls")[0] == verdict


def test_the_card_of_this_repository_is_consistent():
    from pathlib import Path
    root = Path(__file__).parents[1]/"results"
    card = claims_card(root)
    assert set(card["verdict"]) <= {"reproduced", "not reproduced", "not tested", "not public"}
    names = {r.path.name for r in read_results(root)}
    assert set(card["result"]) <= names | {"–"} and (card.loc[card["verdict"].isin(["reproduced", "not reproduced"]), "evidence"].str.len() > 20).all()
