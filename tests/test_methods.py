"""Whatever is registered in METHODS keeps the promises that a table rests on: finite and named losses in every world, a student that moves
while all else stays, the same weights in company as alone, and a resume that changes no bit."""
import copy

import pytest
import torch

from msan_nb.data.synthetic import make_domain
from msan_nb.data.views import TileSampler
from msan_nb.distill import METHODS, make_methods
from msan_nb.distill.base import Distiller, Guides, ask_teacher, pull
from msan_nb.models import build
from msan_nb.models.alignment import AlignmentNetwork
from msan_nb.repro.lockstep import Lockstep
from msan_nb.train.loop import Plan, fit, make_fabric, task_tensors

KEYS = list(METHODS)


# ── every method in every world, one step ─────────────────────────────────────────────────────────────────────────────

WIDTH = {"unet": 0.125, "mobilenet": 0.25, "fanet": 0.125, "enet": 0.25, "erfnet": 0.25}
WORLDS = {
    "two classes": {},
    "three classes, one absent from an image": {"classes": 3, "absent": True},
    "empty masks": {"foreground": 0.0},
    "bf16": {"precision": "bf16-mixed"},
    "one image": {"batch": 1},
    "one view of one image at one position": {"views": 1, "batch": 1, "size": 32, "norm": "group"},
    "FANet teaches ERFNet": {"teacher": "fanet", "student": "erfnet", "size": 32},
}


LEFT_OUT = { # terms that a method leaves out for a reason, and when
    "adv": lambda d: not len(d.companions),            # the term of a critic that was not asked for
    "inter_class": lambda d: d.student.classes == 2,   # of two classes, DIST's first relation is constant
}


