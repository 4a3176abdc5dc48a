"""AT, FSP, CWD, MGD: edge cases, and golden values that other people's code computed.

`tests/golden/features.json` is made by `python tests/test_features.py --golden FOLDER`, where FOLDER holds the unpacked wheels of
torchdistill 1.1.5 and mmrazor 1.0.0 (`pip download --no-deps …`, then unzip; nothing is installed). Inputs come from numpy's frozen RandomState.
"""
import functools
import importlib
import sys
import types
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from torch import nn

from msan_nb.core import InputError, read_json, seeded, write_json
from msan_nb.distill.base import Guides, ask_teacher
from msan_nb.distill.features import (AT, CWD, FSP, MGD, adapter, attention, attention_loss, channel_divergence, flow, flow_loss,
                                      generator, rebuild_loss, same_resolution, same_size, skip_channels, visible)
from msan_nb.models import NETWORKS, build
from msan_nb.models.alignment import AlignmentNetwork
from msan_nb.models.segmenter import Segmenter
from msan_nb.train.loop import Plan, make_fabric

GOLDEN = Path(__file__).parent / "golden" / "features.json"
MAKERS = {"at": AT, "fsp": FSP, "mgd": MGD, "cwd": CWD, "cwd_features": lambda *a, **k: CWD(*a, on="features", **k)}


@pytest.fixture(autouse=True)
def fixed():
    "The same random numbers for each test, whatever ran before."
    with seeded("test_features"): yield


# golden values

def inputs():
    "The fixed inputs of the golden values."
    draw = lambda seed, *shape: torch.from_numpy(np.random.RandomState(seed).standard_normal(shape).astype(np.float32))
    uniform = torch.from_numpy(np.random.RandomState(9).random_sample((3, 1, 6, 6)).astype(np.float32))
    return {
        "f_S": draw(0, 3, 5, 6, 6), "f_T": draw(1, 3, 8, 6, 6),  # AT and MGD: other channels, same positions
        "a_S": draw(2, 3, 4, 6, 6), "b_S": draw(3, 3, 7, 6, 6), "a_T": draw(4, 3, 4, 6, 6), "b_T": draw(5, 3, 7, 6, 6),  # FSP
        "z_S": 3 * draw(6, 3, 2, 9, 9), "z_T": 3 * draw(7, 3, 2, 9, 9),  # CWD
        "uniform": uniform,
        "weights": [0.1 * draw(10 + i, *shape) for i, shape in enumerate(((8, 5, 1, 1), (8,), (8, 8, 3, 3), (8,), (8, 8, 3, 3), (8,)))],  # MGD
    }


def ours(x):
    "The four losses as this package computes them."
    align, block = adapter(5, 8), generator(8)
    with torch.no_grad():
        for p, w in zip([*align.parameters(), *block.parameters()], x["weights"]): p.copy_(w)
        with patch("torch.rand", lambda *size, **k: x["uniform"]): keep = visible(x["f_S"], 0.75)
        rebuilt = block(align(x["f_S"]) * keep)
    return {
        "at": attention_loss(x["f_S"], x["f_T"]),
        "fsp": flow_loss(flow(x["a_S"], x["b_S"]), flow(x["a_T"], x["b_T"])),
        "cwd": channel_divergence(x["z_S"], x["z_T"]),
        "mgd": rebuild_loss(rebuilt, x["f_T"]),
    }


