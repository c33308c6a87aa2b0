"""The downloaded data sets, read from small files of the same form; the texts against Keras's own reading."""

import gzip
import pickle

import keras.src.datasets.imdb as keras_imdb
import keras.src.datasets.reuters as keras_reuters
import numpy as np
import pytest

import fastnn
from fastnn.datasets import download


@pytest.fixture
def local(tmp_path, monkeypatch):
    """Let every download find its file in a folder."""

    def find(name, *args, **options):
        return str(tmp_path / name)

    for module in (download, fastnn.datasets.cifar10.load_files.__globals__):
        if isinstance(module, dict):
            monkeypatch.setitem(module, "get_file", find)
        else:
            monkeypatch.setattr(module, "get_file", find)
    for module in (keras_imdb, keras_reuters):
        monkeypatch.setattr(module, "get_file", lambda fname=None, **options: find(fname))
    return tmp_path


def ragged(rng, count):
    texts = np.empty(count, dtype=object)
    texts[:] = [rng.integers(1, 50, rng.integers(2, 12)).tolist() for _ in range(count)]
    return texts


def same(got, want):
    for pair, other in zip(got, want, strict=True):
        for a, b in zip(pair, other, strict=True):
            assert a.dtype == b.dtype and [list(x) if a.dtype == object else x for x in a] == [
                list(x) if b.dtype == object else x for x in b
            ]


@pytest.mark.parametrize(
    "options",
    [
        {},
        dict(num_words=20, skip_top=5),
        dict(maxlen=8, start_char=None),
        dict(oov_char=None, num_words=30, index_from=0, start_char=None),
    ],
)
def test_texts_as_keras_reads_them(options, local, rng):
    np.savez(
        local / "imdb.npz",
        x_train=ragged(rng, 30),
        y_train=rng.integers(0, 2, 30),
        x_test=ragged(rng, 20),
        y_test=rng.integers(0, 2, 20),
    )
    same(fastnn.datasets.imdb.load_data(**options), keras_imdb.load_data(**options))
    np.savez(local / "reuters.npz", x=ragged(rng, 40), y=rng.integers(0, 46, 40))
    same(fastnn.datasets.reuters.load_data(**options), keras_reuters.load_data(**options))
    with pytest.raises(ValueError, match="no text is shorter than maxlen=1"):
        fastnn.datasets.imdb.load_data(maxlen=1)
    assert fastnn.datasets.reuters.get_label_names() == keras_reuters.get_label_names()


def test_pickles_run_no_code(local):
    class Harmful:
        def __reduce__(self):
            return exec, ("raise SystemExit('code from a file was run')",)

    bad = np.empty(1, dtype=object)
    bad[0] = Harmful()
    np.savez(local / "imdb.npz", x_train=bad)
    with pytest.raises(pickle.UnpicklingError, match="holds builtins.exec"):
        fastnn.datasets.imdb.load_data()


def test_housing(local, rng):
    x, y = rng.standard_normal((700, 3)), rng.standard_normal(700)
    for name in ("boston_housing", "california_housing"):
        np.savez(local / f"{name}.npz", x=x, y=y)
        (x_train, y_train), (x_test, y_test) = getattr(fastnn.datasets, name).load_data()
        order = np.arange(700)
        np.random.RandomState(113).shuffle(order)
        np.testing.assert_array_equal(np.concatenate([x_train, x_test]), x[order])
        assert x_train.shape == (560, 3) and y_test.shape == (140,)
        with pytest.raises(ValueError, match="test_split"):
            getattr(fastnn.datasets, name).load_data(test_split=1)
    assert len(fastnn.datasets.california_housing.load_data("small")[0][0]) == 480


def test_pictures(local, rng):
    digits, labels = rng.integers(0, 256, (6, 28, 28), dtype=np.uint8), rng.integers(0, 10, 6, dtype=np.uint8)
    np.savez(local / "mnist.npz", x_train=digits, y_train=labels, x_test=digits[:2], y_test=labels[:2])
    np.testing.assert_array_equal(fastnn.datasets.mnist.load_data()[1][0], digits[:2])
    for part, count in (("train", 6), ("t10k", 2)):
        for name, head, array in (("images-idx3", 16, digits), ("labels-idx1", 8, labels)):
            with gzip.open(local / f"{part}-{name}-ubyte.gz", "wb") as file:
                file.write(bytes(head) + array[:count].tobytes())
    (x_train, y_train), (x_test, y_test) = fastnn.datasets.fashion_mnist.load_data()
    np.testing.assert_array_equal(x_train, digits)
    assert y_test.tolist() == labels[:2].tolist() and x_test.shape == (2, 28, 28) and x_train.flags.writeable


def test_cifar(local, rng):
    pictures = rng.integers(0, 256, (4, 3072), dtype=np.uint8)
    for folder, names, keys in (
        (
            "cifar-10-batches-py-target/cifar-10-batches-py",
            [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"],
            [b"labels"],
        ),
        ("cifar-100-python-target/cifar-100-python", ["train", "test"], [b"fine_labels", b"coarse_labels"]),
    ):
        (local / folder).mkdir(parents=True)
        for name in names:
            with open(local / folder / name, "wb") as file:
                pickle.dump({b"data": pictures, **{key: [1, 2, 3, 4] for key in keys}}, file, protocol=2)
    (x, y), (x_test, _) = fastnn.datasets.cifar10.load_data()
    assert x.shape == (20, 32, 32, 3) and y.shape == (20, 1) and x.flags.c_contiguous
    np.testing.assert_array_equal(x_test[1, :, :, 2].reshape(-1), pictures[1, 2048:])
    assert fastnn.datasets.cifar100.load_data("coarse")[0][1].tolist() == [[1], [2], [3], [4]]
    with pytest.raises(ValueError, match="`label_mode`"):
        fastnn.datasets.cifar100.load_data("medium")


def test_names():
    assert set(fastnn.datasets.__all__) <= set(dir(fastnn.datasets))
    with pytest.raises(AttributeError, match="there are boston_housing"):
        fastnn.datasets.mnist_10k  # noqa: B018