class World:
    "Networks and one shared batch; networks are fresh, so what one test moves another does not see."
    def __init__(self, teacher="unet", student="mobilenet", classes=2, views=2, batch=2, size=64, norm="batch", precision="32-true", foreground=0.5, absent=False):
        torch.manual_seed(0)
        self.fabric = make_fabric(precision, "cpu")
        teacher, self.S0 = (build(n, classes=classes, width=WIDTH[n], norm=norm) for n in (teacher, student))
        align = lambda net: AlignmentNetwork(net.channels, (size // net.stride) ** 2, dim=8)
        self.guides = Guides(teacher, align(teacher), align(self.S0))
        y = torch.randint(1, classes, (batch, size, size)) * (torch.rand(batch, size, size) < foreground)
        if absent: y[0][y[0] == classes - 1] = 0
        with self.fabric.autocast(): self.shared = ask_teacher(self.guides, 0, torch.rand(views, batch, 1, size, size), y, y >= 0)

    def still(self):
        "Everything that no method may move."
        nets = {"S0": self.S0, "teacher": self.guides.teacher, "TAN": self.guides.TAN, "SAN": self.guides.SAN}
        return {f"{n}.{k}": t.clone() for n, net in nets.items() for k, t in net.state_dict().items()}


@pytest.fixture(scope="module")
def worlds():
    "World by name, made when first asked for."
    made = {}
    return lambda name: made.setdefault(name, World(**WORLDS[name])) if name not in made else made[name]


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("key", KEYS)
def test_one_step(key, world, worlds):
    w = worlds(world)
    still = w.still()
    d, = make_methods([key], w.S0, w.guides, Plan(10))
    d.place(w.fabric)
    start = copy.deepcopy(d.student.state_dict())
    said = d.step(w.fabric, w.shared)
    assert all(v.ndim == 0 and torch.isfinite(v) for v in said.values()), said
    on = {name for name, λ in d.weights.items() if λ and not (name in LEFT_OUT and LEFT_OUT[name](d))}
    beside = set(d.companion_losses(w.shared)) if d.second else set()
    assert set(said) == on | beside | {"total"}, (set(said), d.weights)
    assert float(said["total"]) == pytest.approx(sum(λ * float(said.get(name, 0)) for name, λ in d.weights.items()), rel=1e-4, abs=1e-5)
    weights = [name for name, p in d.student.named_parameters() if not torch.equal(p, start[name])]
    assert len(weights) > 0.9 * len(list(d.student.parameters())), "the student hardly moved"
    assert all(torch.isfinite(t).all() for t in d.modules.state_dict().values())
    assert [k for k, t in w.still().items() if not torch.equal(t, still[k])] == []
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in d.student.modules()), "hooks were left behind"


def test_batchnorm_cannot_train_on_a_single_value():
    "Why the world of one position has GroupNorm: this is BatchNorm's own limit, not a method's."
    w = World(views=1, batch=1, size=32)
    d, = make_methods(["student"], w.S0, w.guides, Plan(10))
    d.place(w.fabric)
    with pytest.raises(ValueError, match="more than 1 value per channel"): d.step(w.fabric, w.shared)


# ── the rows of a table ───────────────────────────────────────────────────────────────────────────────────────────────

def test_rows_have_names_of_their_own_and_labels_weigh_one(worlds):
    w = worlds("two classes")
    made = make_methods(KEYS, w.S0, w.guides, Plan(10))
    assert len({d.name for d in made}) == len(KEYS)
    assert all(isinstance(d, Distiller) and d.weights["ce"] == 1.0 and type(d).__doc__ for d in made)
    assert not any(set(":/+,") & set(key) for key in KEYS), "such a key could not be told from a part, a reading or a factor"


@pytest.mark.parametrize("key", KEYS)
def test_a_factor_scales_every_term_but_the_labels(key, worlds):
    w = worlds("two classes")
    (plain,), (tenfold,) = (make_methods([name], w.S0, w.guides, Plan(10)) for name in (key, f"{key}:10"))
    assert tenfold.weights == {name: λ * (1 if name == "ce" else 10) for name, λ in plain.weights.items()}
    assert tenfold.name != plain.name


@pytest.mark.parametrize("key", KEYS)
def test_a_share_sets_how_strongly_the_terms_pull(key, worlds):
    "All terms but the labels' together pull 0.3 times as strongly as the labels, whatever their λ."
    w = worlds("two classes")
    d, = make_methods([f"{key}:0.3ce"], w.S0, w.guides, Plan(10))
    d.place(w.fabric)
    losses = d.losses(w.shared)
    rest = d.total(losses) - losses["ce"]
    if set(losses) == {"ce"}: assert float(rest.detach()) == 0
    else: assert float(pull(rest, d.student)) == pytest.approx(0.3 * float(pull(losses["ce"], d.student)), rel=2e-2)


# ── in company as alone, and after an interruption ────────────────────────────────────────────────────────────────────

@pytest.fixture(scope="module")
def table():
    "What a lockstep needs; everything that learns is made anew for each."
    fabric, plan = make_fabric(accelerator="cpu"), Plan(3, 1e-3)
    sampler = TileSampler(make_domain("vessel", "clinic", 2, size=80), size=64, batch=2)
    def lockstep(keys):
        teacher, S0 = build("unet", width=0.125), build("mobilenet", width=0.25)
        with torch.random.fork_rng():
            torch.manual_seed(1)
            guides = Guides(teacher, AlignmentNetwork(teacher.channels, 16, dim=8), AlignmentNetwork(S0.channels, 4, dim=8))
        return Lockstep(fabric, make_methods(keys, S0, guides, plan), guides, sampler, k=1)
    return fabric, lockstep


@pytest.fixture(scope="module")
def company(table, tmp_path_factory):
    "All methods together: after two steps, after three, and after three with a fresh start from the checkpoint of the second."
    fabric, lockstep = table
    folder = tmp_path_factory.mktemp("company")
    task = lockstep(KEYS)
    fit(task, 2, folder, fabric, progress=False)
    two = copy.deepcopy({d.name: d.modules.state_dict() for d in task.distillers})
    again = lockstep(KEYS)
    fit(again, 3, folder, fabric, progress=False)
    task.step(2)
    return two, task_tensors(task), task_tensors(again), [d.name for d in task.distillers]


@pytest.mark.parametrize("key", KEYS)
def test_in_company_as_alone(key, table, company):
    task = table[1]([key])
    torch.rand(3)  # what the global stream did before must not matter
    for i in range(2): task.step(i)
    d, = task.distillers
    together = company[0][d.name]
    assert [k for k, t in d.modules.state_dict().items() if not torch.equal(t, together[k])] == []


@pytest.mark.parametrize("key", KEYS)
def test_a_resumed_run_equals_an_uninterrupted_one(key, company):
    "Student, adapters, companions, followers and both optimisers, to the bit."
    _, straight, resumed, names = company
    name = names[KEYS.index(key)]
    mine = [k for k in straight if k.startswith((f"model/{name}/", f"optimizer/{name}/", f"optimizer/{name}, companions/"))]
    assert any(k.startswith("optimizer") for k in mine) and set(straight) == set(resumed)
    assert [k for k in mine if not torch.equal(torch.as_tensor(straight[k]), torch.as_tensor(resumed[k]))] == []
