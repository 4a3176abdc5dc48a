"""Synthetic domains: reproducible, and frozen."""
import numpy as np
import pytest

from msan_nb.core import InputError, hash_arrays
from msan_nb.data.domains import check_domains
from msan_nb.data.synthetic import DOMAINS, make_domain, make_sample

ALL = [(task, name) for task, names in DOMAINS.items() for name in names]

# Sample 3 of each domain at 96×96: the hash of image (rounded to 8 bits) and mask, and the means (0…255) of 4×4 fields of the image.
# They change only when somebody changes the generator or its parameters: results from before and after are then not comparable.
GOLDEN = {
    ("vessel", "clinic"): ("b94908ba181a1b7b", [21.9, 82.0, 78.9, 20.5, 85.9, 107.3, 97.3, 83.5, 93.1, 121.0, 105.5, 83.9, 19.8, 87.7, 89.5, 18.9], 0.2056),
    ("vessel", "wide"): ("186d7592d6ca070e", [28.2, 83.2, 66.2, 16.1, 95.8, 97.6, 84.3, 59.4, 105.3, 110.8, 93.8, 76.2, 29.7, 80.8, 75.2, 24.5], 0.1264),
    ("vessel", "dim"): ("ca944a48b54dbb4f", [14.0, 54.2, 63.7, 20.9, 50.7, 79.7, 89.9, 83.9, 42.5, 68.5, 77.5, 73.5, 9.1, 42.5, 43.4, 12.1], 0.1909),
    ("vessel", "lesioned"): ("fa73af16a543f0a9", [23.9, 90.6, 94.9, 28.2, 97.8, 128.2, 128.8, 111.2, 94.4, 130.2, 118.0, 96.5, 23.6, 87.5, 82.8, 21.4], 0.1713),
    ("liver", "portal"): ("df6a99d33f01763c", [0.0, 11.0, 11.1, 0.0, 48.6, 94.3, 33.9, 28.6, 62.3, 114.0, 73.9, 73.1, 0.6, 38.4, 43.0, 1.5], 0.0964),
    ("liver", "native"): ("abb65dd43fc9cf3d", [0.0, 8.0, 8.0, 0.0, 26.8, 75.9, 45.8, 19.9, 29.2, 73.6, 64.4, 29.7, 0.0, 13.9, 18.6, 0.0], 0.0805),
    ("liver", "arterial"): ("0aba6fc6d3a5d4f9", [0.2, 15.6, 17.8, 0.1, 36.4, 68.1, 62.6, 29.1, 50.1, 117.9, 92.0, 51.0, 0.9, 40.6, 35.4, 0.0], 0.0739),
    ("liver", "lesioned"): ("d5b1c9a61da18579", [0.7, 11.4, 12.0, 0.0, 46.5, 83.7, 48.0, 26.8, 55.8, 96.5, 112.3, 43.8, 1.6, 41.2, 30.8, 0.1], 0.1009),
}


def fields(sample):
    "Means of 4×4 fields of the image, 0 to 255."
    return 255*sample.image[0].reshape(4, 24, 4, 24).mean((1, 3)).ravel()


def fingerprint(sample):
    return hash_arrays(np.rint(255*sample.image).astype("uint8"), sample.mask.astype("uint8"))


@pytest.mark.parametrize("task, name", ALL)
def test_frozen(task, name):
    "Equal to the bit; or, where another platform rounds otherwise, equal to half a grey level in every field and 0.1 % of the mask."
    sample, (golden_hash, golden_fields, golden_share) = make_sample(task, name, 3, 96), GOLDEN[task, name]
    if fingerprint(sample) == golden_hash: return
    assert np.abs(fields(sample) - golden_fields).max() < 0.5
    assert abs(sample.mask.mean() - golden_share) < 0.001


@pytest.mark.parametrize("task, name", ALL)
def test_index_does_not_depend_on_n(task, name):
    one, ten = make_domain(task, name, 1, 96), make_domain(task, name, 10, 96)
    assert one[0].full_hash == ten[0].full_hash
    assert make_sample(task, name, 9, 96).full_hash == ten[9].full_hash
    assert len(set(s.hash for s in ten)) == 10
    assert not check_domains(ten)


@pytest.mark.parametrize("task, name", ALL)
def test_seeds_differ(task, name):
    a, b = make_sample(task, name, 0, 96, seed=0), make_sample(task, name, 0, 96, seed=1)
    assert np.abs(a.image - b.image).mean() > 0.01
    assert not np.array_equal(a.mask, b.mask) and a.id != b.id and a.group != b.group


@pytest.mark.parametrize("task, name", ALL)
@pytest.mark.parametrize("size", [64, 130, 192])
def test_valid_at_any_size(task, name, size):
    for sample in make_domain(task, name, 4, size):
        assert sample.image.shape == (1, size, size) and sample.image.dtype == np.float32
        assert 0 <= sample.image.min() < sample.image.max() <= 1
        assert set(np.unique(sample.mask)) == {0, 1}, "foreground and background"
        assert not (sample.mask.astype(bool) & ~sample.fov).any()


def test_groups():
    assert [s.group[-1] for s in make_domain("vessel", "clinic", 4, 64)] == list("0011")
    assert [s.group[-1] for s in make_domain("liver", "portal", 5, 64)] == list("00001")


def test_slices_of_a_volume_resemble_each_other():
    "Neighbouring slices overlap more than slices of two volumes."
    masks = [s.mask > 0 for s in make_domain("liver", "portal", 16, 96)]
    dice = lambda a, b: 2*(a & b).sum()/(a.sum() + b.sum())
    within = np.mean([dice(masks[i], masks[i + 1]) for i in range(16) if i % 4 < 3])
    across = np.mean([dice(masks[i], masks[j]) for i in range(16) for j in range(16) if i//4 != j//4])
    assert within > across + 0.05


@pytest.mark.parametrize("arguments", [("kidney", "clinic", 1), ("vessel", "portal", 1), ("vessel", "clinic", 0), ("vessel", "clinic", 1, 16)])
def test_bad_arguments(arguments):
    with pytest.raises(InputError): make_domain(*arguments)
