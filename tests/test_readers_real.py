"The readers on the real images; set MSAN_DATA to the folder that holds CHASEDB1/, STARE/, HRF/, CHAOS/, LiTS_slices/ (see data/README.md)."
import os, time
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from msan_nb.data.domains import check_disjoint, check_domains
from msan_nb.data.harmonise import estimate_fov, fov_diameter, read_mask, read_picture
from msan_nb.data.readers import data_roots, find_layout, list_pairs, read_domain, read_splits

ROOT = os.environ.get("MSAN_DATA")
pytestmark = [pytest.mark.real, pytest.mark.skipif(not ROOT or not Path(ROOT).is_dir(), reason="MSAN_DATA is not set to the folder of real images (see data/README.md)")]
COUNTS = {"CHASEDB1": (28, 14), "STARE": (20, 20), "HRF": (45, 15), "CHAOS": (None, 20), "LiTS_slices": (623, 122)}


@cache
def domain(name):
    sets = data_roots(ROOT)
    if name not in sets: pytest.skip(f"{name}/ is not under MSAN_DATA")
    return read_domain(*sets[name])


def files(name, pattern): return len(list((Path(ROOT)/name).glob(pattern)))


@pytest.mark.parametrize("name", COUNTS)
def test_sound_and_complete(name):
    d = domain(name)
    assert check_domains(d) == []
    most, groups = COUNTS[name]
    assert len(d) <= (most or len(d)) and len(set(d.groups)) <= groups and len(set(d.ids)) == len(d)
    images = {"CHASEDB1": "*.jpg", "STARE": "stare-images/*", "HRF": "images/*", "CHAOS": "Train_Sets/CT/*/DICOM_anon/*", "LiTS_slices": "images/*"}[name]
    distinct = len({p.name.split("_", 1)[1] for p in (Path(ROOT)/name/"images").iterdir()}) if name == "LiTS_slices" else files(name, images)
    assert len(d) == distinct
    assert find_layout(Path(ROOT)/name) == data_roots(ROOT)[name][0]


@pytest.mark.parametrize("name", ["CHASEDB1", "STARE", "HRF"])
def test_one_scale_of_fundus_images(name):
    for s in domain(name):
        assert abs(fov_diameter(s.fov) - 384) <= 4, s.id
        assert s.image[0][~s.fov].max(initial=0) == 0
        assert .85 < s.mask[s.fov].mean() / s.native_mask[s.native_fov].mean() < 1.15      # the 0.4 threshold keeps the vessels' area
        assert .04 < s.mask[s.fov].mean() < .18


@pytest.mark.parametrize("name", ["CHASEDB1", "STARE", "HRF"])
def test_vessels_are_darker_than_their_surroundings(name):
    "Pairing and polarity: with another image's mask the difference vanishes."
    d = domain(name)
    rows, columns = (min(s.mask.shape[axis] for s in d) for axis in (0, 1))
    crop = lambda a: a[..., :rows, :columns]
    def contrast(s, mask):
        fov, image = crop(s.fov), crop(s.image[0])
        return image[fov & (crop(mask) == 0)].mean() - image[fov & (crop(mask) > 0)].mean()
    own = [contrast(s, s.mask) for s in d]
    other = [contrast(s, t.mask) for s, t in zip(d, d[1:] + d[:1])]
    assert min(own) > .01 and np.mean(own) > 3*np.mean(other), (min(own), np.mean(own), np.mean(other))


@pytest.mark.parametrize("name", ["CHASEDB1", "STARE"])
def test_estimated_field_of_view_agrees_with_the_published_one(name):
    domain(name)
    for pair in list_pairs(*data_roots(ROOT)[name])[0]:
        if pair.fov is None: continue
        given, guess = read_mask(pair.fov).astype(bool), estimate_fov(read_picture(pair.image)[0])
        assert (given & guess).sum() / (given | guess).sum() > .95, pair.id
        assert abs(fov_diameter(guess) / fov_diameter(given) - 1) < .01, pair.id


def test_chasedb1_split_keeps_children_whole():
    parts = domain("CHASEDB1").split_by(read_splits(*data_roots(ROOT)["CHASEDB1"]))
    assert {k: len(d) for k, d in parts.items()} == {"train": 20, "test": 8}
    assert check_disjoint(*parts.values()) == []


def test_livers_are_on_the_left_of_the_picture():
    for name in ("CHAOS", "LiTS_slices"):
        centres = np.array([np.argwhere(s.mask).mean(0) / s.mask.shape for s in domain(name) if s.mask.any()])
        assert (centres[:, 1] < .5).all() and .15 < centres[:, 1].mean() < .35, name


def test_ct_scales_agree():
    "The assumed 380 mm of the JPEG slices: bodies and livers of both sets have about one size."
    area = {n: np.median([s.mask.sum() for s in domain(n) if s.mask.any()]) for n in ("CHAOS", "LiTS_slices")}
    assert .7 < area["CHAOS"] / area["LiTS_slices"] < 1.4
    assert domain("CHAOS")[0].image.shape == (1, 124, 124) and domain("LiTS_slices")[0].image.shape == (1, 127, 127)


def test_spines_are_at_the_bottom():
    "Bone saturates the window: its centre of mass lies in the lower half when the patient looks up."
    for name in ("CHAOS", "LiTS_slices"):
        bright = np.mean([s.image[0] > .9 for s in domain(name)], axis=0)
        assert (bright * np.linspace(0, 1, len(bright))[:, None]).sum() / bright.sum() > .5, name


def test_chaos_has_hounsfield_units():
    inside = np.concatenate([s.image[0][s.mask > 0] for s in domain("CHAOS")]) * 255
    assert 90 < np.median(inside) < 180        # liver with contrast agent


def test_nearly_empty_slices_can_be_dropped():
    whole = domain("LiTS_slices")
    few = sum((s.mask > 0).mean() < .005 for s in whole)
    kept = read_domain(*data_roots(ROOT)["LiTS_slices"], min_foreground=.005)
    assert few == 47 and len(kept) == len(whole) - few


def test_fundus_sets_load_fast():
    start = time.process_time()
    for name in ("CHASEDB1", "STARE", "HRF"):
        if name in data_roots(ROOT): read_domain(*data_roots(ROOT)[name])
    assert time.process_time() - start < 60
