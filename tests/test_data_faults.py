"What can be wrong with a folder of images, one test per fault: the message names the file, what was found, and how to mend it."
import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from msan_nb.core import InputError
from msan_nb.data.domains import as_problems
from msan_nb.data.readers import check_data, read_domain

SIZE = 64
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE]
DISK = (ROWS - 30)**2 + (COLUMNS - 20)**2 < 120


def picture(seed=0):
    "Noise around a brighter disk, 8 bits."
    return (60 + 90*DISK + np.random.default_rng(seed).integers(0, 40, DISK.shape)).astype("uint8")


def put(path, array, **how):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array.astype("uint8")*255 if array.dtype == bool else array).save(path, **how)
    return path


@pytest.fixture
def folder(tmp_path):
    "Four sound pairs."
    for i in range(4):
        put(tmp_path/"images"/f"{i}.png", picture(i))
        put(tmp_path/"masks"/f"{i}.png", DISK)
    return tmp_path


def only(path, where, found, mend, layout="folder", severity="error", **options):
    "Exactly one problem, which names file, finding and remedy; as an error it is also what reading raises."
    problems = check_data(path, layout, **options)
    assert len(problems) == 1, [str(p) for p in problems]
    problem = problems[0]
    assert where in str(problem.where) and found in problem.found and mend in problem.mend and problem.expected and problem.severity == severity, str(problem)
    if severity == "error":
        with pytest.raises(InputError) as caught: read_domain(layout, path, **options)
        for part in (where, found, mend): assert part in str(caught.value)
    return problem


def test_sound_folder_has_no_problem(folder):
    assert check_data(folder) == []
    domain = read_domain("folder", folder)
    assert (len(domain), domain.classes, domain.name, domain[0].image.dtype) == (4, 2, folder.name, np.float32)


def test_missing_mask(folder):
    (folder/"masks"/"2.png").unlink()
    only(folder, "images/2.png", "without a mask", "add the mask")


def test_mask_without_image(folder):
    (folder/"images"/"2.png").unlink()
    only(folder, "masks/2.png", "a mask without an image 2", "add the image")


def test_wrong_size(folder):
    put(folder/"masks"/"1.png", DISK[:-5])
    only(folder, "masks/1.png", "64×59 pixels", "pair the image with its own mask")


def test_transposed_mask(folder):
    put(folder/"images"/"1.png", picture()[:40]); put(folder/"masks"/"1.png", DISK[:40].T)
    only(folder, "masks/1.png", "40×64", "pair the image")


@pytest.mark.parametrize("levels, found", [((0, 1, 2), "labels 0, 1, 2"), ((0, 128, 255), "labels 0, 128, 255")])
def test_more_labels_than_classes(folder, levels, found):
    put(folder/"masks"/"3.png", np.array(levels, "uint8")[DISK.astype(int) + (COLUMNS < 20)*DISK])
    only(folder, "masks/3.png", found, "right number of classes")


def test_three_classes_are_fine_when_asked_for_and_255_is_not_one(folder):
    for i in range(4): put(folder/"masks"/f"{i}.png", (DISK.astype("uint8") + (COLUMNS < 20)*DISK).astype("uint8"))
    assert check_data(folder, "folder", classes=3) == []
    assert set(np.unique(read_domain("folder", folder, classes=3)[0].mask)) == {0, 1, 2}
    put(folder/"masks"/"0.png", DISK)
    only(folder, "masks/0.png", "labels 0, 255", "merge labels", classes=3)


def test_mixed_0_1_and_0_255(folder):
    put(folder/"masks"/"0.png", DISK.astype("uint8"))
    problem = only(folder, "masks", "1 mask(s) stored as 0/1 (0.png) among 3 stored as 0/255", "save all masks as 0/255")
    assert "one convention" in problem.expected


def test_all_0_1_is_fine(folder):
    for i in range(4): put(folder/"masks"/f"{i}.png", DISK.astype("uint8"))
    assert check_data(folder) == []


def test_jpeg_masks_with_fringes_are_fine(folder):
    for i in range(4): (folder/"masks"/f"{i}.png").unlink(); put(folder/"masks"/f"{i}.jpg", DISK, quality=50)
    assert check_data(folder) == []
    assert (read_domain("folder", folder)[0].mask == DISK).mean() > .999


