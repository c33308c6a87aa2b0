"""What the optional packages write, where it may not be written and where the disk is full.

The error is the system's own, an old file stays whole, and nothing is left beside it.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers

sys.path.insert(0, str(Path(__file__).parents[1] / "saving"))
from test_read_only import closed, contents  # noqa: E402


def model():
    fastnn.utils.set_random_seed(3)
    made = fastnn.Sequential([fastnn.Input((64,)), layers.Dense(256), layers.Dense(4)])
    made.compile("adam", loss="mse")
    return made


def fit(*used):
    x = np.ones((8, 64), "float32")
    model().fit(x, x[:, :4], epochs=3, verbose=0, callbacks=list(used))


def vectors(folder):
    """The log of a model whose embeddings are written for TensorBoard's projector."""
    table = layers.Embedding(2000, 8, name="table")
    made = fastnn.Sequential([fastnn.Input((3,), dtype="int32"), table, layers.Flatten()])
    made.compile("sgd", loss="mse")
    board = callbacks.TensorBoard(folder, write_graph=False, embeddings_freq=1)
    made.fit(np.ones((4, 3), "int32"), np.ones((4, 24)), epochs=1, verbose=0, callbacks=[board])


WRITERS = {
    "m.safetensors": lambda path: model().save_weights(path),
    "m.onnx": lambda path: model().export(path, verbose=False),
    "m.png": lambda path: fastnn.utils.plot_model(model(), path),
    "log": lambda path: fit(callbacks.TensorBoard(path)),
    "vectors": vectors,
}


# tensorboard's thread ends with the error, and hands it on
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("again", [False, True], ids=["new", "over an old one"])
@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_that_is_closed(name, again, tmp_path):
    at = tmp_path / "closed"
    at.mkdir()
    folder = at if again else tmp_path  # elsewhere too, so that what is imported on the way is there
    WRITERS[name](str(folder / name))
    before = contents(at)
    with closed(at), pytest.raises(OSError, match=r"(?i)permission denied|read-only"):
        WRITERS[name](str(at / name))
    assert contents(at) == before


@pytest.mark.parametrize("name", ["m.safetensors", "m.onnx", "m.png"])
def test_no_such_folder_and_a_folder_in_the_files_place(name, tmp_path):
    with pytest.raises(FileNotFoundError, match="make it first"):
        WRITERS[name](str(tmp_path / "missing" / name))
    (tmp_path / name).mkdir()
    with pytest.raises(IsADirectoryError, match="give the name of a file"):
        WRITERS[name](str(tmp_path / name))
    assert [path.name for path in tmp_path.rglob("*")] == [name]


def fill(path, limit):
    """What the child does: write where files may not grow beyond `limit`. Exits with 7 where an OSError tells of it."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        WRITERS[os.path.basename(path)](path)
    except OSError:
        os._exit(7)
    os._exit(0)


def child(path, limit):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import test_no_room as t; t.fill({str(path)!r}, {limit})"],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=100,
    ).returncode


@pytest.mark.parametrize("name, limit", [("m.safetensors", 20_000), ("m.onnx", 20_000), ("m.png", 1000)])
def test_a_full_disk(name, limit, tmp_path):
    WRITERS[name](str(tmp_path / name))
    before = contents(tmp_path)
    assert child(tmp_path / name, limit) == 7
    assert contents(tmp_path) == before


def test_a_full_disk_under_tensorboard(tmp_path):
    """The run ends with the error, and what stands in older files of the folder stays."""
    WRITERS["log"](str(tmp_path / "log"))
    before = contents(tmp_path)
    assert child(tmp_path / "log", 300) == 7
    after = contents(tmp_path)
    assert {path: after[path] for path in before} == before
    WRITERS["vectors"](str(tmp_path / "vectors"))
    before = contents(tmp_path)
    assert child(tmp_path / "vectors", 20_000) == 7
    after = contents(tmp_path)
    assert {path: after[path] for path in before} == before
    assert not [path for path in after if path.name.endswith(".tmp")]
