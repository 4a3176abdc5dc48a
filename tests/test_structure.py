"""SKD, IFVD, XDED, EMKD: against loops, against the authors' own code (stored numbers), and at the edges.

Golden values: `python tests/test_structure.py --golden` rewrites the part "ours" of golden/structure.json.
The part "theirs" was made once by running published code on `arrays()`; it is never rewritten.
"""
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, rel_entr, softmax

from msan_nb.core import InputError
from msan_nb.distill.base import Guides, ask_teacher
from msan_nb.distill.structure import (EMKD, IFVD, SKD, XDED, Critic, affinity, affinity_loss, critic_loss, ensemble_loss, importance_loss,
                                       map_at, region_loss, region_means, members, shares, variation_loss, vote)
from msan_nb.models import build
from msan_nb.models.alignment import AlignmentNetwork
from msan_nb.models.segmenter import Segmenter
from msan_nb.train.act import prediction_gap
from msan_nb.train.loop import Plan, make_fabric

GOLDEN = Path(__file__).parent / "golden" / "structure.json"
METHODS = (SKD, IFVD, XDED, EMKD)


def arrays():
    "Fixed inputs: features of equal size (as published code wants), logits of three classes, labels; class 2 is missing from image 1."
    rng = np.random.default_rng(20240601)
    draw = lambda *shape: torch.from_numpy(rng.standard_normal(shape)).float()
    f_S, f_T, z_S, z_T = draw(3, 6, 4, 4), draw(3, 5, 4, 4), draw(3, 3, 16, 16), draw(3, 3, 16, 16)
    y = torch.from_numpy(rng.integers(0, 3, (3, 16, 16)))
    y[1][y[1] == 2] = 0
    return {"f_S": f_S, "f_T": f_T, "z_S": z_S, "z_T": z_T, "y": y}


def pure(a):
    "Each loss on the fixed inputs."
    y2 = a["y"].clamp_max(1)
    return {
        "SKD pair": affinity_loss(a["f_S"], a["f_T"]),
        "SKD pixel": prediction_gap(a["z_S"], a["z_T"]),
        "SKD critic": critic_loss(a["z_T"], a["z_S"]),
        "IFVD ifv": variation_loss(a["f_S"], a["f_T"], a["y"], 3),
        "XDED student": ensemble_loss(a["z_S"], a["y"], vote(a["z_S"], a["y"])),
        "XDED teacher": ensemble_loss(a["z_S"], a["y"], vote(a["z_T"], a["y"])),
        "EMKD prediction": prediction_gap(a["z_S"], a["z_T"], tau=4.0),
        "EMKD importance": importance_loss(a["f_S"], a["f_T"]),
        "EMKD region, shares": region_loss(a["f_S"], a["f_T"], a["y"], 3, "shares"),
        "EMKD region, 2 classes": region_loss(a["f_S"], a["f_T"], y2, 2),
    }


@pytest.fixture(scope="module")
def golden():
    "The stored numbers."
    return json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("name", list(pure(arrays())))
def test_golden(name, golden):
    assert float(pure(arrays())[name]) == pytest.approx(golden["ours"][name], rel=1e-4)


def test_published_code_says_the_same(golden):
    "`theirs`: loss -> name of the published function, its value, and the factor between the two conventions."
    values = pure(arrays())
    assert len(golden["theirs"]) >= 8
    for entry in golden["theirs"]:
        assert float(values[entry["loss"]]) == pytest.approx(entry["value"] * entry["factor"], rel=2e-5), entry


@pytest.mark.parametrize("tau", [1e-3, 0.1, 1.0, 4.0, 1e2])
def test_the_prediction_gap_of_kd_skd_and_emkd_is_scipys_at_every_temperature(tau):
    a = arrays()
    z_S = a["z_S"].requires_grad_()
    log_S, log_T = (log_softmax(z.detach().double().numpy() / tau, axis=1) for z in (z_S, a["z_T"]))
    expected = tau**2 * (np.exp(log_T) * (log_T - log_S)).sum(1).mean()
    found = prediction_gap(z_S, a["z_T"], tau=tau)
    assert found.item() == pytest.approx(expected, rel=1e-4)
    assert torch.autograd.grad(found, z_S)[0].isfinite().all()