def test_photograph_as_mask(folder):
    put(folder/"masks"/"1.png", picture())
    only(folder, "masks/1.png", "not two-valued", "threshold it")


def test_colour_mask(folder):
    put(folder/"masks"/"1.png", np.dstack([DISK*200, DISK*10, DISK*10]).astype("uint8"))
    only(folder, "masks/1.png", "a colour picture", "grey PNG")


def test_nan_in_float_tiff(folder):
    values = picture()/255
    values[3, 4] = np.nan
    (folder/"images"/"1.png").unlink(); put(folder/"images"/"1.tif", values.astype("float32"))
    only(folder, "images/1.tif", "1 NaN", "leave the image out")


def test_float_image_out_of_range(folder):
    (folder/"images"/"1.png").unlink(); put(folder/"images"/"1.tif", picture().astype("float32"))
    only(folder, "images/1.tif", "float32 values", "divide by the largest")


def test_nan_mask(folder):
    values = DISK.astype("float32")
    values[3, 4] = np.nan
    (folder/"masks"/"1.png").unlink(); put(folder/"masks"/"1.tif", values)
    only(folder, "masks/1.tif", "1 NaN", "grey PNG")


@pytest.mark.parametrize("name", ["images", "masks"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".gif"])
def test_truncated(folder, name, suffix):
    (folder/name/"1.png").unlink()
    path = put(folder/name/f"1{suffix}", DISK if name == "masks" else picture())
    path.write_bytes(path.read_bytes()[:-len(path.read_bytes())//2])
    problem = check_data(folder)[0]
    assert f"{name}/1{suffix}" in problem.where and "bytes" in problem.found and "again" in problem.mend, str(problem)


def test_empty_file(folder):
    (folder/"images"/"1.png").write_bytes(b"")
    only(folder, "images/1.png", "0 bytes", "again")


def test_text_named_png(folder):
    (folder/"images"/"1.png").write_text("<html>404 Not Found</html>")
    only(folder, "images/1.png", "text that begins with '<html>404", "download it again")


def test_git_lfs_pointer(folder):
    (folder/"images"/"1.png").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0")
    only(folder, "images/1.png", "Git LFS pointer", "again")


def test_both_files_of_a_pair_are_reported(folder):
    (folder/"images"/"1.png").write_bytes(b""); (folder/"masks"/"1.png").write_text("x")
    assert [Path(p.where).parent.name for p in check_data(folder)] == ["images", "masks"]


def test_empty_folders(tmp_path):
    problem, = check_data(tmp_path)
    assert "an empty folder" in problem.found and "data/README.md" in problem.mend
    (tmp_path/"images").mkdir(); (tmp_path/"masks").mkdir()
    only(tmp_path, "images", "no images", "check the path")


def test_a_missing_masks_folder_is_one_problem(folder):
    for path in (folder/"masks").iterdir(): path.unlink()
    (folder/"masks").rmdir()
    only(folder, "masks", "no such folder", "check the path")


def test_missing_folder(tmp_path):
    only(tmp_path/"none", "none", "no such folder", "check the path")
    assert "no such folder" in check_data(tmp_path/"none")[0].found


def test_two_files_of_one_name(folder):
    put(folder/"images"/"1.jpg", picture())
    only(folder, "images/1.png", "beside 1.jpg", "remove or rename")
    (folder/"masks"/"3.png").unlink()
    assert len(check_data(folder)) == 2        # one fault does not hide the other


def test_all_background(folder):
    for i in range(4): put(folder/"masks"/f"{i}.png", DISK & False)
    problem, = check_data(folder)
    assert "all background" in problem.found and "pairing" in problem.mend and problem.severity == "error"


def test_copy_under_another_patient_is_a_warning(folder):
    put(folder/"images"/"3.png", picture(0))
    problem, = check_data(folder)
    assert problem.severity == "warning" and "0, 3" in problem.where and "one picture under 2 ids" in problem.found and "remove the copies" in problem.mend
    (folder/"groups.csv").write_text("id,group\n0,a\n1,b\n2,c\n3,a\n")
    assert check_data(folder) == []


def test_patient_on_both_sides(folder):
    (folder/"groups.csv").write_text("id,group\n0,a\n1,a\n2,b\n3,c\n")
    (folder/"splits.csv").write_text("id,split\n0,train\n1,test\n2,train\n3,test\n")
    only(folder, folder.name, "group a on both sides: train: 0; test: 1", "move all images of this group")


@pytest.mark.parametrize("name, column", [("groups.csv", "group"), ("splits.csv", "split")])
def test_table_without_a_row_or_a_heading(folder, name, column):
    (folder/name).write_text(f"id,{column}\n0,a\n1,b\n2,c\n")
    only(folder, name, f"no {column} for 3 (1 in all)", "add the rows")
    (folder/name).write_text("0;a\n1;b\n")
    only(folder, name, "columns 0;a", "heading")
    (folder/name).write_bytes(b"")
    only(folder, name, "0 bytes", "again")


def test_table_with_a_row_too_many_is_a_warning(folder):
    (folder/"groups.csv").write_text("id,group\n" + "".join(f"{i},a\n" for i in range(5)))
    only(folder, "groups.csv", "rows for 4 (1 in all)", "remove the rows", severity="warning")


def test_group_of_that_does_not_match(folder):
    put(folder/"images"/"x.png", picture(9)); put(folder/"masks"/"x.png", DISK)
    only(folder, "images/x.png", "does not match x", "mend the expression", group_of=r"(\d)")


def test_message_lists_ten_and_the_error_carries_all(tmp_path):
    for i in range(14): put(tmp_path/"images"/f"{i:02d}.png", picture(i)); (tmp_path/"masks").mkdir(exist_ok=True); (tmp_path/"masks"/f"{i:02d}.png").write_bytes(b"")
    with pytest.raises(InputError, match="14 problems") as caught: read_domain("folder", tmp_path)
    assert "masks/09.png" in str(caught.value) and "masks/10.png" not in str(caught.value) and "and 4 more" in str(caught.value)
    assert len(as_problems(caught.value)) == len(check_data(tmp_path)) == 14


def test_many_faults_in_one_pass(folder):
    (folder/"masks"/"0.png").unlink()
    (folder/"images"/"1.png").write_text("404")
    put(folder/"masks"/"2.png", DISK[:-1])
    put(folder/"images"/"bad.png", picture())
    assert {Path(p.where).name for p in check_data(folder)} == {"0.png", "1.png", "2.png", "bad.png"}


# --- official layouts ---

@pytest.fixture
def chase(tmp_path):
    for eye in ("01L", "01R", "11L"):
        put(tmp_path/f"Image_{eye}.jpg", np.dstack([picture(int(eye[:2]) + (eye[2] == "R"))]*3), quality=95)
        put(tmp_path/f"Image_{eye}_1stHO.png", DISK)
    return tmp_path


def test_chasedb1_sound(chase):
    assert check_data(chase) == []
    assert read_domain("chasedb1", chase, diameter=48).groups == ["chasedb1-01", "chasedb1-01", "chasedb1-11"]


def test_chasedb1_missing_mask(chase):
    (chase/"Image_01R_1stHO.png").unlink()
    problem = only(chase, "Image_01R.jpg", "without a mask", "add the mask", layout="chasedb1")
    assert problem.expected.endswith("Image_01R_1stHO.png")


def test_chasedb1_truncated_jpeg_and_wrong_fov(chase):
    path = chase/"Image_01L.jpg"
    path.write_bytes(path.read_bytes()[:700])
    put(chase/"fov"/"Image_01R.gif", DISK[:9]); put(chase/"fov"/"Image_11L.gif", DISK & False)
    problems = {Path(p.where).name: p for p in check_data(chase)}
    assert "a JPEG of 700 bytes" in problems["Image_01L.jpg"].found and "again" in problems["Image_01L.jpg"].mend
    assert "64×9 pixels" in problems["Image_01R.gif"].found
    assert "empty field of view" in problems["Image_11L.gif"].found and "remove the file" in problems["Image_11L.gif"].mend


def test_stare_truncated_gzip(tmp_path):
    put(tmp_path/"stare-images"/"im0001.ppm", np.dstack([picture()]*3)); put(tmp_path/"labels-ah"/"im0001.ah.ppm", DISK)
    for path in sorted(tmp_path.rglob("*.ppm")): Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes())); path.unlink()
    assert check_data(tmp_path) == []
    path = tmp_path/"stare-images"/"im0001.ppm.gz"
    path.write_bytes(path.read_bytes()[:-40])
    only(tmp_path, "im0001.ppm.gz", "gzip cannot unpack", "again", layout="stare")


