"""Every data set of bench/datasets, read from small files in the real formats on disk."""

import gzip
import hashlib
import inspect
import pickle
import struct
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image
from rigs.fake_meter import FakeMeter, Silent
from torch import nn

from edgejoule import plugins
from edgejoule.bench import data, settings
from edgejoule.bench.formats import archives
from edgejoule.bench.measure import Ledger
from edgejoule.bench.training.loop import Trainer

NAMES = plugins.names("datasets")
EMBEDDED = ("digits", "xshape")
random = np.random.RandomState(0)


def module_of(name):
    return plugins.load("datasets", name)


def bytes_of(*shape):
    return random.randint(0, 256, shape).astype(np.uint8)


# ---- small copies of each data set, in its own format


def cifar_python(folder, names, key, classes):
    folder.mkdir(parents=True)
    for index, name in enumerate(names):
        batch = {"data": bytes_of(4, 3072), key: [(index + i) % classes for i in range(4)]}
        # the published batches were pickled by Python 2, in protocol 2
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))


def cifar_binary(folder, names, label_bytes, classes):
    folder.mkdir(parents=True)
    for name in names:
        rows = bytes_of(4, label_bytes + 3072)
        rows[:, :label_bytes] %= classes if label_bytes == 1 else 20
        (folder / name).write_bytes(rows.tobytes())


def idx_file(path, values, compress):
    header = struct.pack(">4B{}I".format(values.ndim), 0, 0, 8, values.ndim, *values.shape)
    raw = header + values.tobytes()
    path.write_bytes(gzip.compress(raw) if compress else raw)


def mnist(folder, compress):
    folder.mkdir(parents=True)
    for name in ("train", "t10k"):
        end = ".gz" if compress else ""
        idx_file(folder / (name + "-images-idx3-ubyte" + end), bytes_of(5, 28, 28), compress)
        idx_file(folder / (name + "-labels-idx1-ubyte" + end), bytes_of(5) % 10, compress)


def picture(path, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(bytes_of(size[1], size[0], 3)).save(str(path), "JPEG")


def class_folders(folder, classes=("n01", "n02"), count=2):
    for split in ("train", "val"):
        for name in classes:
            for index in range(count):
                picture(folder / split / name / "{}.JPEG".format(index))


def tiny(folder):
    lines = []
    for label, name in enumerate(("n01", "n02")):
        picture(folder / "train" / name / "images" / (name + "_0.JPEG"), (64, 64))
        picture(folder / "val" / "images" / "val_{}.JPEG".format(1 - label), (64, 64))
        lines.append("val_{}.JPEG\t{}\t0\t0\t62\t62\n".format(1 - label, name))
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))


BATCHES = ["data_batch_{}".format(i) for i in range(1, 6)] + ["test_batch"]
COPIES = {
    "cifar10-python": (
        "cifar10",
        lambda root: cifar_python(root / "cifar-10-batches-py", BATCHES, "labels", 10),
        20,
        4,
    ),
    "cifar10-binary": (
        "cifar10",
        lambda root: cifar_binary(
            root / "cifar-10-batches-bin", [name + ".bin" for name in BATCHES], 1, 10
        ),
        20,
        4,
    ),
    "cifar100-python": (
        "cifar100",
        lambda root: cifar_python(root / "cifar-100-python", ["train", "test"], "fine_labels", 100),
        4,
        4,
    ),
    "cifar100-binary": (
        "cifar100",
        lambda root: cifar_binary(root / "cifar-100-binary", ["train.bin", "test.bin"], 2, 100),
        4,
        4,
    ),
    "mnist-gz": ("mnist", lambda root: mnist(root / "mnist", True), 5, 5),
    "mnist-raw": ("mnist", lambda root: mnist(root / "MNIST" / "raw", False), 5, 5),
    "imagenet": ("imagenet", lambda root: class_folders(root / "imagenet"), 4, 4),
    "imagenette": ("imagenette", lambda root: class_folders(root / "imagenette2-160"), 4, 4),
    "tiny_imagenet": ("tiny_imagenet", lambda root: tiny(root / "tiny-imagenet-200"), 2, 2),
}


@pytest.fixture(params=sorted(COPIES))
def copy(request, tmp_path):
    """(data set's name, root of a small copy, training pictures, test pictures)."""
    name, make, train, test = COPIES[request.param]
    make(tmp_path)
    return name, tmp_path, train, test


# ---- what holds for every data set