# ---- loops in numpy

def cos(u, v):
    "Cosine of two vectors."
    return u @ v / np.sqrt(u @ u) / np.sqrt(v @ v)


def loop_pair(f, g):
    "SKD: maxima of quarters, all pairs of nodes."
    def nodes(x):
        H, W = x.shape[1] // 2, x.shape[2] // 2
        return [x[:, i:i + H, j:j + W].reshape(len(x), -1).max(1) for i in (0, H) for j in (0, W)]
    p, q = nodes(f), nodes(g)
    return np.mean([(cos(p[i], p[j]) - cos(q[i], q[j])) ** 2 for i in range(4) for j in range(4)])


def loop_variation(f, g, y):
    "IFVD: each position against the mean of its class."
    y, total = y[::4, ::4], 0.0
    for i, j in np.ndindex(*y.shape):
        same = y == y[i, j]
        total += (cos(f[:, i, j], f[:, same].mean(1)) - cos(g[:, i, j], g[:, same].mean(1))) ** 2
    return total / y.size


def loop_region(f, g, y):
    "EMKD: pairs of class means, positions weighted by their share of a class."
    share = lambda k: np.array([[(y[4 * i:4 * i + 4, 4 * j:4 * j + 4] == k).mean() for j in range(4)] for i in range(4)])
    mean = lambda x, k: sum(share(k)[i, j] * x[:, i, j] for i, j in np.ndindex(4, 4)) / share(k).sum()
    there = [k for k in range(3) if (y == k).any()]
    return np.mean([(cos(mean(f, k), mean(f, l)) - cos(mean(g, k), mean(g, l))) ** 2 for n, k in enumerate(there) for l in there[n + 1:]])


def loop_importance(f, g):
    "EMKD: unit maps of mean fourth powers."
    p, q = ((x ** 4).mean(0).ravel() for x in (f, g))
    return ((p / np.sqrt(p @ p) - q / np.sqrt(q @ q)) ** 2).sum()


def test_against_loops():
    a, values = arrays(), pure(arrays())
    f, g = a["f_S"].double().numpy(), a["f_T"].double().numpy()
    y = a["y"].numpy()
    per_image = lambda loop, *parts: np.mean([loop(*p) for p in zip(*parts)])
    assert float(values["SKD pair"]) == pytest.approx(per_image(loop_pair, f, g), rel=1e-5)
    assert float(values["IFVD ifv"]) == pytest.approx(per_image(loop_variation, f, g, y), rel=1e-5)
    assert float(values["EMKD region, shares"]) == pytest.approx(per_image(loop_region, f, g, y), rel=1e-5)
    assert float(values["EMKD importance"]) == pytest.approx(per_image(loop_importance, f, g), rel=1e-5)


@pytest.mark.parametrize("tau", [0.5, 2.0, 10.0])
def test_ensemble_against_loops(tau):
    a = arrays()
    z, w, y = a["z_S"].double().numpy(), a["z_T"].double().numpy(), a["y"].numpy()
    mean = {k: np.mean([w[n, :, i, j] for n, i, j in np.argwhere(y == k)], 0) for k in range(3)}
    truth = np.mean([tau**2 * rel_entr(softmax(mean[y[p]] / tau), softmax(z[p[0], :, p[1], p[2]] / tau)).sum() for p in np.ndindex(*y.shape)])
    assert float(ensemble_loss(a["z_S"], a["y"], vote(a["z_T"], a["y"]), tau)) == pytest.approx(truth, rel=1e-5)


