"""DiGA, CoCo, CCDistill, and generalising without a teacher (GIN, amplitude mix, MixStyle, DSU): against loops, against the authors' own code
(stored numbers), and at the edges.

Golden values: `python tests/test_domains.py --golden` rewrites the part "ours" of golden/domains.json.
The part "theirs" was made once by running published code on `arrays()`; it is never rewritten.
"""
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from torch.nn import functional as F

from msan_nb.core import InputError, seeded
from msan_nb.distill.base import Guides, ask_teacher
from msan_nb.distill.controls import DSU, GIN, AmplitudeMix, MixStyle, StudentViews
from msan_nb.distill.domains import (CCDistill, CoCo, DiGA, blend, coco_loss, content_degrees, degree_loss, follow, kept, row_correlation,
                                     similarity, style_degrees, symmetric_loss)
from msan_nb.models import build
from msan_nb.models.alignment import AlignmentNetwork
from msan_nb.models.segmenter import Segmenter, frozen
from msan_nb.models.statistics import dsu, mixstyle, perturbed
from msan_nb.train.loop import Plan, make_fabric

GOLDEN = Path(__file__).parent / "golden" / "domains.json"
DISTIL = (DiGA, CoCo, CCDistill)


def arrays():
    "Fixed inputs: three layers of six images (two views of three) for S and T, logits of three classes, a shallow map."
    rng = np.random.default_rng(20240602)
    draw = lambda *shape: torch.from_numpy(rng.standard_normal(shape)).float()
    S = [draw(6, 3, 16, 16), draw(6, 5, 8, 8), draw(6, 7, 2, 2)]
    T = [draw(6, 4, 32, 32), draw(6, 6, 4, 4), draw(6, 8, 4, 4)]
    return {"S": S, "T": T, "z": [draw(3, 3, 8, 8) for _ in range(4)], "shallow": draw(4, 3, 6, 6) * torch.arange(1, 5.)[:, None, None, None] + torch.arange(4.)[:, None, None, None]}


def perturb(change, a):
    "A published perturbation's random numbers, in its own order, after the one that decides whether it happens."
    with seeded("golden"): return change(a["shallow"], p=1.0)


def signed_statistics(f, out):
    "Mean, and deviation with the sign that says whether a channel was turned over; B×C each."
    x, y = f.flatten(2), out.flatten(2)
    covariance = ((x - x.mean(-1, keepdim=True)) * y).mean(-1)
    return y.mean(-1), covariance / x.std(-1, correction=0)


def pure(a):
    "Each loss on the fixed inputs; of a perturbation, the sum of its output's squares."
    flat = lambda f: f.flatten(1)
    return {
        "DiGA distil": symmetric_loss(*a["z"]),
        "CoCo coco": coco_loss(a["S"], a["T"], side=4),
        "CCDistill content": degree_loss(content_degrees(flat(a["S"][2])), content_degrees(flat(a["T"][2])), 2),
        "CCDistill style": degree_loss(style_degrees(a["S"][2]), style_degrees(a["T"][2]), 2),
        "CCDistill style, same views": degree_loss(style_degrees(a["S"][2]), style_degrees(a["T"][2]), 2, invariant=False),
        "MixStyle": perturb(mixstyle, a).square().sum(),
        "DSU": perturb(dsu, a).square().sum(),
    }


@pytest.fixture(scope="module")
def golden():
    "The stored numbers."
    return json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("name", list(pure(arrays())))
def test_golden(name, golden):
    assert float(pure(arrays())[name]) == pytest.approx(golden["ours"][name], rel=1e-4)


