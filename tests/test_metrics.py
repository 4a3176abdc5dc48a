"""The metrics against independent references, as a user imports them."""
import math, warnings

import numpy as np
import pandas as pd
import pytest
import scipy.linalg
import scipy.stats
import torch
from hypothesis import assume, given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import binary_erosion

from msan_nb.core import InputError, stream
from msan_nb.metrics.fsd import content_probe, frechet_distance, frechet_parts, fsd, gaussian_frechet, mask_summary
from msan_nb.metrics.segmentation import Counts, auc, confusion, dice, evaluate_image, hd95, image_metrics, iou, pooled, sensitivity, specificity
from msan_nb.metrics.significance import holm, mean_sd, paired_difference, summarise

quick = settings(max_examples=30, deadline=None, derandomize=True)
masks = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(lambda s: st.tuples(*[hnp.arrays(bool, s)]*3))
seeds = st.integers(0, 10**6)


# ---- segmentation

@quick
@given(masks)
def test_counts_ratios_equal_sklearn(trio):
    from sklearn.metrics import f1_score, jaccard_score, recall_score
    pred, mask, region = trio
    assume(region.any())
    c = confusion(pred, mask, region)
    assert c.tp + c.fp + c.fn + c.tn == region.sum()
    t, p = mask[region], pred[region]
    assert dice(c) == pytest.approx(f1_score(t, p, zero_division=1))
    assert iou(c) == pytest.approx(jaccard_score(t, p, zero_division=1) if t.any() or p.any() else 1)
    assert sensitivity(c) == pytest.approx(recall_score(t, p, zero_division=np.nan), nan_ok=True)
    assert specificity(c) == pytest.approx(recall_score(~t, ~p, zero_division=np.nan), nan_ok=True)


@quick
@given(masks)
def test_region_is_the_same_as_cutting_pixels_out(trio):
    pred, mask, region = trio
    assert confusion(pred, mask, region) == confusion(pred[region], mask[region])
    assert confusion(pred, mask, region) + confusion(pred, mask, ~region) == confusion(pred, mask)


def brute_hd95(a, b, spacing):
    a, b = (np.argwhere(m & ~binary_erosion(m))*spacing for m in (a, b))
    d = np.sqrt(((a[:, None] - b[None])**2).sum(-1))
    return max(np.percentile(d.min(1), 95), np.percentile(d.min(0), 95))


@quick
@given(masks, st.tuples(st.floats(.2, 5), st.floats(.2, 5)))
def test_hd95_equals_brute_force(trio, spacing):
    pred, mask, region = trio
    assume((pred & region).any() and (mask & region).any())
    assert hd95(pred, mask, region, spacing) == pytest.approx(brute_hd95(pred & region, mask & region, np.array(spacing)))
    assert hd95(pred, mask, region, 3.) == pytest.approx(3*hd95(pred, mask, region))


@pytest.mark.parametrize("shift, spacing, expected", [((0, 4), 1., 4.), ((3, 0), (2., 1.), 6.), ((0, 0), 1., 0.)])
def test_hd95_of_shifted_squares(shift, spacing, expected):
    a = np.zeros((30, 30), bool)
    a[8:14, 8:14] = True
    assert hd95(np.roll(a, shift, (0, 1)), a, spacing=spacing) == pytest.approx(expected)


