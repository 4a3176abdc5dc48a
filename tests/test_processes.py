"""Two processes train what one process trains, with a normalisation that does not mix samples."""
import os
import subprocess
import sys

import pytest
import torch
from conftest import ROOT

pytestmark = pytest.mark.slow

SCRIPT = """
import sys, torch
from msan_nb.core import save_tensors
from msan_nb.data.synthetic import make_domain
from msan_nb.data.views import TileSampler
from msan_nb.models import build
from msan_nb.train.loop import Plan, fit, make_fabric
from msan_nb.train.supervised import Supervised
fabric = make_fabric(accelerator="cpu")
assert fabric.world_size == int(sys.argv[2]), fabric.world_size
sampler = TileSampler(make_domain("vessel", "clinic", 2, size=64), size=64, batch=4, foreground=1.0)
task = Supervised(fabric, build("unet", width=0.125, norm="group"), sampler, Plan(4), augment=0.5)
fit(task, 4, sys.argv[1] + "/fit", fabric, progress=False)
if fabric.is_global_zero: save_tensors(sys.argv[1] + "/weights.safetensors", task.model.state_dict())
"""


def train(folder, processes):
    "Train in so many processes; returns the weights."
    from msan_nb.core import load_tensors
    folder.mkdir()
    script = folder / "train.py"
    script.write_text(SCRIPT)
    launch = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes), "--master_port", "29517"] if processes > 1 else []
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *launch, str(script), str(folder), str(processes)], env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return load_tensors(folder / "weights.safetensors")[0]


def test_two_processes_equal_one_of_the_same_global_batch(tmp_path):
    one, two = train(tmp_path / "one", 1), train(tmp_path / "two", 2)
    for name, weight in one.items(): torch.testing.assert_close(two[name], weight, rtol=1e-3, atol=2e-4, msg=name)


def test_the_whole_recipe_runs_in_two_processes(tmp_path):
    "Only the first process writes; the run is complete."
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29518", "-m", "msan_nb.app.cli"]
    words = ["reproduce", "vessel", "--preset", "tiny", "--synthetic", "--methods", "student,gkd", "--accelerator", "cpu", "--out", str(tmp_path / "run"), "--store", str(tmp_path / "store")]
    done = subprocess.run([*launch, *words], env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "run/metrics.csv").is_file() and done.stdout.count("report:") == 1