def test_published_code_says_the_same(golden):
    "DiGA's loss; the channel statistics that MixStyle's and DSU's layers give, DSU's noise brought from B−1 to B."
    a, theirs = arrays(), golden["theirs"]
    assert float(pure(a)["DiGA distil"]) == pytest.approx(theirs["DiGA distil"]["value"], rel=1e-5)
    after = lambda change: signed_statistics(a["shallow"], perturb(change, a))
    for ours, key in zip(after(mixstyle), ("means", "deviations")): torch.testing.assert_close(ours, torch.tensor(theirs["MixStyle"][key]), rtol=1e-4, atol=1e-4)
    for before, ours, key in zip(signed_statistics(a["shallow"], a["shallow"]), after(dsu), ("means", "deviations")):
        moved = (torch.tensor(theirs["DSU"][key]) - before) * (3 / 4) ** 0.5
        assert moved.abs().max() > 0.5
        torch.testing.assert_close(ours - before, moved, rtol=1e-3, atol=1e-3)


# ── loops ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

def loop_coco(S, T, side):
    "Places, cosines, Pearson's correlations, one at a time."
    def correlations(maps, n):
        places = [F.adaptive_avg_pool2d(m.double(), side)[n].flatten(1).numpy().T for m in maps]
        sims = [np.array([[u @ v / np.sqrt(u @ u) / np.sqrt(v @ v) for v in p] for u in p]) for p in places]
        return [np.array([[pearsonr(r, q)[0] for q in sims[b]] for r in sims[a]]) for b in range(3) for a in range(b)]
    return np.mean([((x - y) ** 2).mean() for n in range(len(S[0])) for x, y in zip(correlations(S, n), correlations(T, n))])


def test_coco_against_loops():
    a = arrays()
    S, T = [m[:2] for m in a["S"]], [m[:2] for m in a["T"]]
    assert float(coco_loss(S, T, side=4)) == pytest.approx(loop_coco(S, T, 4), rel=1e-4)


def test_style_against_gram_matrices():
    f = arrays()["T"][2].double()
    grams = [(x.flatten(1) @ x.flatten(1).T).flatten().numpy() for x in f]
    truth = [[u @ v / np.sqrt(u @ u) / np.sqrt(v @ v) for v in grams] for u in grams]
    np.testing.assert_allclose(style_degrees(f.float()).numpy(), truth, rtol=1e-5)


def test_what_is_the_same_costs_nothing():
    a = arrays()
    assert float(coco_loss(a["T"], a["T"])) == pytest.approx(0, abs=1e-9)
    for degrees in (style_degrees(a["T"][2]), content_degrees(a["T"][2].flatten(1))):
        assert float(degree_loss(degrees, degrees, 2, invariant=False)) == pytest.approx(0, abs=1e-9)
        torch.testing.assert_close(degrees.diagonal(), torch.ones(6))


def test_invariance_compares_with_the_anchors():
    "A student whose two images differ, under every view, as the teacher's anchors do pays nothing for it; the teacher's other views do not matter."
    V, B = 3, 2
    d_T = torch.rand(V * B, V * B)
    d_S = d_T.clone().view(V, B, V, B)
    for k in range(V): d_S[k, 0, k, 1] = d_T.view(V, B, V, B)[0, 0, 0, 1]
    d_S = d_S.view(V * B, V * B)
    assert float(degree_loss(d_S, d_T, V)) == 0 and float(degree_loss(d_S, d_T, V, invariant=False)) > 0


# ── DiGA's mean ───────────────────────────────────────────────────────────────────────────────────────────────────────

def test_the_mean_is_a_mean_first_and_forgets_later():
    line, mean, values = torch.nn.Linear(1, 1), frozen(torch.nn.Linear(1, 1)), [3.0]
    mean.load_state_dict(line.state_dict()); line.weight.data.fill_(3.0); mean.weight.data.fill_(3.0)
    for i in range(50):
        values.append(float(i % 7)); line.weight.data.fill_(values[-1])
        follow(mean, line, kept(i))
    assert float(mean.weight) == pytest.approx(np.mean(values), rel=1e-4)
    assert kept(0) == 0.5 and kept(10**6) == 0.999 and all(kept(i) <= kept(i + 1) for i in range(2000))


