"""The whole way, as small as it can be: the same seed gives the same bytes, also after kill -9; bad input leaves nothing behind."""
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import MSAN
from PIL import Image

TINY = ["reproduce", "vessel", "--preset", "tiny", "--synthetic", "--accelerator", "cpu"]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    "An undisturbed tiny run in a store of its own."
    folder = tmp_path_factory.mktemp("reference")
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*MSAN, *TINY, "--out", folder / "run", "--store", folder / "store"], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder / "run", done.stdout


def test_the_run_holds_what_it_promises(reference):
    run, printed = reference
    for name in ("config.json", "env.json", "data.json", "metrics.csv", "fsd.csv", "report.html"): assert (run / name).is_file(), name
    for stage in ("teacher", "student", "psae", "tan", "san"): assert (run / "seed-0" / stage / "weights.safetensors").is_file() and (run / "seed-0" / stage / "state.json").is_file()
    assert len(list((run / "seed-0" / "distil" / "snapshots").glob("step-*.safetensors"))) == 3
    assert json.loads((run / "config.json").read_text())["threads"] == 1
    for row in ("teacher", "student alone", "student + views", "KD + views", "GKD"): assert row in printed


def test_metrics_have_one_row_per_image_scale_region_and_method(reference):
    metrics = pd.read_csv(reference[0] / "metrics.csv")
    assert not metrics.duplicated(["method", "seed", "domain", "image", "scale", "region", "label"]).any()
    assert metrics["dice"].between(0, 1).all()
    assert set(metrics["split"]) == {"val", "test", "unseen"}