def test_every_data_set_has_a_copy_here():
    assert {name for name, *_ in COPIES.values()} | set(EMBEDDED) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_interface(name):
    module = module_of(name)
    assert module.CLASSES > 1 and len(module.INPUT_SHAPE) == 3 and module.LICENCE
    assert module.TRAIN_IMAGES > module.TEST_IMAGES > 0
    assert all(len(value) == 32 for value in module.CHECKSUMS.values())
    assert list(inspect.signature(module.load).parameters)[0] == "root"


def test_a_small_copy_is_read(copy):
    name, root, train, test = copy
    module = module_of(name)
    data = module.load(root, verify=False)
    assert (len(data.train), len(data.test)) == (train, test)
    for split in (data.train, data.test):
        x, y = split[0]
        assert x.shape == module.INPUT_SHAPE and x.dtype == torch.float32
        assert 0 <= int(y) < module.CLASSES


RESIZED = [name for name in NAMES if getattr(module_of(name), "RESIZES", False)]


def test_every_data_set_of_pictures_can_be_resized():
    """ImageNet's own resize comes before its crop; points in a plane have no size."""
    assert sorted(set(NAMES) - set(RESIZED)) == ["imagenet", "xshape"]
    for name in RESIZED:
        assert plugins.options("datasets", name, "load")["resize"] is None


def test_resized_pictures_have_the_sides_that_were_asked_for(copy):
    name, root, train, test = copy
    module, known = module_of(name), set(plugins.options("datasets", name, "load"))
    for options in ({"resize": 50}, {"resize": 50, "preload": True}):
        if name in RESIZED and set(options) <= known:
            found = module.load(root, verify=False, **options)
            assert (len(found.train), len(found.test)) == (train, test)
            x = torch.stack([found.train[0][0], found.test[0][0]])
            assert x.shape[1:] == (module.INPUT_SHAPE[0], 50, 50)
            assert data.shape(module, options) == x.shape[1:]
            if found.augment is not None:
                assert found.augment(x, torch.Generator().manual_seed(0)).shape == x.shape
    with pytest.raises(ValueError, match="resize = 0; "):
        module.load(root, verify=False, resize=0)


def test_augmentation_keeps_the_shape(copy):
    name, root, _, _ = copy
    data = module_of(name).load(root, verify=False)
    x = torch.stack([data.train[0][0], data.train[1][0]])
    if data.augment is not None:
        assert data.augment(x, torch.Generator().manual_seed(0)).shape == x.shape
    if data.varied is not None:
        assert len(data.varied) == len(data.train) and data.varied[0][0].shape == x[0].shape
    assert name == "mnist" or data.augment is not None or data.varied is not None


def test_a_copy_is_not_taken_for_the_published_data(copy):
    name, root, _, _ = copy
    with pytest.raises(ValueError, match="published.*dataset.verify = false"):
        module_of(name).load(root)


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(EMBEDDED)))
def test_a_missing_folder_names_what_was_asked_found_and_to_do(name, tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(FileNotFoundError) as caught:
        module_of(name).load(tmp_path)
    text = str(caught.value)
    assert text.startswith(name + ": no ") and "it has holiday.jpg" in text and "\n" not in text
    assert "dataset.download = true" in text or "unpacked from ILSVRC2012" in text
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        module_of(name).load(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", ["cifar10-python", "cifar10-binary", "mnist-gz", "mnist-raw"])
def test_a_missing_file_is_named(kind, tmp_path):
    name, make, _, _ = COPIES[kind]
    make(tmp_path)
    gone = sorted(path for path in tmp_path.glob("**/*") if path.is_file())[0]
    gone.unlink()
    with pytest.raises(FileNotFoundError, match=gone.name + ".*missing.*it has.*download"):
        module_of(name).load(tmp_path, verify=False)


@pytest.mark.parametrize("kind", sorted(set(COPIES) - {"imagenet", "imagenette", "tiny_imagenet"}))
@pytest.mark.parametrize("damage", [lambda raw: raw[:-7], lambda raw: b"", lambda raw: b"no data"])
def test_a_broken_file_is_one_clear_line(kind, damage, tmp_path):
    name, make, _, _ = COPIES[kind]
    make(tmp_path)
    broken = sorted(path for path in tmp_path.glob("**/*") if path.is_file())[0]
    broken.write_bytes(damage(broken.read_bytes()))
    with pytest.raises(ValueError) as caught:
        module_of(name).load(tmp_path, verify=False)
    assert str(broken) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["imagenet", "imagenette", "tiny_imagenet"])
def test_a_broken_picture_is_named(kind, tmp_path):
    name, make, _, _ = COPIES[kind]
    make(tmp_path)
    data = module_of(name).load(tmp_path, verify=False)
    path, _ = data.train.listing[0]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="{}.*not a readable picture".format(path.name)):
        data.train[0]