def test_the_mean_moves_its_batchnorm_but_not_by_looking():
    guides, S, shared = world()
    fabric, d = make_fabric(accelerator="cpu"), DiGA(S, guides, Plan(10))
    d.place(fabric)
    before = {k: t.clone() for k, t in d.followers["mean"].state_dict().items()}
    d.losses(shared)
    assert all(torch.equal(t, before[k]) for k, t in d.followers["mean"].state_dict().items())
    d.after_step(shared)
    after = d.followers["mean"].state_dict()
    moved = [k for k in before if "running_mean" in k and not torch.equal(before[k], after[k])]
    assert len(moved) == sum("running_mean" in k for k in before)
    assert all(torch.equal(t, d.student.state_dict()[k]) for k, t in after.items() if "tracked" in k)


def test_blend_keeps_the_anchor():
    views = torch.rand(4, 2, 1, 8, 8)
    torch.testing.assert_close(blend(views), 0.4 * views[1:] + 0.6 * views[:1])
    assert torch.equal(blend(views[:1]), views[:1])


# ── edges of the pure functions ───────────────────────────────────────────────────────────────────────────────────────

LOSSES = {
    "distil": lambda a: symmetric_loss(*a["z"]),
    "coco": lambda a: coco_loss(a["S"], a["T"]),
    "content": lambda a: degree_loss(content_degrees(a["S"][2].flatten(1)), content_degrees(a["T"][2].flatten(1)), a.get("V", 2)),
    "style": lambda a: degree_loss(style_degrees(a["S"][2]), style_degrees(a["T"][2]), a.get("V", 2)),
}
each = lambda a, change: {k: [change(t) for t in v] if isinstance(v, list) else change(v) for k, v in a.items()}
EDGES = {
    "as it is": lambda a: a,
    "batch of 1": lambda a: {**each(a, lambda t: t[:1]), "V": 1},
    "two views of 1": lambda a: each(a, lambda t: t[:2]),
    "bf16": lambda a: each(a, lambda t: t.bfloat16()),
    "dead student": lambda a: {**a, "S": [torch.zeros_like(t) for t in a["S"]]},
    "dead networks": lambda a: {**a, "S": [torch.zeros_like(t) for t in a["S"]], "T": [torch.zeros_like(t) for t in a["T"]]},
    "constant features": lambda a: {**a, "S": [torch.ones_like(t) for t in a["S"]]},
    "tiny": lambda a: each(a, lambda t: t * 1e-12),
    "huge": lambda a: each(a, lambda t: t * 1e8),
    "one position": lambda a: {**a, "S": [t[:, :, :1, :1] for t in a["S"]]},
    "odd sizes": lambda a: {**a, "S": [t[:, :, :5, :3] for t in a["S"]]},
}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("loss", LOSSES)
def test_finite_with_finite_gradients(loss, edge):
    a = EDGES[edge](arrays())
    learns = {**a, "S": [t.clone().requires_grad_() for t in a["S"]], "z": [t.clone().requires_grad_() for t in a["z"]]}
    value = LOSSES[loss](learns)
    assert value.dtype == torch.float32 and torch.isfinite(value) and value >= -1e-6
    value.backward()
    grads = [t.grad for t in [*learns["S"], *learns["z"]] if t.grad is not None]
    assert grads and all(torch.isfinite(g).all() for g in grads)


def test_autocast_does_not_reach_the_products():
    plain = pure(arrays())
    with torch.autocast("cpu", torch.bfloat16): cast = pure(arrays())
    for name, value in plain.items(): assert float(cast[name]) == pytest.approx(float(value), rel=1e-5), name


