"""The benchmark: what it writes, that it pairs its rounds, and that lockstep trains as training alone does. No test says how long anything may take."""
import json
import math
from dataclasses import replace

import pytest
import torch

from msan_nb.core import InputError
from msan_nb.distill import METHODS
from msan_nb.models import NETWORKS, build
from msan_nb.repro.bench import (FORMATS, LARGE, QUICK, STUDENTS, TEACHERS, USUAL, WHAT, Scene, Stage, bench, bench_table, best_format, chosen_methods, format_breakers, formats,
    fsd_over_others, latencies, lockstep_over_separate, machine, memory, peak_in_child, ratio, ratios_of, resident, stopwatch)
from msan_nb.train.loop import make_fabric

TINY = replace(QUICK, batch=2, views=1, repeats=1, accelerator="cpu")


def check(found, least=1):
    "Every ratio is a positive number between its extremes, and says what it is."
    every = ratios_of(found)
    assert len(every) >= least
    for path, r in every.items():
        assert 0 < r["low"] <= r["ratio"] <= r["high"] < math.inf, path
        assert " / " in r["says"], path
    return every


# ---- the stopwatch

def test_functions_take_turns_and_warm_up():
    order = []
    times = stopwatch({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repeats=2, warm=1)
    assert order == ["a", "b"] * 3
    assert {name: len(t) for name, t in times.items()} == {"a": 2, "b": 2}


def test_a_pretended_clock_gives_exact_ratios():
    now = [0.0]
    def work(seconds): now[0] += seconds
    times = stopwatch({"slow": lambda: work(6.0), "quick": lambda: work(2.0), "more": lambda: work(1.0)}, 3, clock=lambda: now[0])
    assert ratio(times, ["slow"], ["quick", "more"], "slow / the others") == {"ratio": 2.0, "low": 2.0, "high": 2.0, "seconds": [6.0, 3.0], "says": "slow / the others"}


@pytest.mark.parametrize("over, under, expected", [([2, 9, 4], [1, 3, 4], (2, 1, 3)), ([1], [4], (0.25, 0.25, 0.25)), ([1, 2, 3, 100], [1, 1, 1, 1], (2.5, 1, 100))])
def test_the_ratio_is_the_median_of_paired_ratios(over, under, expected):
    r = ratio({"o": over, "u": under}, ["o"], ["u"], "")
    assert (r["ratio"], r["low"], r["high"]) == pytest.approx(expected)


def test_an_error_inside_is_not_swallowed():
    with pytest.raises(ZeroDivisionError): stopwatch({"a": lambda: 1 / 0})
    with pytest.raises(InputError, match="repeats"): stopwatch({"a": int}, 0)


# ---- lockstep

@pytest.mark.parametrize("names", [["student", "views", "kd", "gkd"], chosen_methods(12)], ids=["four", "twelve"])
def test_methods_in_lockstep_end_as_when_trained_alone(names):
    found = lockstep_over_separate(replace(TINY, batch=4), names)
    check(found)
    assert found["methods"] == names and found["weights"]["steps"] == 2
    assert found["weights"]["equal"], found["weights"]


def test_students_have_moved_and_apart(): # otherwise the comparison above would be empty
    stage = Stage(TINY)
    task = stage.lockstep(["views", "gkd"])
    task.step(0)
    start, a, b = (torch.cat([t.flatten() for t in m.parameters()]) for m in (stage.student, *(d.student for d in task.distillers)))
    for one, other in ((start, a), (start, b), (a, b)): assert (one - other).abs().max() > 5e-4 # fifty times the tolerance of `weight_gap`


def test_twelve_methods_are_different_and_known():
    names = chosen_methods(12)
    assert len(set(names)) == len(names) and "gkd" in names and "views" in names
    assert len(names) == 12 or len(METHODS) < 12
    assert LARGE.teacher == ("fanet", 1.0) and LARGE.size == 128 and LARGE.batch == 8


# ---- the single measurements

def test_the_rivals_of_the_frechet_distance_agree():
    found = fsd_over_others(20, 50, 1)
    check(found, 2)
    assert found["difference"]["scipy"] == pytest.approx(0, abs=1e-4) and found["difference"]["monai"] == pytest.approx(0, abs=1e-3)


def test_every_student_is_held_against_every_teacher():
    assert set(TEACHERS) | set(STUDENTS) == set(NETWORKS)
    assert set(check(latencies(64, 0.125, 1, "cpu"))) == {f"{t}/{s}" for t in TEACHERS for s in STUDENTS}


@pytest.mark.parametrize("name", NETWORKS)
def test_formats_of_every_network(name):
    assert len(check(formats(TINY, [(name, 0.125)]))) == 3


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_best_format_leaves_the_network_as_it_is(precision):
    net = build("enet", width=0.25).eval()
    before = {k: t.clone() for k, t in net.state_dict().items()}
    assert best_format(net, make_fabric(precision, "cpu"), 64, 2, 1) in FORMATS
    assert not net.training and all(torch.equal(t, before[k]) for k, t in net.state_dict().items()) and all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("name", ["unet", "mobilenet"])
def test_networks_keep_channels_last(name):
    assert format_breakers(build(name, width=0.25)) == []


def test_a_layer_that_turns_the_format_is_named():
    class Stacked(torch.nn.Module):
        def forward(self, x): return torch.stack([x, x]).sum(0)
    net = build("unet", width=0.125)
    net.downs[1].append(Stacked())
    assert format_breakers(net) == ["downs.1.6"]


@pytest.mark.slow # two processes, each with its imports
def test_memory_of_a_lockstep_in_a_fresh_process():
    found = memory(TINY, ["student", "kd"])
    check(found)
    assert found["mb"]["where"] == "cpu" and all(found["mb"][k]["all"] >= found["mb"][k]["step"] > 0 for k in ("one", "lockstep"))
    assert 0 < resident()["now"] <= resident()["peak"]


def test_a_child_that_fails_says_why():
    with pytest.raises(RuntimeError, match="nonsense"): peak_in_child(TINY, ["nonsense"])


# ---- the file

@pytest.fixture(scope="module")
def found(tmp_path_factory):
    "A quick benchmark, as it was written."
    file, shown = tmp_path_factory.mktemp("bench") / "bench.json", []
    returned = bench(file, quick=True, what=["gkd", "data", "fsd"], accelerator="cpu", repeats=1, show=shown.append)
    written = json.loads(file.read_text())
    assert written == json.loads(json.dumps(returned)) and shown == [bench_table(returned)]
    assert [p.name for p in file.parent.iterdir()] == ["bench.json"]
    return written


def test_the_file_says_where_and_when(found):
    assert set(found) == {"date", "processor", "load", "environment", "quick", "scene", "results", "seconds"}
    assert found["environment"]["packages"]["torch"] == torch.__version__ and found["environment"]["threads"] == torch.get_num_threads()
    assert found["date"].endswith("+00:00") and found["quick"] is True and Scene(**found["scene"]).repeats == 1
    assert set(found["seconds"]) == set(found["results"]) == {"gkd", "data", "fsd"}


def test_all_its_ratios_are_sound(found):
    every = check(found["results"], 6)
    assert {"gkd.live", "gkd.shared", "gkd.teacher", "data.data"} <= set(every)
    assert every["gkd.live"]["ratio"] == pytest.approx(every["gkd.shared"]["ratio"] + every["gkd.teacher"]["ratio"]) # one round: the same GKD step, with the teacher's pass on top


def test_the_table_has_a_line_per_ratio(found):
    lines = bench_table(found).splitlines()
    assert len(lines) == 1 + len(ratios_of(found["results"]))
    found = {"results": {"lockstep": {"weights": {"equal": False, "largest_difference": 0.5, "steps": 3}}}}
    assert "NOT EQUAL" in bench_table(found)


def test_unknown_names_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="lockstep12"): bench(tmp_path / "bench.json", what=["gkd", "speed"])
    assert not list(tmp_path.iterdir())
    assert set(USUAL) < set(WHAT) and "lockstep12" not in USUAL


def test_machine_names_the_processor(): assert machine()["processor"] and machine()["environment"]["cores"] >= 1