@pytest.mark.slow
def test_same_seed_same_bytes(reference, msan, tmp_path):
    done = msan(*TINY, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    for name in ("metrics.csv", "fsd.csv"): assert (tmp_path / "run" / name).read_bytes() == (reference[0] / name).read_bytes()


@pytest.mark.slow
def test_killed_in_the_middle_of_distillation_and_resumed_gives_the_same_bytes(reference, clean_env, msan, tmp_path):
    out = tmp_path / "run"
    child = subprocess.Popen([*MSAN, *TINY, "--out", out], env=clean_env, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.time() + 240
    while not (found := list((tmp_path / "store").glob("distil-*/checkpoint.safetensors"))):
        assert child.poll() is None and time.time() < deadline, "the run ended before it could be killed"
        time.sleep(0.002)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert not (found[0].parent / "state.json").exists() and not (out / "metrics.csv").exists()  # truly in the middle
    done = msan(*TINY, "--out", out)
    assert done.returncode == 0, done.stderr
    assert (out / "metrics.csv").read_bytes() == (reference[0] / "metrics.csv").read_bytes()
    assert (out / "fsd.csv").read_bytes() == (reference[0] / "fsd.csv").read_bytes()


@pytest.mark.slow
def test_another_seed_gives_other_numbers(reference, msan, tmp_path):
    done = msan(*TINY, "--seeds", 2, "--methods", "student,gkd", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    metrics = pd.read_csv(tmp_path / "run" / "metrics.csv")
    by_seed = metrics.query("method == 'GKD'").groupby("seed")["auc"].mean()
    assert list(by_seed.index) == [0, 1] and by_seed[0] != by_seed[1]
    mine = lambda frame: frame.query("seed == 0 and method == 'GKD'").reset_index(drop=True)
    pd.testing.assert_frame_equal(mine(metrics), mine(pd.read_csv(reference[0] / "metrics.csv")))  # in company as with fewer methods


@pytest.mark.slow
def test_seeds_side_by_side_and_each_as_a_command_of_its_own_give_the_same_bytes(msan, tmp_path):
    words = [*TINY, "--methods", "views,gkd", "--seeds", 2]
    both = msan(*words, "--jobs", 2, "--out", tmp_path / "both")
    assert both.returncode == 0 and "GKD" in both.stdout, both.stderr
    late = msan(*words, "--only", 1, "--out", tmp_path / "single")
    assert late.returncode == 0 and "waiting for seed 0" in late.stdout and not (tmp_path / "single/metrics.csv").exists()
    assert msan(*words, "--only", 0, "--out", tmp_path / "single").returncode == 0
    assert (tmp_path / "single/metrics.csv").read_bytes() == (tmp_path / "both/metrics.csv").read_bytes()


def test_predict_gives_a_mask_of_the_images_own_size(reference, msan, tmp_path):
    Image.fromarray((np.random.default_rng(0).random((100, 140, 3)) * 255).astype(np.uint8)).save(tmp_path / "eye.png")
    done = msan("predict", reference[0], "eye.png", "--out", "masks")
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "masks" / "eye_mask.png").size == (140, 100)


def test_a_run_of_another_recipe_is_not_overwritten(reference, msan):
    before = (reference[0] / "metrics.csv").read_bytes()
    done = msan(*TINY, "--methods", "student", "--out", reference[0])
    assert done.returncode == 2 and "another recipe" in done.stderr
    assert (reference[0] / "metrics.csv").read_bytes() == before


# ── broken folders, as `check-data` and `reproduce` see them ──────────────────────────────────────────────────────────

def lay_out(root, n=8):
    "A sound folder of images/ and masks/, each image its own patient."
    rng = np.random.default_rng(0)
    for part in ("images", "masks"): (root / part).mkdir(parents=True)
    for i in range(n):
        Image.fromarray((rng.random((64, 64)) * 255).astype(np.uint8)).save(root / "images" / f"p{i}.png")
        mask = np.zeros((64, 64), np.uint8)
        mask[16:40, 16 + i:40 + i] = 255
        Image.fromarray(mask).save(root / "masks" / f"p{i}.png")
    return root


def as_png(path, array): Image.fromarray(array).save(path)
def zeros_and(value):
    mask = np.zeros((64, 64), np.uint8)
    mask[:32] = value
    return mask


FAULTS = {
    "missing mask": (lambda r: (r / "masks/p3.png").unlink(), "p3"),
    "wrong size": (lambda r: as_png(r / "masks/p3.png", np.zeros((32, 32), np.uint8)), "p3"),
    "more labels than classes": (lambda r: as_png(r / "masks/p3.png", (np.arange(64 * 64) % 5).reshape(64, 64).astype(np.uint8)), "p3"),
    "0/255 and 0/1 mixed": (lambda r: as_png(r / "masks/p3.png", zeros_and(1)), "masks"),
    "NaN": (lambda r: ((r / "images/p3.png").unlink(), Image.fromarray(np.full((64, 64), np.nan, np.float32)).save(r / "images/p3.tif")), "p3"),
    "truncated": (lambda r: (r / "images/p3.png").write_bytes((r / "images/p3.png").read_bytes()[:200]), "p3"),
    "empty file": (lambda r: (r / "images/p3.png").write_bytes(b""), "p3"),
    "text named .png": (lambda r: (r / "images/p3.png").write_text("not a picture"), "p3"),
    "empty folder": (lambda r: [f.unlink() for part in ("images", "masks") for f in (r / part).iterdir()], "mine"),
    "patient on both sides": (lambda r: ((r / "groups.csv").write_text("id,group\n" + "".join(f"p{i},g{i // 2}\n" for i in range(8))), (r / "splits.csv").write_text("id,split\n" + "".join(f"p{i},{'train' if i < 3 else 'test'}\n" for i in range(8)))), "g1"),
}


def test_a_sound_folder_is_accepted(msan, tmp_path):
    done = msan("check-data", lay_out(tmp_path / "mine"))
    assert done.returncode == 0 and "0 errors" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("fault", FAULTS)
def test_broken_folders_are_named_and_leave_no_run(fault, tmp_path, capsys, monkeypatch):
    from msan_nb.app.cli import run_cli
    monkeypatch.delenv("MSAN_DATA", raising=False)
    spoil, named = FAULTS[fault]
    root = lay_out(tmp_path / "mine")
    spoil(root)
    for words in (["check-data", root], ["reproduce", "vessel", "--preset", "tiny", "--data", root, "--out", tmp_path / "run", "--store", tmp_path / "store"]):
        code = run_cli(list(map(str, words)))
        captured = capsys.readouterr()
        said = captured.out + captured.err
        assert code == 2, (words[0], said)
        assert named in said and "found" in said and "expected" in said and "mend" in said.lower(), (words[0], said)
    assert not (tmp_path / "run").exists() and not (tmp_path / "store").exists()


def test_a_splits_file_decides_who_is_tested(tmp_path):
    from msan_nb.repro.recipes import load_data, make_recipe
    root = lay_out(tmp_path / "mine")
    (root / "splits.csv").write_text("id,split\n" + "".join(f"p{i},{'train' if i < 5 else 'test'}\n" for i in range(8)))
    data = load_data(make_recipe("generic", "tiny"), root)
    assert sorted(data.test.ids) == ["p5", "p6", "p7"] and sorted([*data.train.ids, *data.val.ids]) == [f"p{i}" for i in range(5)]


def test_two_clinics_may_number_their_patients_alike(tmp_path):
    from msan_nb.repro.recipes import load_data, make_recipe
    for site in ("a", "b"): lay_out(tmp_path / "root" / site)
    for f in (tmp_path / "root/b/images").iterdir(): Image.fromarray(255 - np.asarray(Image.open(f))).save(f)  # other pictures
    data = load_data(make_recipe("generic", "tiny", source="a", unseen=("b",)), tmp_path / "root")
    assert len(data.unseen["b"]) == 8 and not set(data.train.groups) & set(data.unseen["b"].groups)


def test_a_run_that_died_while_opening_can_be_started_again(msan, reference, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / ".config.json.x.tmp").write_text("half")
    (out / "env.json").write_text("{}")
    done = msan(*TINY, "--methods", "student", "--out", out)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_folder_of_ones_own_can_be_reproduced(msan, tmp_path):
    done = msan("reproduce", "generic", "--preset", "tiny", "--data", lay_out(tmp_path / "mine"), "--methods", "student,gkd", "--out", "run", "--accelerator", "cpu")
    assert done.returncode == 0, done.stderr
    assert "GKD" in done.stdout and Path(tmp_path / "run/report.html").is_file()