def theirs(x, folder):
    "The same, by torchdistill and mmrazor."
    sys.path.insert(0, str(folder))
    registry = types.SimpleNamespace(MODELS=types.SimpleNamespace(register_module=lambda: lambda c: c))
    for name in ("mmrazor", "mmrazor.models", "mmrazor.models.losses", "mmrazor.models.architectures", "mmrazor.models.architectures.connectors"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(Path(folder, *name.split(".")))]  # a package without its __init__, which would ask for mmcv
    sys.modules["mmrazor.registry"] = registry
    sys.modules["mmrazor.models.architectures.connectors.base_connector"] = types.SimpleNamespace(BaseConnector=type("BaseConnector", (nn.Module,), {"__init__": lambda self, init_cfg=None: nn.Module.__init__(self)}))
    td = importlib.import_module("torchdistill.losses.mid_level")
    mm = lambda name: importlib.import_module(f"mmrazor.models.{name}")
    at = td.ATLoss({"p": {"student": {"io": "o", "path": "f"}, "teacher": {"io": "o", "path": "f"}}}, mode="code")
    G = td.FSPLoss.compute_fsp_matrix
    connector = mm("architectures.connectors.mgd_connector").MGDConnector(5, 8, lambda_mgd=0.75)
    for p, w in zip(connector.parameters(), x["weights"]): p.data.copy_(w)
    with patch("torch.rand", lambda *size: x["uniform"]): rebuilt = connector.forward_train(x["f_S"]).detach()
    return {
        "at": at({"f": {"o": x["f_S"]}}, {"f": {"o": x["f_T"]}}),
        "fsp": (G(x["a_S"], x["b_S"]) - G(x["a_T"], x["b_T"])).pow(2).mean(),
        "cwd": mm("losses.cwd").ChannelWiseDivergence(tau=4.0)(x["z_S"], x["z_T"]),
        "mgd": mm("losses.mgd_loss").MGDLoss(alpha_mgd=1.0)(rebuilt, x["f_T"]),
    }


@pytest.mark.parametrize("method", ["at", "fsp", "cwd", "mgd"])
def test_golden_values_of_other_libraries(method):
    golden = read_json(GOLDEN)["values"][method]
    assert float(ours(inputs())[method]) * golden["factor"] == pytest.approx(golden["value"], rel=2e-5)


# pure functions

@pytest.mark.parametrize("tau", [1e-3, 0.1, 1.0, 4.0, 100.0])
@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_cwd_is_finite_and_not_negative(tau, classes, dtype):
    torch.manual_seed(0)
    s, t = (10 * torch.randn(1, classes, 7, 9)).to(dtype).requires_grad_(), (10 * torch.randn(1, classes, 14, 9)).to(dtype)
    loss = channel_divergence(s, t, tau)
    loss.backward()
    assert loss.dtype == torch.float32 and loss.isfinite() and loss >= 0 and s.grad.isfinite().all()
    assert float(channel_divergence(t, t, tau)) == pytest.approx(0, abs=1e-6 * tau**2)


def test_cwd_knows_its_minimum():
    "The gradient at the teacher, moved by any constant per channel, is zero."
    t = torch.randn(2, 3, 8, 8)
    s = (t + torch.randn(2, 3, 1, 1)).requires_grad_()
    channel_divergence(s, t).backward()
    assert s.grad.abs().max() < 1e-6


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("power", [1.0, 2.0, 4.0])
def test_attention_has_length_one_at_any_size(size, power):
    f = (size * torch.randn(2, 3, 5, 5)).requires_grad_()
    q = attention(f, power)
    q.square().sum(1).sqrt().mul(torch.rand(2)).sum().backward()
    assert torch.allclose(q.norm(dim=1), torch.ones(2)) and f.grad.isfinite().all()


def test_gradient_of_attention_ignores_the_division():
    "Dividing by the largest activation leaves the exact gradient of Q."
    f, w = torch.randn(2, 3, 4, 4, dtype=torch.float64), torch.randn(2, 16)
    grads = []
    for q in (lambda m: attention(m), lambda m: nn.functional.normalize(m.square().mean(1).flatten(1))):
        leaf = f.float().requires_grad_()
        (q(leaf) * w).sum().backward()
        grads.append(leaf.grad)
    assert torch.allclose(*grads, atol=1e-6)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_attention_of_a_dark_map_is_dark_and_has_a_gradient(power):
    f = torch.zeros(2, 3, 4, 4, requires_grad=True)
    loss = attention_loss(f, torch.rand(2, 5, 4, 4), power)
    loss.backward()
    assert loss.isfinite() and f.grad.isfinite().all()


def test_gram_products_stay_out_of_mixed_precision():
    a, b = torch.randn(2, 5, 16, 16), torch.randn(2, 6, 8, 8)
    exact = torch.einsum("ncp,ndp->ncd", nn.functional.avg_pool2d(a, 2).flatten(2).double(), b.flatten(2).double()) / 64
    with torch.autocast("cpu", torch.bfloat16): G = flow(a, b)
    assert G.dtype == torch.float32 and torch.allclose(G.double(), exact, atol=1e-6)