def test_a_broken_picture_is_one_line_through_worker_processes(tmp_path):
    """A worker's traceback came along and hid the sentence."""
    class_folders(tmp_path / "imagenette2-160")
    data = module_of("imagenette").load(tmp_path, verify=False)
    data.train.listing[0][0].write_bytes(b"no picture")
    loader = torch.utils.data.DataLoader(data.train, 2, num_workers=1)
    with pytest.raises(ValueError) as caught:
        list(loader)
    assert str(caught.value).startswith("'" + str(tmp_path)) and "\n" not in str(caught.value)


# ---- one by one


def test_cifar_python_and_binary_hold_the_same_pictures(tmp_path):
    cifar_binary(tmp_path / "cifar-100-binary", ["train.bin", "test.bin"], 2, 100)
    for name in ("train", "test"):
        rows = np.frombuffer(
            (tmp_path / "cifar-100-binary" / (name + ".bin")).read_bytes(), np.uint8
        ).reshape(-1, 3074)
        other = tmp_path / "other" / "cifar-100-python" / name
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_bytes(
            pickle.dumps(
                {
                    "data": rows[:, 2:],
                    "fine_labels": list(map(int, rows[:, 1])),
                    "coarse_labels": list(map(int, rows[:, 0])),
                },
                protocol=2,
            )
        )
    load = module_of("cifar100").load
    binary, pickled = load(tmp_path, verify=False), load(tmp_path / "other", verify=False)
    for split in ("train", "test"):
        for ours, theirs in zip(getattr(binary, split)[0:4], getattr(pickled, split)[0:4]):
            assert torch.equal(ours, theirs)


def test_cifar_pixels_are_normalised_by_channel(tmp_path):
    cifar_binary(tmp_path / "cifar-10-batches-bin", [name + ".bin" for name in BATCHES], 1, 10)
    data = module_of("cifar10").load(tmp_path, verify=False)
    raw = (tmp_path / "cifar-10-batches-bin" / "data_batch_1.bin").read_bytes()
    x, y = data.train[0]
    assert int(y) == raw[0]
    assert float(x[1, 0, 2]) == pytest.approx((raw[1 + 1024 + 2] / 255 - 0.4822) / 0.1994, rel=1e-5)


def test_a_checksum_that_matches_passes(tmp_path, monkeypatch):
    module = module_of("cifar10")
    cifar_python(tmp_path / "cifar-10-batches-py", BATCHES, "labels", 10)
    for path in (tmp_path / "cifar-10-batches-py").iterdir():
        monkeypatch.setitem(module.CHECKSUMS, path.name, hashlib.md5(path.read_bytes()).hexdigest())
    assert len(module.load(tmp_path).train) == 20


def test_a_pickle_that_asks_for_more_is_refused(tmp_path):
    """A batch from a stranger must not be able to run a command."""

    class Command:
        def __reduce__(self):
            return __import__("os").system, ("touch " + str(tmp_path / "ran"),)

    cifar_python(tmp_path / "cifar-10-batches-py", BATCHES, "labels", 10)
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(pickle.dumps(Command()))
    with pytest.raises(ValueError, match="data_batch_1.*asks for.*system"):
        module_of("cifar10").load(tmp_path, verify=False)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "batch, words",
    [
        ({"data": bytes_of(2, 3072), "labels": [0, 10]}, "labels 0 to 10"),
        ({"data": bytes_of(2, 3072), "labels": [0]}, "expected uint8"),
        ({"data": bytes_of(2, 3072).astype(float), "labels": [0, 1]}, "float64"),
        ({"labels": [0, 1]}, "without 'data'"),
        ([1, 2], "not a CIFAR batch"),
    ],
)
def test_a_batch_of_another_kind_is_refused(batch, words, tmp_path):
    cifar_python(tmp_path / "cifar-10-batches-py", BATCHES, "labels", 10)
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(pickle.dumps(batch, protocol=2))
    with pytest.raises(ValueError, match=words):
        module_of("cifar10").load(tmp_path, verify=False)


