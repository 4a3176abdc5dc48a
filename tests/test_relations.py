"""SP, RKD, PKT, CIRKD and DIST as a user imports them: against numbers of public releases, against closed forms, and on inputs that break naive code.

`tests/golden/relations.json` holds values and gradient norms that the named releases gave, in float64, for the inputs of `inputs()` below;
no code of theirs is here. RandomState's stream is frozen by numpy, so the inputs stay what they were."""
import json
from functools import cache

import numpy as np
import pytest
import torch
from conftest import ROOT

from msan_nb.core import InputError
from msan_nb.distill.base import Guides, ask_teacher
from msan_nb.distill.controls import StudentViews
from msan_nb.distill.relations import (CIRKD, DIST, PKT, RKD, SP, angles, cirkd_loss, correlation, direction, dist_losses, distances, last_input,
    neighbours, pkt_loss, rkd_losses, sampled_pixels, sp_loss)
from msan_nb.models import NETWORKS, build
from msan_nb.models.alignment import AlignmentNetwork
from msan_nb.train.loop import Plan, make_fabric

GOLDEN = json.loads((ROOT / "tests" / "golden" / "relations.json").read_text())
ROWS = (SP, RKD, PKT, CIRKD, DIST)


def inputs(kind: str, dtype=torch.float32):
    "The student's and the teacher's side of a golden value, always the same."
    draw = lambda seed, *shape: torch.from_numpy(np.random.RandomState(seed).standard_normal(shape)).to(dtype)
    if kind == "vectors": return draw(1, 12, 8), draw(2, 12, 16)
    if kind == "pixels": return draw(3, 3, 6, 4, 4), draw(4, 3, 10, 4, 4)  # N×C×h×w
    return {"two classes": (draw(5, 2, 2, 6, 6), draw(6, 2, 2, 6, 6)), "three classes": (draw(7, 2, 3, 6, 6), draw(8, 2, 3, 6, 6))}[kind]


as_pixels = lambda e: e.flatten(2).transpose(1, 2)
LOSSES = {
    "sp": sp_loss,
    "distance": lambda s, t: rkd_losses(s, t)["distance"],
    "angle": lambda s, t: rkd_losses(s, t)["angle"],
    "pkt": pkt_loss,
    "cirkd": lambda s, t: cirkd_loss(as_pixels(s), as_pixels(t)),
    "inter_class": lambda s, t: dist_losses(s, t)["inter_class"],
    "intra_class": lambda s, t: dist_losses(s, t)["intra_class"],
    "inter_class tau 4": lambda s, t: dist_losses(s, t, 4.0)["inter_class"],
    "intra_class tau 4": lambda s, t: dist_losses(s, t, 4.0)["intra_class"],
}
VECTOR = ("sp", "distance", "angle", "pkt")
KIND = {**dict.fromkeys(VECTOR, "vectors"), "cirkd": "pixels", **dict.fromkeys([k for k in LOSSES if "class" in k], "three classes")}


def value_and_gradient(loss, s, t):
    s = s.clone().requires_grad_()
    value = loss(s, t)
    return float(value.detach()), torch.autograd.grad(value, s)[0]


# ---- the numbers of others

@pytest.mark.parametrize("golden", GOLDEN["values"], ids=lambda g: f"{g['loss']}, {g['inputs']}, {g['source'].split()[0]}")
def test_golden(golden):
    value, gradient = value_and_gradient(LOSSES[golden["loss"]], *inputs(golden["inputs"]))
    assert value == pytest.approx(golden["value"] * golden["factor"], rel=1e-4)
    if golden["gradient_norm"] is not None: assert float(gradient.norm()) == pytest.approx(golden["gradient_norm"] * golden["factor"], rel=1e-3)


def test_golden_covers_every_loss_and_names_its_source():
    assert {g["loss"] for g in GOLDEN["values"]} == set(LOSSES)
    for g in GOLDEN["values"]: assert g["source"] and g["version"] and g["convention"]


# ---- values that can be known

@pytest.mark.parametrize("name", LOSSES)
def test_a_perfect_student_has_nothing_to_learn(name):
    t = inputs(KIND[name])[1]
    value, gradient = value_and_gradient(LOSSES[name], t, t)
    assert value == pytest.approx(0, abs=1e-5) and gradient.abs().max() < 1e-4


@pytest.mark.parametrize("name", LOSSES)
def test_order_of_samples_does_not_matter(name):
    s, t = inputs(KIND[name])
    order = torch.randperm(len(s), generator=torch.Generator().manual_seed(0))
    assert float(LOSSES[name](s[order], t[order])) == pytest.approx(float(LOSSES[name](s, t)), rel=1e-4)
    assert float(LOSSES[name](s, t.roll(1, 0))) != pytest.approx(float(LOSSES[name](s, t)), rel=1e-3)