@pytest.mark.parametrize("change", [mixstyle, dsu])
@pytest.mark.parametrize("kind", ["as it is", "bf16", "batch of 1", "constant", "huge", "one position"])
def test_perturbations_stay_finite_and_keep_type_and_shape(change, kind):
    f = arrays()["shallow"]
    f = {"as it is": f, "bf16": f.bfloat16(), "batch of 1": f[:1], "constant": torch.ones_like(f), "huge": f * 1e6, "one position": f[..., :1, :1]}[kind].clone().requires_grad_()
    for i in range(20):
        with seeded(kind, i): out = change(f, p=1.0)
        assert out.dtype == f.dtype and out.shape == f.shape and torch.isfinite(out).all()
    grad, = torch.autograd.grad(out.float().square().sum(), f)
    assert torch.isfinite(grad).all()
    assert change(f, p=0.0) is f


def test_perturbations_change_the_style_and_keep_the_content():
    "Each channel of each sample is scaled and shifted, nothing else."
    f = arrays()["shallow"]
    for change in (mixstyle, dsu):
        out = perturb(change, {"shallow": f})
        x, y = f.flatten(2), out.flatten(2)
        slope = ((x - x.mean(-1, keepdim=True)) * (y - y.mean(-1, keepdim=True))).sum(-1) / (x - x.mean(-1, keepdim=True)).square().sum(-1)
        rebuilt = slope[..., None] * (x - x.mean(-1, keepdim=True)) + y.mean(-1, keepdim=True)
        torch.testing.assert_close(y, rebuilt, rtol=1e-3, atol=1e-3)
        assert (slope - 1).abs().max() > 0.1


def test_hooks_come_off_in_nested_blocks_and_after_errors():
    net, x = build("mobilenet", width=0.25).eval(), torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        plain = net(x)
        with pytest.raises(ZeroDivisionError):
            with perturbed(net, net.early, lambda f: 2 * f):
                once = net(x)
                with perturbed(net, net.early[:1], lambda f: f + 1): assert not torch.equal(net(x), once)
                assert torch.equal(net(x), once) and not torch.equal(once, plain)
                1 / 0
        assert torch.equal(net(x), plain) and not any(m._forward_hooks for m in net.modules())


@pytest.mark.parametrize("name, width", [("unet", 0.125), ("mobilenet", 0.25), ("fanet", 0.125), ("enet", 0.25), ("erfnet", 0.25)])
def test_every_network_has_an_early_place_for_styles(name, width):
    net, shapes = build(name, width=width), []
    with perturbed(net, net.early, lambda f: (shapes.append(f.shape), f)[1]), torch.no_grad(): net(torch.rand(2, 1, 64, 64))
    assert len(shapes) == len(net.early) >= 1 and all(len(s) == 4 and s[0] == 2 and s[-1] >= 8 for s in shapes)


# ── the distillers ────────────────────────────────────────────────────────────────────────────────────────────────────

class Coarse(Segmenter):
    "A network of stride 8 without skips and without an early place."
    def __init__(self, classes=2):
        super().__init__(16, 8, 1, classes)
        self.body, self.head = torch.nn.Conv2d(1, 16, 8, 8), torch.nn.ConvTranspose2d(16, classes, 8, 8)

    def encode(self, x): return self.body(x).relu(), []
    def decode(self, f, skips): return self.head(f)