def test_hd95_equals_monai():
    from monai.metrics import compute_hausdorff_distance
    rng = stream("test", "hd95")
    for _ in range(5):
        a, b = rng.random((2, 25, 31)) > .8
        onehot = [torch.from_numpy(np.stack([~m, m])[None]) for m in (a, b)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = float(compute_hausdorff_distance(*onehot, percentile=95))
        assert hd95(a, b) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("pred, mask, d, h, sens", [(0, 0, 1., 0., math.nan), (1, 0, 0., math.nan, math.nan), (0, 1, 0., math.nan, 0.), (1, 1, 1., 0., 1.)])
def test_empty_masks(pred, mask, d, h, sens):
    pred, mask = np.full((6, 6), pred), np.full((6, 6), mask)
    c = confusion(pred, mask)
    assert dice(c) == iou(c) == d
    assert hd95(pred, mask) == pytest.approx(h, nan_ok=True)
    assert sensitivity(c) == pytest.approx(sens, nan_ok=True)
    assert math.isnan(auc(pred, mask))


def test_empty_inside_the_region_only():
    mask = np.zeros((8, 8), int)
    mask[0, 0] = 1
    region = np.ones((8, 8), bool)
    region[0] = False
    prob = np.stack([1. - mask, 1.*mask])
    inside, frame = evaluate_image(prob, mask, region)
    assert (inside["region"], inside["dice"], inside["hd95"], inside["tp"]) == ("fov", 1., 0., 0)
    assert (frame["region"], frame["dice"], frame["tp"]) == ("frame", 1., 1)
    assert math.isnan(inside["auc"]) and frame["auc"] == 1


def test_many_classes_equal_torchmetrics():
    from torchmetrics.functional.classification import multiclass_auroc, multiclass_f1_score, multiclass_jaccard_index
    prob = torch.softmax(torch.from_numpy(stream("test", "classes").normal(size=(4, 20, 30))), 0)
    mask = torch.from_numpy(stream("test", "truth").integers(0, 4, (20, 30)))
    args = dict(num_classes=4, average=None)
    f1, jaccard = multiclass_f1_score(prob[None], mask[None], **args), multiclass_jaccard_index(prob[None], mask[None], **args)
    roc = multiclass_auroc(prob.flatten(1).T, mask.flatten(), **args)
    for label in range(1, 4):
        row = image_metrics(prob, mask, label=label)
        assert [row["dice"], row["iou"], row["auc"]] == pytest.approx([float(x[label]) for x in (f1, jaccard, roc)], abs=1e-6)


def test_pooled_is_one_large_image():
    rng = stream("test", "pooled")
    pairs = [rng.integers(0, 2, (2, 9, 9)) for _ in range(3)]
    whole = confusion(*(np.concatenate(x) for x in zip(*pairs)))
    result = pooled(confusion(p, m) for p, m in pairs)
    assert result["dice"] == dice(whole) and Counts(*(result[k] for k in ("tp", "fp", "fn", "tn"))) == whole


@pytest.mark.parametrize("prob, mask, words", [
    (np.zeros((2, 4, 4)), np.full((4, 4), 255), "0/255"), (np.full((2, 4, 4), 7.), np.zeros((4, 4), int), "softmax"),
    (np.full((2, 4, 4), np.nan), np.zeros((4, 4), int), "softmax"), (np.zeros((1, 2, 4, 4)), np.zeros((4, 4), int), "batch axis"),
    (np.zeros((2, 4, 5)), np.zeros((4, 4), int), "resize")])
def test_bad_images_say_how_to_mend(prob, mask, words):
    with pytest.raises(InputError, match=words): image_metrics(prob, mask)


# ---- Fréchet Semantic Distance

def by_root(a, b):
    ca, cb = np.cov(a.T), np.cov(b.T)
    return ((a.mean(0) - b.mean(0))**2).sum() + np.trace(ca + cb - 2*scipy.linalg.sqrtm(ca @ cb)).real


def sets(seed, n, m, dim, scale=1.5, shift=1.):
    rng = stream("test", "fsd", seed)
    return rng.normal(size=(n, dim)), scale*rng.normal(size=(m, dim)) + shift


@pytest.mark.parametrize("n, m, dim", [(50, 60, 128), (40, 400, 64), (300, 200, 48), (128, 128, 128), (2, 2, 5)])
def test_fsd_equals_sqrtm_and_monai(n, m, dim):
    from monai.metrics.fid import get_fid_score
    a, b = sets(0, n, m, dim)
    value = frechet_distance(a, b)
    assert value == pytest.approx(by_root(a, b), rel=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert value == pytest.approx(float(get_fid_score(torch.from_numpy(a), torch.from_numpy(b))), rel=1e-6)
    ca, cb = np.cov(a.T), np.cov(b.T)
    assert frechet_parts(a, b) == pytest.approx(gaussian_frechet(a.mean(0), ca, b.mean(0), cb), rel=1e-6)


@quick
@given(seeds, st.integers(2, 30), st.integers(2, 30), st.integers(1, 20))
def test_fsd_invariances(seed, n, m, dim):
    a, b = sets(seed, n, m, dim)
    value = frechet_distance(a, b)
    rotation = np.linalg.qr(stream("test", "rotation", seed).normal(size=(dim, dim)))[0]
    assert frechet_distance(b, a) == pytest.approx(value)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(a @ rotation, b @ rotation) == pytest.approx(value)
    assert frechet_distance(a + 5, b + 5) == pytest.approx(value)
    assert frechet_distance(3*a, 3*b) == pytest.approx(9*value)
    assert frechet_distance(a[::-1], b) == pytest.approx(value)
    mean, cov = frechet_parts(a, b + 2)
    assert cov == pytest.approx(frechet_parts(a, b)[1]) and mean == pytest.approx(((a.mean(0) - b.mean(0) - 2)**2).sum())


@quick
@given(seeds, hnp.arrays(float, (2, 6), elements=st.floats(.1, 4)), hnp.arrays(float, (2, 6), elements=st.floats(-3, 3)))
def test_fsd_of_diagonal_gaussians(seed, sd, mean):
    closed = ((mean[0] - mean[1])**2).sum() + ((sd[0] - sd[1])**2).sum()
    assert sum(gaussian_frechet(mean[0], np.diag(sd[0]**2), mean[1], np.diag(sd[1]**2))) == pytest.approx(closed, abs=1e-9)
    white = stream("test", "white", seed).normal(size=(20, 6))     # samples with exactly these moments
    white = (white - white.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(white.T))).T
    assert frechet_distance(mean[0] + white*sd[0], mean[1] + white*sd[1]) == pytest.approx(closed, abs=1e-9)


def test_fsd_of_nearly_equal_sets_of_low_rank():
    rng = stream("test", "low rank")
    basis = np.linalg.qr(rng.normal(size=(90, 10)))[0].T
    x = 30*rng.normal(size=(200, 10))
    y = x + 1e-3*rng.normal(size=x.shape)
    assert frechet_distance(x @ basis, y @ basis) == pytest.approx(frechet_distance(x, y), rel=1e-4)


def test_fsd_in_half_precision_is_computed_in_float64():
    a, b = (torch.from_numpy(x).to(torch.bfloat16) for x in sets(1, 30, 30, 8))
    assert frechet_distance(a, b) == frechet_distance(a.double(), b.double())


def test_normalised_fsd_ignores_scale():
    a, b = sets(2, 40, 40, 8)
    one, ten = fsd(a, b, repeats=4), fsd(.1*a, .1*b, repeats=4)
    assert ten.value == pytest.approx(.01*one.value) and ten.normalised == pytest.approx(one.normalised)
    assert one.normalised == pytest.approx(one.value/((np.trace(np.cov(a.T)) + np.trace(np.cov(b.T)))/2))


def test_interval_holds_its_estimate_where_the_bootstrap_does_not():
    a, b = sets(3, 200, 200, 32, scale=1., shift=.05)
    result = fsd(a, b, repeats=60)
    rng = stream("test", "bootstrap")
    boot = [frechet_distance(a[rng.integers(0, 200, 200)], b[rng.integers(0, 200, 200)]) for _ in range(60)]
    assert result.low < result.value < result.high and result.value < min(boot)


@pytest.mark.parametrize("count", [12, 5])
def test_half_samples_have_the_spread_of_a_mean_over_groups(count):
    """In one dimension and with a large shift, the FSD is about the squared difference of two means over groups: its standard error is known."""
    ratios = []
    for k in range(30):
        rng = stream("test", "spread", count, k)
        groups = np.repeat(np.arange(count), 3)
        a, b = (rng.normal(size=count) for _ in range(2))
        r = fsd(a[groups, None], b[groups, None] + 50, groups, groups, repeats=100)
        error = 2*abs(b.mean() + 50 - a.mean())*math.sqrt((a.var(ddof=1) + b.var(ddof=1))/count)
        ratios.append((r.high - r.low)/(2*1.645*error))
    assert np.mean(ratios) == pytest.approx(1, abs=.06)


def test_the_interval_is_the_basic_one():
    """Around a squared difference the draws lean upwards, so the reflected interval reaches further down."""
    down, up = [], []
    for k in range(20):
        rng = stream("test", "basic", k)
        a, b = rng.normal(size=(2, 12, 1))
        r = fsd(a, b + 4, repeats=200)
        down.append(r.value - r.low), up.append(r.high - r.value)
    assert np.mean(down) > 1.05*np.mean(up)


def test_halves_are_cut_to_one_size():
    rng = stream("test", "uneven")
    a, b = rng.normal(size=(80, 6)), rng.normal(size=(800, 6))
    r = fsd(a, b, np.arange(80)//2, np.arange(800)//20, repeats=100)
    fresh = np.mean([frechet_distance(*rng.normal(size=(2, 40, 6))) for _ in range(200)])
    assert r.n_half == 40 and r.null == pytest.approx(fresh, rel=.15) and r.half == pytest.approx(fresh, rel=.2)


def test_null_and_half_agree_on_one_distribution():
    rng = stream("test", "null")
    a, b = rng.normal(size=(2, 60, 6))
    r = fsd(a, b, np.repeat(np.arange(20), 3), np.repeat(np.arange(30), 2), repeats=100)
    assert r.n_half == 20 and r.half == pytest.approx(r.null, rel=.3) and r.null < r.null_high
    assert (r.groups_a, r.groups_b, r.n, r.m, r.dim) == (20, 30, 60, 60, 6)
    for text in ("n = 60", "m = 60", "D = 6", "groups 20, 30"): assert text in repr(r)


def test_one_group_gets_no_interval_and_rows_are_flat():
    a, b = sets(4, 10, 12, 3)
    r = fsd(a, b, ["p"]*10, list("abcabcabcabc"))
    assert "n = 1 group" in r.note and all(math.isnan(x) for x in (r.low, r.high, r.null, r.half))
    assert r.value == pytest.approx(frechet_distance(a, b)) and r.row()["dim"] == 3


def test_equal_n_draws_rows_with_their_groups():
    a, b = sets(5, 40, 25, 4)
    r = fsd(a, b, np.arange(40)//4, np.arange(25)//5, n=20, repeats=10)
    assert (r.n, r.m) == (20, 20) and r.groups_a > 5   # not the first rows, and each with its own group
    assert r == fsd(a, b, np.arange(40)//4, np.arange(25)//5, n=20, repeats=10)
    assert r != fsd(a, b, np.arange(40)//4, np.arange(25)//5, n=20, repeats=10, seed=1)


@pytest.mark.parametrize("a, b, words", [
    (np.zeros((1, 3)), np.zeros((4, 3)), "at least 2"), (np.zeros((4, 2)), np.zeros((4, 3)), "D = 2 and 3"),
    (np.full((4, 3), np.nan), np.zeros((4, 3)), "NaN"), (np.zeros((4, 3)), np.full((4, 3), np.inf), "infinite"), (np.zeros(4), np.zeros((4, 3)), "one vector per row")])
def test_bad_vectors_say_how_to_mend(a, b, words):
    with pytest.raises(InputError, match=words): frechet_distance(a, b)
    with pytest.raises(InputError, match=words): fsd(a, b)


def test_mask_summary_and_probe():
    y = stream("test", "summary").integers(0, 3, (80, 16, 16))
    blocks = (y == 2).reshape(80, 4, 4, 4, 4).mean((2, 4)).reshape(80, 16)
    np.testing.assert_allclose(mask_summary(y, 4, label=2), blocks, atol=1e-12)
    groups = np.arange(80)//4
    assert content_probe(blocks @ stream("test", "mix").normal(size=(16, 24)), blocks, groups) > .99
    assert content_probe(stream("test", "noise").normal(size=(80, 24)), blocks, groups) < .1


def test_probe_is_not_fooled_by_who_it_is():
    rng = stream("test", "who")
    who = np.repeat(np.arange(20), 6)
    traits, habits = rng.normal(size=(20, 32))[who], rng.normal(size=(20, 3))[who]
    assert content_probe(traits, habits) > .9 and content_probe(traits, habits, who) < .3


# ---- significance

@quick
@given(hnp.arrays(float, st.integers(2, 8), elements=st.floats(-1, 1).map(lambda x: round(x, 3))))
def test_sign_flip_p_equals_scipy(d):
    expected = scipy.stats.permutation_test((d, 0*d), lambda x, y: np.mean(x - y), permutation_type="samples", vectorized=False, n_resamples=np.inf).pvalue
    assert paired_difference(d, 0*d, np.arange(len(d)), resamples=50).p == pytest.approx(expected)


def test_sampled_p_is_near_the_exact_one_and_near_wilcoxon():
    d = stream("test", "paired").normal(.35, 1, 16)
    signs = 1 - 2*((np.arange(2**16)[:, None] >> np.arange(16)) & 1)
    exact = np.mean(abs(signs @ d) >= abs(d.sum()) - 1e-9)
    p = paired_difference(d, 0*d, np.arange(16)).p
    assert p == pytest.approx(exact, abs=.02) and p == pytest.approx(scipy.stats.wilcoxon(d).pvalue, abs=.1)
    assert paired_difference(d + 100, 0*d, np.arange(16), resamples=99).p == 1/100   # the seen one counts: never 0


def test_seeds_are_averaged_before_the_test():
    d = stream("test", "seeds").normal(.2, 1, (9, 3))
    ids = np.repeat(np.arange(9), 3)
    by_row, by_image = paired_difference(d.ravel(), np.zeros(27), ids), paired_difference(d.mean(1), np.zeros(9), np.arange(9))
    assert by_row.n == 9 and (by_row.diff, by_row.p, by_row.low) == pytest.approx((by_image.diff, by_image.p, by_image.low))


def test_groups_flip_together():
    d = stream("test", "groups").normal(.2, 1, 12)
    r = paired_difference(d, 0*d, np.arange(12), np.arange(12)//4)
    assert r.n == 3 and r.images == 12 and r.p >= .25
    assert r.p == paired_difference(d.reshape(3, 4).sum(1), np.zeros(3), np.arange(3)).p


def test_one_image_no_claim_and_no_difference_no_claim():
    one = paired_difference([.9], [.1], ["x"])
    assert math.isnan(one.p) and math.isnan(one.low) and "n = 1" in repr(one) and "no claim" in repr(one)
    for n in (3, 40): assert paired_difference(np.ones(n), np.ones(n), np.arange(n), resamples=99).p == 1


@quick
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_bonferroni_test(p):
    subsets = [[i for i in range(len(p)) if code >> i & 1] for code in range(1, 2**len(p))]
    closed = [max(min(1, len(s)*min(p[j] for j in s)) for s in subsets if i in s) for i in range(len(p))]
    np.testing.assert_allclose(holm(p), closed, atol=1e-12)


def test_summary_equals_pandas_and_refuses_mixtures():
    rng = stream("test", "summary table")
    frame = pd.DataFrame([(m, s, d, "test", i, rng.random()) for m in ("kd", "gkd") for s in range(3) for d in ("x", "y") for i in range(4)],
                         columns=["method", "seed", "domain", "split", "image", "dice"])
    table = summarise(frame).set_index(["method", "domain"])
    per_seed = frame.groupby(["method", "domain", "seed"]).dice.mean().groupby(level=[0, 1])
    pd.testing.assert_series_equal(table["mean"].sort_index(), per_seed.mean(), check_names=False)
    pd.testing.assert_series_equal(table["sd"].sort_index(), per_seed.std(), check_names=False)
    assert (table.images == 4).all() and (table.seeds == 3).all()
    with pytest.raises(InputError, match="twice"): summarise(pd.concat([frame.assign(region="fov"), frame.assign(region="frame")]))
    with pytest.raises(InputError, match="different images"): summarise(frame[1:])


def test_mean_sd_of_one_value_has_no_sd():
    assert math.isnan(mean_sd([.5]).sd) and mean_sd([.5, .7]).sd == pytest.approx(math.sqrt(.02))
