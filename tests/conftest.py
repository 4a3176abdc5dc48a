"""Shared by all tests: one thread, quiet libraries, helpers to call the command line in a process of its own."""
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)
logging.getLogger("lightning_fabric").setLevel(logging.ERROR)

ROOT = Path(__file__).resolve().parents[1]
MSAN = [sys.executable, "-c", "from msan_nb.app.cli import main; main()"]


@pytest.fixture(autouse=True)
def same_draws():
    "What a test draws without a stream of its own is the same each time, whatever ran before it."
    torch.manual_seed(0)


@pytest.fixture
def clean_env(tmp_path):
    "The environment of a child process: one thread, a store of its own, no data root."
    env = {k: v for k, v in os.environ.items() if k != "MSAN_DATA"}
    return {**env, "OMP_NUM_THREADS": "1", "MSAN_STORE": str(tmp_path / "store"), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def msan(clean_env, tmp_path):
    "Run `msan …` in a process of its own; returns the finished process."
    def call(*words, **env):
        return subprocess.run([*MSAN, *map(str, words)], env={**clean_env, **env}, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    return call
