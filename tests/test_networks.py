"""Every teacher with every student: sizes, the contract, gradients, and a few steps of distillation."""
import copy

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from msan_nb.core import InputError, seeded
from msan_nb.data.synthetic import make_domain
from msan_nb.data.views import TileSampler
from msan_nb.distill.base import Guides
from msan_nb.distill.controls import KD
from msan_nb.distill.gkd import GKD
from msan_nb.models import NETWORKS, build
from msan_nb.models.alignment import AlignmentNetwork
from msan_nb.models.fanet import StripAttention
from msan_nb.models.segmenter import Segmenter, macs, parameters
from msan_nb.repro.lockstep import Lockstep
from msan_nb.train.loop import Plan
from msan_nb.train.supervised import segmentation_loss

TEACHERS, STUDENTS = ("unet", "fanet"), ("mobilenet", "enet", "erfnet")
SIZES = { # of the authors' released networks: million parameters, GMACs at 128², bottleneck at 128²
    "unet": (31.04, 12.0, (1024, 8, 8)), "fanet": (38.29, 41.7, (512, 16, 16)),
    "mobilenet": (4.68, 0.241, (1280, 4, 4)), "enet": (0.349, 0.115, (128, 16, 16)), "erfnet": (2.063, 0.826, (128, 16, 16)),
}
every_network = pytest.mark.parametrize("name", SIZES)


@pytest.fixture(scope="module")
def sampler():
    "Tiny labelled tiles."
    return TileSampler(make_domain("vessel", "clinic", 2, size=64), size=64, batch=3, foreground=1.0)


def test_all_networks_are_measured(): assert set(SIZES) == set(NETWORKS) == {*TEACHERS, *STUDENTS}