@pytest.mark.parametrize("shape, other, want", [((8, 8), (4, 4), (4, 4)), ((4, 4), (8, 8), (4, 4)), ((6, 4), (3, 9), (3, 4)), ((5, 5), (3, 3), (3, 3))])
def test_sizes_are_matched_per_axis(shape, other, want):
    a, b = same_size(torch.rand(1, 2, *shape), torch.rand(1, 3, *other))
    assert a.shape[-2:] == b.shape[-2:] == want and a.shape[1] == 2 and b.shape[1] == 3


def test_pairs_take_the_deepest_of_each_resolution_and_no_indices():
    m = lambda c, size: torch.full((1, c, size, size), float(c))
    student, teacher = [m(1, 32), m(2, 16), m(3, 16), torch.zeros(1, 4, 8, 8, dtype=torch.long)], [m(4, 64), m(5, 32), m(6, 32), m(7, 16), m(8, 8)]
    assert [(a.shape[1], b.shape[1]) for a, b in same_resolution(student, teacher)] == [(1, 6), (3, 7)]
    assert same_resolution([], teacher) == []


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_outside_0_to_1_is_refused(share):
    with pytest.raises(InputError, match="share"): visible(torch.zeros(1, 1, 2, 2), share)


# methods

class Bare(Segmenter):
    "A student without skips, or with nothing but pooling indices."
    def __init__(self, channels=24, stride=8, classes=2, indices=False):
        super().__init__(channels, stride, 1, classes)
        self.indices, self.body, self.norm, self.head = indices, nn.Conv2d(1, channels, stride, stride), nn.BatchNorm2d(channels), nn.Conv2d(channels, classes, 1)

    def encode(self, x):
        f = self.norm(self.body(x)).relu()
        return f, [torch.zeros(len(x), 4, 8, 8, dtype=torch.long)] if self.indices else []

    def decode(self, f, skips): return nn.functional.interpolate(self.head(f), scale_factor=self.stride)


STUDENTS = {"mobilenet": lambda c: build("mobilenet", classes=c, width=0.25), "bare": lambda c: Bare(classes=c), "indices": lambda c: Bare(classes=c, indices=True)}