@pytest.mark.parametrize("name", VECTOR)
def test_descent_finds_the_teachers_relation(name):
    "Free vectors that follow the gradient: a loss whose gradient points elsewhere would stay."
    s, t = inputs("vectors")
    s = s.clone().requires_grad_()
    optimizer = torch.optim.Adam([s], 0.03)
    first = None
    for _ in range(200):
        loss = LOSSES[name](s, t)
        first = float(loss.detach()) if first is None else first
        optimizer.zero_grad(); loss.backward(); optimizer.step()
    assert float(loss.detach()) < first / 4


def test_distances_and_angles_of_a_square():
    square = torch.tensor([[0., 0], [1, 0], [1, 1], [0, 1]])
    mean = (8 + 4 * 2**0.5) / 12
    assert distances(square)[0].tolist() == pytest.approx([0, 1 / mean, 2**0.5 / mean, 1 / mean])
    a = angles(square)
    assert float(a[0, 1, 3]) == pytest.approx(0, abs=1e-6) and float(a[0, 1, 2]) == pytest.approx(0.5**0.5)
    assert a[0, 0].abs().max() == 0  # an edge from a point to itself has no direction


def test_neighbours_are_probabilities_and_opposites_are_never_chosen():
    p = neighbours(torch.tensor([[1., 0], [-1, 0], [0, 1]]))
    assert p.sum(1).tolist() == pytest.approx([1, 1, 1])
    assert p[0].tolist() == pytest.approx([2 / 3, 0, 1 / 3], abs=1e-6)


def test_inter_class_counts_differing_labels_where_there_are_two_classes():
    s, t = inputs("two classes")
    differ = float((s.argmax(1) != t.argmax(1)).double().mean())
    value, gradient = value_and_gradient(LOSSES["inter_class"], s, t)
    assert 0 < differ < 1 and value == pytest.approx(2 * differ, rel=1e-5)
    assert gradient.abs().max() < 1e-6 * value_and_gradient(LOSSES["intra_class"], s, t)[1].abs().max() + 1e-7


@pytest.mark.parametrize("gain, shift, rho", [(2, 3, 1), (-0.5, 1, -1)])
def test_correlation_of_linear_maps(gain, shift, rho):
    a = inputs("vectors")[0]
    assert correlation(a, gain * a + shift).tolist() == pytest.approx([rho] * 12, abs=1e-5)


def test_correlation_against_numpy():
    a, b = inputs("vectors")[0], inputs("vectors")[1][:, :8]
    assert correlation(a, b).tolist() == pytest.approx([np.corrcoef(x, y)[0, 1] for x, y in zip(a.numpy(), b.numpy())], abs=1e-5)


# ---- inputs that break naive code

def extreme(name):
    "Names and pairs of inputs on which a loss must stay finite."
    s, t = inputs(KIND[name])
    pairs = {"plain": (s, t), "one sample": (s[:1], t[:1]), "two samples": (s[:2], t[:2]), "a repeated sample": (torch.cat([s, s[:1]]), torch.cat([t, t[1:2]])),
        "nearly repeated": (torch.cat([s, s[:1] * (1 + 1e-7)]), torch.cat([t, t[1:2]])), "all the same": (s[:1].expand_as(s), t), "all zero": (0 * s, t),
        "teacher all zero": (s, 0 * t), "bf16": (s.bfloat16(), t.bfloat16()), "large": (1e4 * s, 1e4 * t), "small": (1e-4 * s, 1e-4 * t)}
    if name in VECTOR: pairs["opposites"] = (torch.cat([s, -s]), torch.cat([t, -t]))
    return pairs


@pytest.mark.parametrize("name", LOSSES)
def test_finite_and_tame(name):
    for case, (s, t) in extreme(name).items():
        value, gradient = value_and_gradient(LOSSES[name], s, t)
        scale = float(s.float().abs().mean()) or 1.0  # relations are ratios: a short vector turns more easily
        assert np.isfinite(value) and gradient.isfinite().all(), case
        assert value >= -1e-6 and gradient.float().abs().max() * min(scale, 1) < 1e2, case


@pytest.mark.parametrize("tau", [1e-3, 0.1, 1.0, 1e2])
def test_finite_for_all_temperatures(tau):
    s, t = inputs("pixels")
    value, gradient = value_and_gradient(lambda a, b: cirkd_loss(as_pixels(a), as_pixels(b), tau), s, t)
    assert np.isfinite(value) and value >= 0 and gradient.isfinite().all()
    for kind in ("two classes", "three classes"):
        for name in ("inter_class", "intra_class"):
            value, gradient = value_and_gradient(lambda a, b: dist_losses(a, b, tau)[name], *inputs(kind))
            assert 0 <= value / tau**2 <= 2 + 1e-6 and gradient.isfinite().all()