def test_equal_structure_costs_nothing_and_scale_is_no_structure():
    a = arrays()
    f, y = a["f_S"], a["y"]
    for loss in (affinity_loss(f, 5 * f), variation_loss(f, 5 * f, y, 3), region_loss(f, 5 * f, y, 3), importance_loss(f, 5 * f)):
        assert float(loss) == pytest.approx(0, abs=1e-9)
    flat = torch.zeros(2, 3, 8, 8)
    assert float(ensemble_loss(flat, torch.zeros(2, 8, 8, dtype=torch.long), vote(flat, torch.zeros(2, 8, 8, dtype=torch.long)))) == 0


def test_the_ensemble_has_no_gradient_of_its_own():
    "With a fixed target, a pixel's gradient is τ·(softmax of itself − softmax of the vote) / pixels."
    a = arrays()
    z = a["z_S"].clone().requires_grad_()
    ensemble_loss(z, a["y"], vote(z, a["y"])).backward()
    means = torch.stack([a["z_S"].movedim(1, 0)[:, a["y"] == k].mean(1) for k in range(3)])
    truth = 2 * ((a["z_S"] / 2).softmax(1) - (means / 2).softmax(1)[a["y"]].movedim(-1, 1)) / a["y"].numel()
    torch.testing.assert_close(z.grad, truth, rtol=1e-4, atol=1e-7)


# ---- edges

LOSSES = {
    "pair": lambda a, y: affinity_loss(a["f_S"], a["f_T"]),
    "ifv": lambda a, y: variation_loss(a["f_S"], a["f_T"], y, 3),
    "region": lambda a, y: region_loss(a["f_S"], a["f_T"], y, 3),
    "shares": lambda a, y: region_loss(a["f_S"], a["f_T"], y, 3, "shares"),
    "importance": lambda a, y: importance_loss(a["f_S"], a["f_T"]),
    "xded": lambda a, y: ensemble_loss(a["z_S"], y, vote(a["z_S"], y)),
    "xded, τ 1e-3": lambda a, y: ensemble_loss(a["z_S"], y, vote(a["z_S"], y), 1e-3),
    "xded, τ 1e2": lambda a, y: ensemble_loss(a["z_S"], y, vote(a["z_S"], y), 1e2),
}
WORLDS = {
    "as it is": lambda a: a,
    "batch of 1": lambda a: {k: t[:1] for k, t in a.items()},
    "empty masks": lambda a: {**a, "y": torch.zeros_like(a["y"])},
    "all of the last class": lambda a: {**a, "y": torch.full_like(a["y"], 2)},
    "bf16": lambda a: {k: t.bfloat16() if t.is_floating_point() else t for k, t in a.items()},
    "dead features": lambda a: {**a, "f_S": torch.zeros_like(a["f_S"]), "f_T": torch.zeros_like(a["f_T"])},
    "dead student": lambda a: {**a, "f_S": torch.zeros_like(a["f_S"])},
    "tiny features": lambda a: {**a, "f_S": a["f_S"] * 1e-12, "f_T": a["f_T"] * 1e-12},
    "huge": lambda a: {**a, "f_S": a["f_S"] * 1e8, "f_T": a["f_T"] * 1e8, "z_S": a["z_S"] * 1e4},
    "other sizes": lambda a: {**a, "f_S": a["f_S"][:, :, :2, :2], "f_T": torch.cat([a["f_T"]] * 2, 3)},
    "one position": lambda a: {**a, "f_S": a["f_S"][:, :, :1, :1]},
    "odd sizes": lambda a: {**a, "f_S": a["f_S"][:, :, :3, :3]},
}


@pytest.mark.parametrize("world", list(WORLDS))
@pytest.mark.parametrize("loss", list(LOSSES))
def test_finite_with_finite_gradients(loss, world):
    a = WORLDS[world](arrays())
    learns = {k: a[k].clone().requires_grad_() for k in ("f_S", "z_S")}
    value = LOSSES[loss]({**a, **learns}, a["y"])
    assert value.dtype == torch.float32 and torch.isfinite(value) and value >= -1e-6
    value.backward()
    grads = [t.grad for t in learns.values() if t.grad is not None]
    assert grads and all(torch.isfinite(g).all() for g in grads)


