"""Header exchange: who is moved by which cross term, asked of real updates and not only of gradients."""
import copy

import pytest
import torch

from msan_nb.distill.base import Guides, ask_teacher, look
from msan_nb.distill.dicd import cross_predictions
from msan_nb.models import build
from msan_nb.models.alignment import AlignmentNetwork
from msan_nb.models.segmenter import thawed
from msan_nb.train.act import prediction_gap

DECODER = ("ups", "merges", "head")


@pytest.fixture(scope="module")
def world():
    "Guides, a student, and one shared batch of one view."
    torch.manual_seed(0)
    teacher, student = build("unet", width=0.125), build("mobilenet", width=0.25)
    guides = Guides(teacher, AlignmentNetwork(teacher.channels, 16, dim=16), AlignmentNetwork(student.channels, 4, dim=16))
    views, y = torch.rand(1, 4, 1, 64, 64), torch.randint(2, (4, 64, 64))
    return guides, student, ask_teacher(guides, 0, views, y, y >= 0)


def state(*networks):
    "Copies of all weights and statistics."
    return [{k: t.clone() for k, t in n.state_dict().items()} for n in networks]


def changed(before, network):
    "Names of weights and statistics that are no longer what they were."
    return {k for k, t in network.state_dict().items() if not torch.equal(t, before[k])}


def update_with(world, term, detach_skips=False):
    "One SGD step on one cross term; returns what changed in the student, and in the frozen networks."
    guides, fresh, shared = world
    student = thawed(fresh)
    seen = look(student, shared.views)  # the student's ordinary pass moves its statistics; what follows must not
    before, frozen_before = state(student)[0], state(guides.teacher, guides.TAN, guides.SAN)
    p1, p2 = cross_predictions(guides.teacher, student, guides.TAN, guides.SAN, shared.v[0], guides.SAN.vector(seen.f), shared.skips, seen.skips, detach_skips)
    prediction_gap({"p1": p1, "p2": p2}[term], shared.logits[0]).backward()
    assert all(p.grad is None for n in (guides.teacher, guides.TAN, guides.SAN) for p in n.parameters())
    torch.optim.SGD(student.parameters(), lr=10.0).step()
    moved = changed(before, student)
    others = [changed(b, n) for b, n in zip(frozen_before, (guides.teacher, guides.TAN, guides.SAN))]
    return moved, others


def of_decoder(names): return {n for n in names if n.split(".")[0] in DECODER}
def statistics(names): return {n for n in names if "running" in n or "tracked" in n}


def test_first_term_moves_the_encoder_and_nothing_of_the_decoder(world):
    moved, _ = update_with(world, "p1")
    assert any(n.startswith("last") for n in moved) and any(n.startswith("stem") for n in moved)
    assert not of_decoder(moved)


def test_second_term_moves_the_decoder_and_the_encoder_only_through_the_skips(world):
    moved, _ = update_with(world, "p2")
    assert of_decoder(moved)
    encoder = moved - of_decoder(moved)
    assert encoder and not any(n.startswith("last") for n in encoder)
    beyond_skips = {f"stages.{i}" for i in (5, 6)}  # behind the last skip: reached only through f
    assert not any(n.startswith(tuple(beyond_skips)) for n in encoder)


def test_second_term_leaves_the_encoder_alone_with_detached_skips(world):
    moved, _ = update_with(world, "p2", detach_skips=True)
    assert moved and moved == of_decoder(moved)


@pytest.mark.parametrize("term", ["p1", "p2"])
def test_neither_term_moves_the_guides_or_any_statistic(world, term):
    moved, others = update_with(world, term)
    assert others == [set(), set(), set()]
    assert not statistics(moved)


def test_a_loud_second_pass_would_have_moved_statistics(world):
    "The guard is needed: without it, the same pass moves the running averages."
    guides, fresh, shared = world
    student = thawed(fresh)
    seen = look(student, shared.views)
    before = state(student)[0]
    student.decode(guides.SAN.header(shared.v[0]), seen.skips)
    assert statistics(changed(before, student))


def test_copies_of_a_frozen_network_stay_frozen_and_independent(world):
    guides, _, _ = world
    twin = copy.deepcopy(guides.teacher)
    assert twin.train() is twin and not twin.training