@pytest.mark.parametrize("logits", [torch.zeros(2, 3, 6, 6), torch.tensor([60., 0, -60]).view(1, 3, 1, 1).expand(2, 3, 6, 6), torch.tensor([200., 0, -200]).view(1, 3, 1, 1).expand(2, 3, 6, 6)], ids=["uniform", "sure", "saturated"])
def test_constant_predictions_have_no_correlation(logits):
    z = inputs("three classes")[1]
    for s, t in ((logits, z), (z, logits)):
        value, gradient = value_and_gradient(LOSSES["intra_class"], s, t)
        assert value == pytest.approx(1, abs=1e-5) and gradient.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
def test_autocast_changes_nothing_and_the_teacher_gets_no_gradient(name):
    s, t = inputs(KIND[name])
    plain = float(LOSSES[name](s, t))
    t = t.clone().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16): under = LOSSES[name](s.requires_grad_(), t)
    assert float(under.detach()) == plain and under.dtype == torch.float32
    under.backward()
    assert t.grad is None and s.grad.abs().sum() > 0


def test_direction_of_nothing_is_nothing():
    x = torch.tensor([[3., 4], [0, 0], [1e-3, 0]], requires_grad=True)
    unit = direction(x, floor=1e-2)
    assert unit.tolist() == [pytest.approx([0.6, 0.8]), [0, 0], [0, 0]]
    assert torch.autograd.grad(unit.sum(), x)[0][1:].abs().max() == 0


@pytest.mark.parametrize("call, where", [(lambda: cirkd_loss(torch.rand(1, 2, 3), torch.rand(1, 2, 3), tau=0), "tau"), (lambda: dist_losses(*inputs("two classes"), tau=-1), "tau"),
    (lambda: CIRKD(*world()[:2], Plan(3), pixels=0), "pixels"), (lambda: SP(*world()[:2], Plan(3), weights={"spp": 1}), "weights")])
def test_bad_arguments(call, where):
    with pytest.raises(InputError) as error: call()
    assert error.value.where == where


# ---- pixels

def test_sampled_pixels_are_the_same_in_both_maps_and_follow_the_global_stream():
    fine = torch.arange(256.).view(1, 1, 16, 16).repeat(2, 3, 1, 1)
    coarse = torch.nn.functional.avg_pool2d(fine, 4)
    draw = lambda seed: (torch.manual_seed(seed), sampled_pixels(coarse, fine, 7))[1]
    with torch.random.fork_rng(devices=[]): (a, b), (c, _), (d, _) = draw(0), draw(0), draw(1)
    assert a.shape == (2, 7, 3) and torch.equal(a, b) and torch.equal(a, c) and not torch.equal(a, d)
    assert len(a[0, :, 0].unique()) == 7


@pytest.mark.parametrize("name", NETWORKS)
def test_the_embedding_is_what_enters_the_classifier(name):
    net = build(name, classes=3, width=0.25).eval()
    x = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        with last_input(net) as whole: net(x)
        f, skips = net.encode(x)
        with last_input(net) as half: net.decode(f, skips)
    assert torch.equal(whole["embedding"], half["embedding"]) and whole["embedding"].shape[2] >= 32
    assert not any(m._forward_hooks for m in net.modules())


def test_hooks_go_even_after_an_error():
    net = build("mobilenet", width=0.25)
    with pytest.raises(InputError), last_input(net): net(torch.rand(1, 1, 63, 63))
    assert not any(m._forward_hooks for m in net.modules())


# ---- the rows of the table