@functools.cache
def world(student="mobilenet", teacher="unet", classes=2, batch=2, V=2, empty=False, size=32):
    "Guides, a student (which every method copies), a shared batch."
    T, S = (STUDENTS[name](classes) if name in STUDENTS else build(name, classes=classes, width=0.125) for name in (teacher, student))
    guides = Guides(T, AlignmentNetwork(T.channels, (size // T.stride)**2, dim=16), AlignmentNetwork(S.channels, (size // S.stride)**2, dim=16))
    with seeded("features", "batch"): views, y = torch.rand(V, batch, 1, size, size), torch.randint(1 if empty else classes, (batch, size, size))
    return guides, S, ask_teacher(guides, 0, views, y, y >= 0)


CASES = {
    "plain": {}, "three classes": dict(classes=3), "an absent class": dict(classes=3, empty=True), "an empty mask": dict(empty=True),
    "one image, one view": dict(batch=1, V=1, size=64), "no skips": dict(student="bare"), "indices": dict(student="indices"), "a coarse teacher": dict(student="bare", teacher="mobilenet"),
}


@pytest.mark.parametrize("case, precision", [*((case, "32-true") for case in CASES), *((case, "bf16-mixed") for case in ("plain", "one image, one view", "no skips"))])
def test_every_method_takes_finite_steps(case, precision):
    guides, S, shared = world(**CASES[case])
    fabric = make_fabric(precision, accelerator="cpu")
    for key, make in MAKERS.items():
        d = make(S, guides, Plan(10))
        d.place(fabric)
        before = {k: p.clone() for k, p in d.modules.named_parameters()}
        said = d.step(fabric, shared)
        term = list(d.weights)[1]
        assert all(v.isfinite() and v.ndim == 0 for v in said.values()), key
        assert said[term] >= 0 and float(said["total"]) == pytest.approx(float(said["ce"] + d.weights[term] * said[term]), rel=1e-4)
        assert all(p.isfinite().all() for p in d.modules.parameters())
        assert all(not torch.equal(p, before["adapters." + k]) for k, p in d.adapters.named_parameters()), key  # every adapter learns
        assert any(not torch.equal(p, before["student." + k]) for k, p in d.student.named_parameters())


@pytest.mark.parametrize("teacher, student", [*zip(NETWORKS, [*NETWORKS][2:] + [*NETWORKS][:2])])
def test_every_network_teaches_and_learns(teacher, student):
    guides, S, shared = world(student, teacher, V=1, size=64)  # at 32 a MobileNet has one position, where AT and CWD have nothing to say
    for key, make in MAKERS.items():
        d = make(S, guides, Plan(10))
        with seeded("features", "losses"): loss = d.losses(shared)[list(d.weights)[1]]
        loss.backward()
        pulled = [p.grad for p in d.student.parameters() if p.grad is not None]
        assert loss.isfinite() and all(g.isfinite().all() for g in pulled) and any(g.abs().sum() > 0 for g in pulled), key


@pytest.mark.parametrize("key", MAKERS)
def test_same_seed_same_step_other_seed_other_adapters(key):
    guides, S, shared = world()
    fabric = make_fabric(accelerator="cpu")
    def after(seed):
        d = MAKERS[key](S, guides, Plan(10), seed)
        start = [p.clone() for p in d.adapters.parameters()]
        d.place(fabric)
        return start, float(d.step(fabric, shared)["total"])
    (a, first), (b, again), (c, _) = after(0), after(0), after(1)
    assert first == again and all(torch.equal(p, q) for p, q in zip(a, b))
    assert not a or not all(torch.equal(p, q) for p, q in zip(a, c))


@pytest.mark.parametrize("key", ["at", "fsp", "cwd", "cwd_features"])
def test_the_teacher_as_its_own_student_has_nothing_to_learn(key):
    guides, _, shared = world(teacher="unet")
    d = MAKERS[key](guides.teacher, guides, Plan(10))
    d.student.eval()  # the teacher spoke in eval mode
    said = d.losses(shared)
    assert said[list(d.weights)[1]].item() == pytest.approx(0, abs=1e-5) and said["ce"] > 0.1


def test_rows_names_and_weights():
    guides, S, _ = world()
    rows = {key: make(S, guides, Plan(10), scale=2.0) for key, make in MAKERS.items()}
    assert [d.name for d in rows.values()] == ["AT", "FSP", "MGD", "CWD", "CWD, features"]
    assert [d.weights[list(d.weights)[1]] for d in rows.values()] == [2000.0, 100.0, 336.0, 6.0, 100.0]
    assert all(d.weights["ce"] == 1.0 for d in rows.values())
    with pytest.raises(InputError, match="weights"): AT(S, guides, Plan(10), weights={"fsp": 1.0})


def test_asking_for_channels_moves_nothing():
    S = build("mobilenet", width=0.25).train()
    before = {k: v.clone() for k, v in S.state_dict().items()}
    assert skip_channels(S) == [8, 8, 8, 24] and S.training
    assert all(torch.equal(v, before[k]) for k, v in S.state_dict().items())


if __name__ == "__main__" and sys.argv[1:2] == ["--golden"]:
    made = {k: float(v) for k, v in theirs(inputs(), sys.argv[2]).items()}
    about = {  # method -> who computed it, and what our value must be multiplied with
        "at": ("torchdistill 1.1.5, ATLoss(mode='code')", 1.0), "fsp": ("torchdistill 1.1.5, mean squared difference of FSPLoss.compute_fsp_matrix; its own loss sums column norms instead and is no multiple of ours", 1.0),
        "cwd": ("mmrazor 1.0.0, ChannelWiseDivergence(tau=4)", 1.0), "mgd": ("mmrazor 1.0.0, MGDConnector(lambda_mgd=0.75) and MGDLoss(alpha_mgd=1), which sums over the map where we average: C·H·W = 8·6·6", 288.0),
    }
    write_json(GOLDEN, {
        "made by": "python tests/test_features.py --golden FOLDER, FOLDER with the unpacked wheels of torchdistill 1.1.5 and mmrazor 1.0.0",
        "inputs": "tests/test_features.py, inputs(): numpy.random.RandomState(seed).standard_normal(shape) as float32",
        "values": {k: {"value": v, "factor": about[k][1], "by": about[k][0], "meaning of factor": "value = factor × ours"} for k, v in made.items()},
    })