def test_an_absent_class_changes_nothing():
    "Declared but absent, a class takes no part."
    a = arrays()
    y2 = a["y"].clamp_max(1)
    for loss in (variation_loss, region_loss):
        assert float(loss(a["f_S"], a["f_T"], y2, 2)) == pytest.approx(float(loss(a["f_S"], a["f_T"], y2, 5)), rel=1e-6)
    assert float(region_loss(a["f_S"], a["f_T"], torch.zeros_like(y2), 2)) == 0


def test_autocast_does_not_reach_the_products():
    a = arrays()
    plain = pure(a)
    with torch.autocast("cpu", torch.bfloat16): cast = pure(a)
    for name, value in plain.items(): assert float(cast[name]) == pytest.approx(float(value), rel=1e-5), name


def test_shares_sum_to_one_and_means_weigh_by_them():
    y = arrays()["y"]
    share = shares(y, 3, (5, 3))
    torch.testing.assert_close(share.sum(1), torch.ones(3, 15))
    means, sums = region_means(torch.ones(3, 2, 16, 16), members(y, 4))
    assert (means[:, 3] == 0).all() and (sums[:, 3] == 0).all() and (means[0, :3] == 1).all()


def test_map_at_takes_the_deepest_that_is_fine_enough():
    f, skips = torch.zeros(1, 9, 4, 4), [torch.zeros(1, 1, 64, 64), torch.zeros(1, 2, 32, 32), torch.zeros(1, 3, 8, 8)]
    channels = {None: 9, 64: 9, 32: 9, 16: 3, 8: 2, 4: 2, 2: 1, 1: 1}
    assert {s: map_at(f, skips, 128, s).shape[1] for s in channels} == channels
    assert affinity(f).shape == (1, 4, 4)


# ---- the methods

class Coarse(Segmenter):
    "A network of stride 8 without skips."
    def __init__(self, classes=2):
        super().__init__(16, 8, 1, classes)
        self.body, self.head = torch.nn.Conv2d(1, 16, 8, 8), torch.nn.ConvTranspose2d(16, classes, 8, 8)

    def encode(self, x): return self.body(x).relu(), []
    def decode(self, f, skips): return self.head(f)