@cache
def world(teacher="unet", student="mobilenet", classes=2, V=2, B=2, size=64, only=None):
    "A student, guides and one step's shared batch; `only` is the one class that the mask holds."
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        T, S = (build(name, classes=classes, width=w) for name, w in ((teacher, 0.125), (student, 0.25)))
        guides = Guides(T, *(AlignmentNetwork(n.channels, (size // n.stride)**2, dim=8, hidden=8) for n in (T, S)))
        views, y = torch.rand(V, B, 1, size, size), torch.randint(classes, (B, size, size)) if only is None else torch.full((B, size, size), only)
    return S, guides, ask_teacher(guides, 0, views, y, y >= 0)


def placed(method, S, guides, **options):
    d = method(S, guides, Plan(5), **options)
    d.place(make_fabric(accelerator="cpu"))
    return d


@pytest.mark.parametrize("method, weights", [(SP, {"sp": 3000}), (RKD, {"distance": 25, "angle": 50}), (PKT, {"pkt": 30000}), (CIRKD, {"cirkd": 1, "kd": 0}), (DIST, {"inter_class": 1, "intra_class": 1})])
def test_names_and_default_weights(method, weights):
    assert method.weights == {"ce": 1.0, **weights} and method.name == method.__name__


@pytest.mark.parametrize("method", ROWS)
@pytest.mark.parametrize("options", [{}, {"classes": 3}, {"B": 1}, {"V": 1, "B": 1}, {"only": 0}, {"classes": 3, "only": 1}],
    ids=["plain", "three classes", "batch of 1", "one view of one", "empty mask", "absent classes"])
def test_a_step_moves_the_student_and_nothing_else(method, options):
    S, guides, shared = world(**options)
    still = [t for net in (S, guides.teacher, guides.TAN, guides.SAN) for t in net.state_dict().values()]
    before = [t.clone() for t in still]
    plain = placed(StudentViews, S, guides).step(make_fabric(accelerator="cpu"), shared)
    d = placed(method, S, guides)
    said = d.step(d.fabric, shared)
    assert all(np.isfinite(float(l)) for l in said.values()) and all(t.isfinite().all() for t in d.student.state_dict().values())
    assert float(said["ce"]) == pytest.approx(float(plain["ce"]), rel=1e-5)
    assert float(said["total"]) == pytest.approx(sum(d.weights[k] * float(l) for k, l in said.items() if k != "total"), rel=1e-4, abs=1e-6)
    assert ("inter_class" in said) == (method is DIST and options.get("classes", 2) > 2)
    assert any(not torch.equal(a, b) for a, b in zip(S.state_dict().values(), d.student.state_dict().values()))
    assert all(torch.equal(a, b) for a, b in zip(before, still))
    assert not guides.teacher.training and not any(m._forward_hooks for net in (d.student, guides.teacher) for m in net.modules())


@pytest.mark.parametrize("teacher", [n for n in NETWORKS if n in ("unet", "fanet")])
@pytest.mark.parametrize("student", [n for n in NETWORKS if n not in ("unet", "fanet")])
def test_any_teacher_with_any_student(teacher, student):
    S, guides, shared = world(teacher, student)
    for method in ROWS:
        d = placed(method, S, guides)
        grads = torch.autograd.grad(sum(l for k, l in d.losses(shared).items() if k != "ce"), [p for p in d.student.parameters() if p.requires_grad], allow_unused=True)
        assert sum(float(g.norm()) for g in grads if g is not None) > 0


@pytest.mark.parametrize("method", ROWS)
def test_a_step_is_repeatable_and_under_bf16(method):
    S, guides, shared = world()
    first, again = (placed(method, S, guides) for _ in range(2))
    a, b = (d.step(d.fabric, shared) for d in (first, again))
    assert all(torch.equal(a[k], b[k]) for k in a)
    low = method(S, guides, Plan(5)); low.place(make_fabric(accelerator="cpu", precision="bf16-mixed"))
    assert all(np.isfinite(float(l)) for l in low.step(low.fabric, shared).values())


@pytest.mark.parametrize("method", (SP, RKD, PKT))
def test_relations_are_those_of_all_processes(method):
    "With another process's vectors beside them, the rows give the loss of the joined batch."
    S, guides, shared = world(V=2, B=3)
    d = placed(method, S, guides)
    others, asked = {8: torch.rand(6, 8)}, []
    def everyone(v, dim=0): asked.append(v.detach()); return torch.cat([v, others[v.shape[1]]], dim)
    d.everyone = everyone
    said = d.losses(shared)
    (v_S, v_T), joined = asked, [torch.cat([v, others[8]]) for v in asked]
    assert v_S.shape == v_T.shape == (6, 8) and torch.equal(v_T, shared.v.flatten(0, 1))
    for name in set(said) - {"ce"}: assert float(said[name].detach()) == pytest.approx(float(LOSSES[name](*joined)), rel=1e-5)


@pytest.mark.parametrize("method, calls", [(CIRKD, 2), (DIST, 2)])
def test_pixels_and_predictions_of_all_processes_too(method, calls):
    S, guides, shared = world()
    d, asked = placed(method, S, guides), []
    d.everyone = lambda v, dim=0: asked.append(v) or v
    d.losses(shared)
    assert len(asked) == calls and all(len(v) == 4 for v in asked)


def test_cirkd_can_bring_back_the_releases_kd():
    S, guides, shared = world()
    assert "kd" not in placed(CIRKD, S, guides).losses(shared)
    assert float(placed(CIRKD, S, guides, weights={"kd": 1.0}).losses(shared)["kd"].detach()) > 0