def world(teacher="unet", student="mobilenet", V=2, B=2, size=64):
    "Guides, a student, and one shared batch."
    torch.manual_seed(0)
    make = lambda name: Coarse() if name == "coarse" else build(name, width={"unet": 0.125, "fanet": 0.125}.get(name, 0.25))
    T, S = make(teacher), make(student)
    align = lambda n: AlignmentNetwork(n.channels, (size // n.stride) ** 2, dim=8)
    y = torch.randint(2, (B, size, size))
    guides = Guides(T, align(T), align(S))
    return guides, S, ask_teacher(guides, 0, torch.rand(V, B, 1, size, size), y, y >= 0)


OPTIONS = {"CoCo, no-critic": (CoCo, {"adversarial": False}), "CCDistill, same-views": (CCDistill, {"invariant": False})}
KINDS = {m.name: (m, {}) for m in DISTIL} | OPTIONS
PAIRS = [("fanet", "mobilenet"), ("unet", "enet"), ("coarse", "erfnet"), ("unet", "coarse")]


@pytest.mark.parametrize("method, teacher, student", [(m, *p) for p in PAIRS[:1] for m in KINDS] + [(m.name, *p) for p in PAIRS[1:] for m in DISTIL])
def test_any_teacher_any_student(method, teacher, student):
    guides, S, shared = world(teacher, student)
    kind, extra = KINDS[method]
    d, fabric = kind(S, guides, Plan(10), **extra), make_fabric(accelerator="cpu")
    d.place(fabric)
    said = d.step(fabric, shared)
    assert d.name == method and all(torch.isfinite(v) for v in said.values())
    assert ("adv" in said) == ("critic" in said) == (method == "CoCo")


def test_every_term_pulls_at_the_student():
    guides, S, shared = world()
    for kind, extra in KINDS.values():
        d = kind(S, guides, Plan(10), **extra)
        for name, loss in d.losses(shared).items():
            grads = torch.autograd.grad(loss, list(d.student.parameters()), retain_graph=True, allow_unused=True)
            assert sum(float(g.abs().sum()) for g in grads if g is not None) > 0, (d.name, name)


def test_a_critic_without_weight_is_not_made():
    guides, S, _ = world()
    assert len(CoCo(S, guides, Plan(10)).companions) == 1
    assert len(CoCo(S, guides, Plan(10), weights={"adv": 0.0}).companions) == 0


@pytest.mark.parametrize("method", (GIN, AmplitudeMix))
def test_own_views_depend_on_seed_row_and_step_alone(method):
    guides, S, shared = world(V=3, B=3)
    at = lambda step: ask_teacher(guides, step, shared.views, shared.y, shared.fov)
    first = method(S, guides, Plan(10)).views(shared)
    torch.rand(5)
    assert first.shape == shared.views.shape and torch.equal(first[0], shared.views[0]) and first.min() >= 0 and first.max() <= 1
    assert torch.equal(first, method(S, guides, Plan(10)).views(shared))
    with torch.autocast("cpu", torch.bfloat16): assert torch.equal(first, method(S, guides, Plan(10)).views(shared))
    for other in (method(S, guides, Plan(10), seed=1).views(shared), method(S, guides, Plan(10)).views(at(1)), {GIN: AmplitudeMix, AmplitudeMix: GIN}[method](S, guides, Plan(10)).views(shared)):
        assert not torch.allclose(first[1:], other[1:], atol=1e-3)
    assert torch.equal(method(S, guides, Plan(10)).views(ask_teacher(guides, 0, shared.views[:1], shared.y, shared.fov)), shared.views[:1])


def test_without_chance_a_perturbed_student_is_the_control():
    guides, S, shared = world()
    class Never(DSU): change = staticmethod(lambda f: dsu(f, p=0.0))
    class Always(DSU): change = staticmethod(lambda f: dsu(f, p=1.0))
    fabric, ended = make_fabric(accelerator="cpu"), []
    for kind in (StudentViews, Never, Always):
        d = kind(S, guides, Plan(10)); d.place(fabric); d.step(fabric, shared); ended.append(d.student.state_dict())
    assert all(torch.equal(t, ended[0][k]) for k, t in ended[1].items()) and not all(torch.equal(t, ended[0][k]) for k, t in ended[2].items())


def test_a_network_without_an_early_place_is_refused():
    guides, S, shared = world(student="coarse")
    with pytest.raises(InputError, match="early"): MixStyle(S, guides, Plan(10)).losses(shared)


if __name__ == "__main__" and "--golden" in sys.argv:
    stored = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {"theirs": {}}
    stored = {"how": "ours: python tests/test_domains.py --golden; theirs: published code run once on arrays() of that file, with the random numbers of perturb()",
        "ours": {name: float(value) for name, value in pure(arrays()).items()}, "theirs": stored["theirs"]}
    GOLDEN.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n")