def world(teacher="unet", student="mobilenet", classes=2, V=2, B=2, size=64, empty=False):
    "Guides, a student, and one shared batch."
    torch.manual_seed(0)
    make = lambda name: Coarse(classes) if name == "coarse" else build(name, width=0.125 if name == "unet" else 0.25, classes=classes)
    T, S = make(teacher), make(student)
    align = lambda n: AlignmentNetwork(n.channels, (size // n.stride) ** 2, dim=8)
    guides = Guides(T, align(T), align(S))
    y = torch.randint(classes, (B, size, size)) * (not empty)
    return guides, S, ask_teacher(guides, 0, torch.rand(V, B, 1, size, size), y, y >= 0)


WAYS = {"U-Net teaches MobileNet": {}, "MobileNet teaches U-Net": {"teacher": "mobilenet", "student": "unet"}, "no skips": {"teacher": "coarse", "student": "mobilenet"},
    "a student without skips": {"student": "coarse"}, "three classes": {"classes": 3}, "one view of one image": {"V": 1, "B": 1, "student": "coarse"}, "empty masks": {"empty": True}}


OPTIONS = {"SKD, critic": (SKD, {"adversarial": True}), "XDED, teacher": (XDED, {"source": "teacher"}), "IFVD at 8": (IFVD, {"stride": 8}), "EMKD by shares": (EMKD, {"masks": "shares"})}
RUNS = [(m.name, w) for m in METHODS for w in WAYS] + [(m, w) for m in OPTIONS for w in ("U-Net teaches MobileNet", "a student without skips", "three classes")]


@pytest.mark.parametrize("method, way", RUNS)
def test_a_step_is_finite_and_moves_the_student(method, way):
    guides, S, shared = world(**WAYS[way])
    kind, extra = {**{m.name: (m, {}) for m in METHODS}, **OPTIONS}[method]
    d, fabric = kind(S, guides, Plan(10), **extra), make_fabric(accelerator="cpu")
    d.place(fabric)
    before = {k: t.clone() for k, t in d.student.state_dict().items()}
    said = d.step(fabric, shared)
    assert set(said) - {"total", "critic"} <= set(d.weights) and all(torch.isfinite(v) for v in said.values())
    assert any(not torch.equal(t, before[k]) for k, t in d.student.state_dict().items() if t.is_floating_point())


@pytest.mark.parametrize("method", METHODS)
def test_mixed_precision(method):
    guides, S, shared = world()
    d, fabric = method(S, guides, Plan(10), **({"adversarial": True} if method is SKD else {})), make_fabric("bf16-mixed", "cpu")
    d.place(fabric)
    assert all(torch.isfinite(v) for v in d.step(fabric, shared).values())


@pytest.mark.parametrize("method", METHODS)
def test_same_seed_same_weights(method):
    guides, S, shared = world()
    fabric, twins = make_fabric(accelerator="cpu"), []
    for _ in range(2):
        torch.rand(7)  # what the global stream did before must not matter
        d = method(S, guides, Plan(10), seed=3, **({"adversarial": True} if method is SKD else {}))
        d.place(fabric); d.step(fabric, shared); twins.append(d)
    a, b = (d.modules.state_dict() for d in twins)
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_every_term_pulls_at_the_student():
    guides, S, shared = world()
    for d in (SKD(S, guides, Plan(10), adversarial=True), IFVD(S, guides, Plan(10)), XDED(S, guides, Plan(10)), EMKD(S, guides, Plan(10))):
        losses = d.losses(shared)
        assert set(losses) == set(d.weights)
        for name, loss in losses.items():
            grads = torch.autograd.grad(loss, list(d.student.parameters()), retain_graph=True, allow_unused=True)
            assert sum(float(g.abs().sum()) for g in grads if g is not None) > 0, (d.name, name)


def test_the_critic_learns_and_leaves_the_student_alone():
    guides, S, shared = world()
    fabric, d = make_fabric(accelerator="cpu"), SKD(S, guides, Plan(10), adversarial=True)
    d.place(fabric); d.step(fabric, shared)
    frozen = {k: t.clone() for k, t in d.student.state_dict().items()}
    first = float(d.companion_losses(shared)["critic"].detach())
    for _ in range(15): d._companions_step(fabric, shared)
    assert float(d.companion_losses(shared)["critic"].detach()) < first
    assert all(torch.equal(t, frozen[k]) for k, t in d.student.state_dict().items())


def test_the_critic_looks_at_the_image():
    "Conditional: the same maps score differently beside another image; and each layer's norm is at most about 1."
    torch.manual_seed(0)
    critic = Critic(1, 2)
    p = torch.rand(2, 2, 32, 32).softmax(1)
    for _ in range(20): critic(torch.rand(2, 1, 32, 32), p)   # power iterations
    assert not torch.allclose(critic(torch.zeros(2, 1, 32, 32), p), critic(torch.ones(2, 1, 32, 32), p))
    for layer in critic.body:
        if isinstance(layer, torch.nn.Conv2d): assert float(torch.linalg.matrix_norm(layer.weight.flatten(1).detach(), 2)) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("make", [lambda *a: XDED(*a, source="both"), lambda *a: EMKD(*a, masks="area"), lambda *a: IFVD(*a, weights={"kd": 1.0})])
def test_wrong_options_are_named(make):
    guides, S, _ = world()
    with pytest.raises(InputError): make(S, guides, Plan(10))


if __name__ == "__main__" and "--golden" in sys.argv:
    stored = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {"theirs": []}
    stored = {"how": "ours: python tests/test_structure.py --golden; theirs: published code run once on arrays() of that file, value × factor = ours",
        "ours": {name: float(value) for name, value in pure(arrays()).items()}, "theirs": stored["theirs"]}
    GOLDEN.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n")
