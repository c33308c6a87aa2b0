"""Which ops an exported model may have; and what export says without the `onnx` package, or for other formats."""

import builtins

import pytest

import fastnn
import fastnn.optimizers
from fastnn import layers
from fastnn.engine.op import records
from fastnn.export.converters import TABLE

# Ops of inference that ONNX, or its runtimes, cannot say, or that no layer uses.
UNSAID = {
    *("angle", "argpartition", "cholesky", "complex", "correlate", "ctc_decode", "ctc_loss", "det"),
    *(
        "eig",
        "eigh",
        "erfinv",
        "fourier",
        "gcd",
        "histogram",
        "i0",
        "i1",
        "imag",
        "in_top_k",
        "inv",
        "lcm",
        "unique",
    ),
    *(
        "lu_factor",
        "lu_row_order",
        "nextafter",
        "qr",
        "segment",
        "slogdet",
        "solve",
        "solve_triangular",
        "svd",
        "view",
    ),
    *("put_rows", "unique_rows", "equalize", "equalize_tiles", "look_up", "hash_bins", "hash_crossing"),
    *("scan", "choice"),  # export lays them out
}
# Ops of losses, metrics, optimizers, passes and chance.
TRAINING = (
    *(
        "_update",
        "_sweep",
        "_cross_entropy",
        "random_",
        "_class",
        "chain",
        "adam_rate",
        "count_up",
        "shared_peak",
    ),
    *("class_hits", "dropout", "advance_seed", "attention_kept", "_grad", "_both", "_pick", "_train_add"),
    "read_variable",
)


def test_every_op_has_a_converter_or_a_reason():
    said = {name for name in records if not any(part in name for part in TRAINING)} | {"conv_input_grad"}
    assert set(TABLE) <= set(records)
    assert said - set(TABLE) == UNSAID


@pytest.fixture
def model():
    return fastnn.Sequential([fastnn.Input((3,)), layers.Dense(2)])


def test_without_the_package(model, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == "onnx":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"fastnn\[onnx\]"):
        model.export(tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", ["tf_saved_model", "openvino", "litert", "torch"])
def test_other_formats(format, model, tmp_path):
    with pytest.raises(ValueError, match=r"onnx.*model.save\('model.keras'\)"):
        model.export(tmp_path / "m", format=format)
    with pytest.raises(ValueError, match="must be 'onnx', received 'zip'"):
        model.export(tmp_path / "m", format="zip")


@pytest.mark.parametrize(
    ("use", "says"),
    [
        (lambda archive, model: archive.write_out("m.onnx"), "no endpoints yet"),
        (lambda archive, model: archive.add_endpoint("a/b", model), "an endpoint's name"),
        (lambda archive, model: [archive.add_endpoint("a", model) for _ in range(2)], "already"),
        (lambda archive, model: archive.add_endpoint("a", lambda x: x), "`input_signature`"),
        (lambda archive, model: archive.add_endpoint("a", lambda: 1, [fastnn.Input((2,))]), "takes none"),
        (
            lambda archive, model: (archive.add_endpoint("a", model), archive.write_out("folder")),
            "SavedModel",
        ),
        (lambda archive, model: archive.add_variable_collection("all", []), "no variables"),
        (lambda archive, model: fastnn.export.ExportArchive("litert"), "`format`"),
    ],
)
def test_archives_say_what_is_wrong(use, says):
    model = fastnn.Sequential([layers.Input((3,)), layers.Dense(2)])
    with pytest.raises(ValueError, match=says):
        use(fastnn.export.ExportArchive(), model)