@every_network
def test_sizes_are_those_of_the_release(name):
    with torch.device("meta"): net = build(name).eval()
    millions, gmacs, bottleneck = SIZES[name]
    assert parameters(net) / 1e6 == pytest.approx(millions, rel=0.01)
    assert macs(net) / 1e9 == pytest.approx(gmacs, rel=0.01)
    with torch.no_grad(): assert net.encode(torch.zeros(1, 1, 128, 128, device="meta"))[0].shape[1:] == bottleneck == (net.channels, 128 // net.stride, 128 // net.stride)


# ── the contract ──────────────────────────────────────────────────────────────────────────────────────────────────────

@every_network
@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize("width", [0.125, 0.3])
def test_three_channels_three_classes_oblong_images(name, norm, width):
    net, x = build(name, 3, 3, width, norm).eval(), torch.rand(2, 3, 32, 64)
    with torch.no_grad():
        f, skips = net.encode(x)
        logits = net.decode(f, skips)
    assert f.shape == (2, net.channels, 32 // net.stride, 64 // net.stride) and logits.shape == (2, 3, 32, 64) and logits.isfinite().all()
    assert skips and all(s.ndim == 4 and len(s) == 2 and s.is_floating_point() for s in skips)
    heights = [s.shape[2] for s in skips]
    assert heights == sorted(heights, reverse=True) and len(set(heights)) == len(heights)


@every_network
def test_rows_may_be_taken_and_skips_detached(name):
    "What a header exchange does with f and skips: first rows, no gradient through the skips."
    net, x = build(name, width=0.125).eval().double(), torch.rand(3, 1, 64, 64, dtype=torch.double)
    f, skips = net.encode(x)
    some = net.decode(f[:2], [s[:2].detach() for s in skips])
    torch.testing.assert_close(some, net(x)[:2])
    some.sum().backward()
    assert any(p.grad is not None for p in net.parameters())


@every_network
@pytest.mark.parametrize("norm", ["batch", "group"])
def test_a_batch_of_one_is_a_row_of_a_larger_batch(name, norm):
    net, x = build(name, width=0.125, norm=norm).eval().double(), torch.rand(3, 1, 64, 64, dtype=torch.double)
    with torch.no_grad(): torch.testing.assert_close(net(x[:1]), net(x)[:1])


@every_network
def test_wrong_images_are_refused(name):
    net = build(name, width=0.125)
    for shape in ((1, 1, 64, 66), (1, 2, 64, 64), (1, 64, 64), (0, 1, 64, 64)):
        with pytest.raises(InputError, match="multiples of"): net(torch.rand(shape))


@every_network
def test_group_norm_leaves_no_batch_norm_and_nothing_works_in_place(name):
    for norm in ("batch", "group"):
        net = build(name, width=0.125, norm=norm)
        assert not any(getattr(m, "inplace", False) for m in net.modules())
        assert any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in net.modules()) == (norm == "batch")
    assert not list(net.buffers())  # nothing that several processes could disagree on


@every_network
def test_early_stages_are_shallow_maps_and_are_called_once(name):
    net, seen = build(name, width=0.125).eval(), []
    handles = [net.get_submodule(stage).register_forward_hook(lambda m, i, out: seen.append(out)) for stage in net.early]
    with torch.no_grad(): net(torch.rand(2, 1, 64, 64))
    assert 1 <= len(seen) == len(net.early) <= 2 and len(handles) == len(seen)
    assert all(t.ndim == 4 and len(t) == 2 and t.shape[2] >= 16 for t in seen)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    for name in NETWORKS:
        a, b, c = (dict(build(name, width=0.125, seed=s).named_parameters()) for s in (0, 0, 1))
        assert all(torch.equal(a[k], b[k]) for k in a) and any(not torch.equal(a[k], c[k]) for k in a)


@pytest.mark.parametrize("name", ["enet", "erfnet"])
def test_a_stem_with_no_room_for_its_image_is_refused(name):
    with pytest.raises(InputError, match="larger width"): build(name, in_channels=4, width=0.125)


# ── learning ──────────────────────────────────────────────────────────────────────────────────────────────────────────

@every_network
@pytest.mark.parametrize("norm", ["batch", "group"])
def test_gradient_reaches_every_weight(name, norm, sampler):
    "Over a few batches (a dropout or a ReLU may close a way for one of them)."
    net, reached = build(name, width=0.125, norm=norm).train(), set()
    with seeded("gradient"):
        for i in range(3):
            net.zero_grad()
            batch = sampler.batch(i)
            segmentation_loss(net(batch.x), batch.y).backward()
            reached |= {n for n, p in net.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert {n for n, _ in net.named_parameters()} - reached == set()


@every_network
def test_bfloat16_stays_finite(name, sampler):
    net = build(name, width=0.125).train()
    with seeded("bf16"), torch.autocast("cpu", torch.bfloat16): loss = segmentation_loss(net(sampler.batch(0).x), sampler.batch(0).y)
    loss.backward()
    assert loss.isfinite() and all(p.grad.isfinite().all() for p in net.parameters())


def lockstep(teacher, student, sampler, methods=(GKD, KD)):
    "A lockstep of a tiny teacher and student with fresh alignment networks, three steps long."
    T, S = build(teacher, width=0.125), build(student, width=0.125)
    with seeded("guides"): TAN, SAN = (AlignmentNetwork(n.channels, (64 // n.stride) ** 2, dim=8) for n in (T, S))
    guides, plan = Guides(T, TAN, SAN), Plan(3, 1e-2, warmup=0.0)
    weights = {GKD: {"intra": 0.1, "inter": 0.1}, KD: {}}
    return Lockstep(Fabric(accelerator="cpu"), [m(S, guides, plan, weights=weights[m]) for m in methods], guides, sampler, k=1, strength=0.5)


def train(task): return [task.step(i) for i in range(3)]


@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize("teacher", TEACHERS)
def test_every_teacher_distils_into_every_student(teacher, student, sampler):
    task = lockstep(teacher, student, sampler)
    frozen_before = [copy.deepcopy(net.state_dict()) for net in vars(task.guides).values()]
    before = [copy.deepcopy(d.student.state_dict()) for d in task.distillers]
    logs = train(task)
    assert all(value.isfinite() for log in logs for value in log.values())
    assert {"GKD/ce", "GKD/intra", "GKD/inter", "GKD/cross", "KD + views/ce", "KD + views/kd"} <= set(logs[0])
    for net, was in zip(vars(task.guides).values(), frozen_before):
        assert not net.training and all(torch.equal(t, was[k]) for k, t in net.state_dict().items())
    for d, was in zip(task.distillers, before):
        still = {n for n, p in d.student.named_parameters() if torch.equal(p, was[n])}
        assert not still, (d.name, still)
    a, b = (d.student.state_dict() for d in task.distillers)
    assert any(not torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("student", ["enet", "erfnet"])
def test_dropout_is_drawn_from_the_steps_own_stream(student, sampler):
    "Whatever state the global stream is in, and whoever trains beside it."
    results = []
    for seed, methods in ((1, (KD,)), (2, (GKD, KD))):
        with seeded(seed): train(task := lockstep("unet", student, sampler, methods))
        results.append(task.distillers[-1].student.state_dict())
    assert all(torch.equal(t, results[1][k]) for k, t in results[0].items())


@pytest.mark.parametrize("size", [96, 160])
def test_enet_does_not_depend_on_the_layout_in_memory_where_the_image_is_flat(size):
    "Black surroundings, the disc of a fundus image: max-unpooling must not scatter by rounding."
    torch.manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    disc = (rows - size / 2) ** 2 + (columns - size / 2) ** 2 < (size / 3) ** 2
    net, x = build("enet", width=0.5), torch.rand(4, 1, size, size) * disc
    with torch.no_grad():
        net(x)
        plain = net.eval()(x)
        other = net.to(memory_format=torch.channels_last)(x.contiguous(memory_format=torch.channels_last))
    off = ((plain - other).abs().amax(1) > 1e-4).float()
    assert off.mean() < 0.01 and off.flatten(1).mean(1).median() == 0


# ── ONNX ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("student", STUDENTS)
def test_a_student_leaves_as_onnx(student, tmp_path):
    pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    from msan_nb.repro.onnx import NOTHING, export_onnx, onnx_difference, typical
    net = build(student, in_channels=3, classes=3, width=0.125).eval()
    assert export_onnx(net, tmp_path / "student.onnx", 64) <= NOTHING
    x = torch.rand(3, 3, 64, 64)
    x[0], x[1, :, 20:] = 0.0, 0.0  # flat windows: the first maximum counts, in torch and in ONNX
    difference = onnx_difference(net, tmp_path / "student.onnx", x)
    assert typical(difference) <= NOTHING and (difference[:2, 40:56, 8:56] <= NOTHING).all()
    if student != "enet": assert difference.max() <= 1e-4  # ENet's arg-max may fall either way where two values nearly agree
    assert [f.name for f in tmp_path.iterdir()] == ["student.onnx"]


class Strips(Segmenter):
    "FANet's attention between two strided convolutions: its coarse grids do not divide the map evenly."
    def __init__(self):
        super().__init__(4, 8)
        self.down, self.attend, self.up = nn.Conv2d(1, 4, 8, 8), StripAttention(4, (3, 6)), nn.ConvTranspose2d(4, 2, 8, 8)

    def encode(self, x): return self.down(x), [x]
    def decode(self, f, skips): return self.up(self.attend(f))


@pytest.mark.slow
def test_the_newer_exporter_writes_what_the_tracer_cannot(tmp_path):
    pytest.importorskip("onnx"), pytest.importorskip("onnxruntime"), pytest.importorskip("onnxscript")
    from msan_nb.repro.onnx import NOTHING, export_onnx
    with pytest.raises(InputError, match="dynamo=True"): export_onnx(Strips(), tmp_path / "strips.onnx", 64)
    assert not list(tmp_path.iterdir())
    assert export_onnx(Strips(), tmp_path / "strips.onnx", 64, dynamo=True) <= NOTHING
    assert [f.name for f in tmp_path.iterdir()] == ["strips.onnx"]