def test_tiny_imagenet_takes_validation_classes_from_the_annotations(tmp_path):
    tiny(tmp_path / "tiny-imagenet-200")
    data = module_of("tiny_imagenet").load(tmp_path, verify=False)
    assert [(path.name, label) for path, label in data.test.listing] == [
        ("val_0.JPEG", 1),
        ("val_1.JPEG", 0),
    ]
    annotations = tmp_path / "tiny-imagenet-200" / "val" / "val_annotations.txt"
    annotations.write_text("val_0.JPEG\tn09\t0\n")
    with pytest.raises(ValueError, match="the class 'n09'"):
        module_of("tiny_imagenet").load(tmp_path, verify=False)
    annotations.write_text("val_0.JPEG\tn01\t0\n")
    with pytest.raises(ValueError, match="no class for 'val_1.JPEG'"):
        module_of("tiny_imagenet").load(tmp_path, verify=False)


@pytest.mark.parametrize("name", ["imagenette", "tiny_imagenet"])
def test_preloading_changes_no_picture(name, tmp_path):
    COPIES[name][1](tmp_path)
    lazy = module_of(name).load(tmp_path, verify=False).train
    kept = module_of(name).load(tmp_path, verify=False, preload=True).train
    assert len(kept) == len(lazy)
    for index in range(len(lazy)):
        assert torch.equal(kept[index][0], lazy[index][0]) and kept[index][1] == lazy[index][1]


def test_too_many_classes_are_refused_even_unverified(tmp_path):
    class_folders(tmp_path / "imagenette2", ["c{:02}".format(i) for i in range(11)], 1)
    with pytest.raises(ValueError, match="11 classes, published are 9469 of 10"):
        module_of("imagenette").load(tmp_path, verify=False)


def test_root_may_be_the_folder_itself(tmp_path):
    class_folders(tmp_path / "imagenet")
    assert len(module_of("imagenet").load(tmp_path / "imagenet", verify=False).train) == 4


def test_imagenet_cannot_cut_more_pixels_than_there_are(tmp_path):
    with pytest.raises(ValueError, match="resize = 100"):
        module_of("imagenet").load(tmp_path, resize=100)


def test_embedded_pictures_are_resized_too():
    x, _ = module_of("digits").load(None, resize=28).train[:3]
    assert x.shape == (3, 1, 28, 28)


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_data_have_the_stated_size_and_stay_the_same(name):
    module = module_of(name)
    data, again = module.load(None), module.load(None)
    assert (len(data.train), len(data.test)) == (module.TRAIN_IMAGES, module.TEST_IMAGES)
    assert torch.equal(data.train[:50][0], again.train[:50][0])
    x, y = data.train[:]
    assert x.shape[1:] == module.INPUT_SHAPE and sorted(set(y.tolist())) == list(
        range(module.CLASSES)
    )


def test_digits_are_the_published_file_split_evenly():
    data = module_of("digits").load()
    x, y = data.train[:]
    assert abs(float(x.mean())) < 1e-3 and abs(float(x.std()) - 1) < 1e-3
    for label in range(10):
        train, test = int((y == label).sum()), int((data.test[:][1] == label).sum())
        assert test == (train + test) // 5


def test_digits_are_what_scikit_learn_loads():
    theirs, classes = pytest.importorskip("sklearn.datasets").load_digits(return_X_y=True)
    data = module_of("digits").load()
    splits = [split.tensors for split in (data.train, data.test)]
    values = torch.cat([pixels.values for pixels, _ in splits])
    found = torch.cat([labels for _, labels in splits])
    order = np.lexsort(values.flatten(1).numpy().T)
    other = np.lexsort(theirs.T)
    assert np.array_equal(values.flatten(1).numpy()[order], theirs[other])
    assert np.array_equal(found.numpy()[order], classes[other])