def test_drive_same_person_in_training_and_test(tmp_path):
    for part, n in (("training", 21), ("test", 1), ("test", 21)):
        put(tmp_path/part/"images"/f"{n:02d}_{part}.tif", np.dstack([picture(n + (part == "test"))]*3)); put(tmp_path/part/"1st_manual"/f"{n:02d}_manual1.gif", DISK)
    only(tmp_path, tmp_path.name, "group drive-21 on both sides", "one side", layout="drive")


def dicom(path, hu, **fields):
    pydicom = pytest.importorskip("pydicom")
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID, ds.file_meta.MediaStorageSOPClassUID = pydicom.uid.ExplicitVRLittleEndian, pydicom.uid.CTImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = pydicom.uid.generate_uid()
    ds.SOPClassUID, (ds.Rows, ds.Columns) = pydicom.uid.CTImageStorage, hu.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 1, "MONOCHROME2", 16, 16, 15, 0
    for key, value in {"RescaleSlope": 2, "RescaleIntercept": -1024, "PixelSpacing": [1.5, 1.5], **fields}.items():
        if value is not None: setattr(ds, key, value)
    ds.PixelData = ((hu + 1024)//2).astype("uint16").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def chaos(tmp_path):
    for k in range(2):
        dicom(tmp_path/"Train_Sets"/"CT"/"3"/"DICOM_anon"/f"i000{k},0000b.dcm", np.where(DISK, 100, -200 + 2*k))
        put(tmp_path/"Train_Sets"/"CT"/"3"/"Ground"/f"liver_GT_00{k}.png", DISK)
    return tmp_path


def test_chaos_uses_the_headers_slope_and_intercept(chaos):
    domain = read_domain("chaos", chaos, target_mm=1.5)
    assert domain[0].image[0, 30, 20] == pytest.approx(100/255) and domain[0].native_mask is None


def test_chaos_missing_mask(chaos):
    (chaos/"Train_Sets/CT/3/Ground/liver_GT_001.png").unlink()
    only(chaos, "i0001,0000b.dcm", "without a mask", "add the mask", layout="chaos")


def test_chaos_truncated_text_and_headless(chaos):
    at = chaos/"Train_Sets/CT/3/DICOM_anon"
    path = at/"i0000,0000b.dcm"
    path.write_bytes(path.read_bytes()[:-400])
    (at/"i0001,0000b.dcm").write_text("moved")
    dicom(at/"i0002,0000b.dcm", np.zeros((SIZE, SIZE), int), PixelSpacing=None)
    put(chaos/"Train_Sets/CT/3/Ground/liver_GT_002.png", DISK)
    found = [p.found for p in check_data(chaos)]
    assert len(found) == 3
    assert "cannot be decoded" in found[0] and "text that begins with 'moved', no DICOM" in found[1] and "without PixelSpacing" in found[2]


def test_lits_nan_shape_and_empty(tmp_path):
    nib = pytest.importorskip("nibabel")
    volume, labels = np.zeros((16, 16, 6), "float32"), np.zeros((16, 16, 6), "uint8")
    labels[4:8, 4:8, 2:4] = 1
    save = lambda array, name: nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path/name)
    broken = volume.copy(); broken[1, 2, 3] = np.nan
    save(broken, "volume-0.nii"); save(labels, "segmentation-0.nii")
    save(volume, "volume-1.nii.gz"); save(labels[:-1], "segmentation-1.nii.gz")
    save(volume, "volume-2.nii"); save(labels*0, "segmentation-2.nii")
    save(volume, "volume-3.nii"); save(labels*7, "segmentation-3.nii")
    save(volume, "volume-4.nii"); (tmp_path/"segmentation-4.nii").write_text("lost")
    save(volume, "volume-5.nii")
    problems = {Path(p.where).name: p.found for p in check_data(tmp_path)}
    assert "1 NaN or infinite values in slice 3" in problems["volume-0.nii"]
    assert "(15, 16, 6)" in problems["segmentation-1.nii.gz"]
    assert "no foreground" in problems["segmentation-2.nii"]
    assert "labels 0, 7: more labels than classes" in problems["segmentation-3.nii"]
    assert "text that begins with 'lost'" in problems["segmentation-4.nii"]
    assert "without a mask" in problems["volume-5.nii"] and len(problems) == 6