def test_digits_without_scikit_learn_say_so(monkeypatch):
    monkeypatch.setattr(module_of("digits").importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install scikit-learn"):
        module_of("digits").load()


def test_xshape_is_an_x():
    x, y = module_of("xshape").load().train[:]
    points = x.flatten(1)
    assert torch.equal(y == 1, points[:, 1].abs() > points[:, 0].abs())
    assert float(points.abs().max()) <= 5


# ---- fetching, from files in the place of the network


def packed(tmp_path, monkeypatch):
    """The module of CIFAR-100, its url a local archive of a small copy, its md5 the archive's."""
    module = module_of("cifar100")
    cifar_binary(tmp_path / "made" / "cifar-100-binary", ["train.bin", "test.bin"], 2, 100)
    archive = tmp_path / "cifar-100-binary.tar.gz"
    with tarfile.open(str(archive), "w:gz") as stream:
        stream.add(str(tmp_path / "made" / "cifar-100-binary"), "cifar-100-binary")
    checksums = dict(module.CHECKSUMS, **{archive.name: archives.md5(archive)})
    for name in ("train.bin", "test.bin"):
        checksums[name] = archives.md5(tmp_path / "made" / "cifar-100-binary" / name)
    monkeypatch.setattr(
        module, "SOURCE", module.SOURCE._replace(urls=(archive.as_uri(),), checksums=checksums)
    )
    return module


def test_download_happens_only_when_asked(tmp_path, monkeypatch):
    module = packed(tmp_path, monkeypatch)
    with pytest.raises(FileNotFoundError, match="dataset.download = true to fetch file://"):
        module.load(tmp_path / "data")
    assert not (tmp_path / "data").exists()
    assert len(module.load(tmp_path / "data", download=True).train) == 4
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["cifar-100-binary"]
    monkeypatch.setattr(archives, "fetch", None)
    assert len(module.load(tmp_path / "data", download=True).test) == 4


def test_a_download_with_another_checksum_leaves_nothing(tmp_path, monkeypatch):
    module = packed(tmp_path, monkeypatch)
    checksums = dict(module.SOURCE.checksums, **{"cifar-100-binary.tar.gz": "0" * 32})
    monkeypatch.setattr(module, "SOURCE", module.SOURCE._replace(checksums=checksums))
    with pytest.raises(RuntimeError, match="came with md5 .* expected 0000"):
        module.load(tmp_path / "data", download=True)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_download_that_fails_says_what_to_do(tmp_path, monkeypatch):
    module = packed(tmp_path, monkeypatch)
    (tmp_path / "cifar-100-binary.tar.gz").unlink()
    with pytest.raises(RuntimeError, match="could not fetch.*on another machine"):
        module.load(tmp_path / "data", download=True)


def test_single_files_are_fetched_into_their_folder(tmp_path, monkeypatch):
    module = module_of("mnist")
    mnist(tmp_path / "made", True)
    files = sorted((tmp_path / "made").iterdir())
    monkeypatch.setattr(
        module,
        "SOURCE",
        module.SOURCE._replace(
            urls=tuple(path.as_uri() for path in files),
            checksums={path.name: archives.md5(path) for path in files},
        ),
    )
    assert len(module.load(tmp_path / "data", download=True).train) == 5
    assert sorted(path.name for path in (tmp_path / "data" / "mnist").iterdir()) == [
        path.name for path in files
    ]


def test_who_waits_for_another_fetch_takes_what_it_left(tmp_path, monkeypatch):
    """Two cases side by side fetched into one folder, each clearing away what the other had."""
    source = archives.Source("pictures", ("file:///nowhere/at/all.zip",), ("pictures",), {})
    waited = []

    def another_ends(handle, operation):
        waited.append(operation)
        (tmp_path / "pictures").mkdir()

    monkeypatch.setattr(archives.fcntl, "flock", another_ends)
    assert archives.folder(source, tmp_path, download=True) == tmp_path / "pictures"
    assert waited == [archives.fcntl.LOCK_EX]


def test_imagenet_cannot_be_fetched(tmp_path):
    with pytest.raises(ValueError, match="without an account"):
        archives.folder(module_of("imagenet").SOURCE, tmp_path, download=True)


def test_scoring_samples_of_folders_mix_the_classes_and_differ(tmp_path):
    """Folders lie class by class; the first batch as stored would hold one class of ten."""
    folder = tmp_path / "imagenette2-160"
    for label in range(10):
        for index in range(100):
            picture(folder / "train" / "n{:02}".format(label) / "{}.JPEG".format(index), (8, 8))
        picture(folder / "val" / "n{:02}".format(label) / "0.JPEG", (8, 8))
    data = module_of("imagenette").load(tmp_path, verify=False, resize=8)
    net = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, 10))
    chosen = dict(settings.TRAIN, epochs=1, batch_size=32)
    ledger = Ledger(FakeMeter(None), lambda: None)
    one = Trainer(net, data, chosen, ledger, Silent(), lambda: None, lambda: net)
    seen = []
    for _ in range(2):
        ((x, y),) = one.batches(1)
        assert len(set(y.tolist())) >= 8
        seen.append({each.numpy().tobytes() for each in x})  # no two pictures are the same
    assert len(seen[0]) == len(seen[1]) == 32 and len(seen[0] & seen[1]) < 3.2
