"""Switches of the configuration, names that lead elsewhere, trees, splits; against Keras's where it has an answer."""

import json
import logging
import sys
import types

import keras
import numpy as np
import pytest

import fastnn
from fastnn import callbacks, config, tree, utils


def _model():
    model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


X, Y = np.ones((12, 2), "float32"), np.ones((12, 1), "float32")


@pytest.fixture
def limits():
    yield
    config.set_max_epochs(None)
    config.set_max_steps_per_epoch(None)
    config.enable_interactive_logging()


def test_limits(limits):
    config.set_max_epochs(2)
    config.set_max_steps_per_epoch(3)
    seen = []
    told = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    with pytest.warns(UserWarning, match="Limiting") as warned:
        history = _model().fit(X, Y, batch_size=2, epochs=5, verbose=0, callbacks=[told])
    assert {str(w.message) for w in warned} == {"Limiting epochs to 2", "Limiting steps_per_epoch to 3"}
    assert len(history.history["loss"]) == 2 and seen == [0, 1, 2] * 2
    with pytest.warns(UserWarning, match="Limiting steps_per_epoch"):
        assert len(_model().predict(X, batch_size=2, verbose=0)) == 6
    with pytest.warns(UserWarning, match="Limiting steps_per_epoch"):
        _model().evaluate(X, Y, verbose=0)  # one step is all there is
    assert len(_model().predict(X, batch_size=2, steps=2, verbose=0)) == 4
    assert (config.max_epochs(), config.max_steps_per_epoch()) == (2, 3)


def test_progress_goes_to_a_logger(limits, capsys, caplog):
    utils.disable_interactive_logging()
    assert not config.is_interactive_logging_enabled()
    with caplog.at_level(logging.INFO, "fastnn"):
        _model().fit(X, Y, epochs=2)
    assert capsys.readouterr().out == ""
    assert sum("loss:" in record.message for record in caplog.records) == 2
    utils.enable_interactive_logging()
    _model().fit(X, Y, epochs=2)
    assert capsys.readouterr().out.count("loss:") == 2


def test_names_that_lead_elsewhere(rng):
    policy = fastnn.config.dtype_policy()
    with pytest.warns(UserWarning, match="computes in float32"):
        fastnn.mixed_precision.set_global_policy("mixed_float16")
    assert fastnn.mixed_precision.global_policy().name == "mixed_float16"
    fastnn.mixed_precision.set_global_policy(policy)
    assert fastnn.preprocessing.sequence.pad_sequences is utils.pad_sequences
    image = rng.uniform(0, 255, (9, 14, 3)).astype("float32")
    got, want = (np.asarray(k.preprocessing.image.smart_resize(image, (6, 6))) for k in (fastnn, keras))
    np.testing.assert_allclose(got, want, atol=1e-3)
    for name in ("flash_attention", "traceback_filtering"):
        for verb, value in (("disable", False), ("enable", True)):
            getattr(config, f"{verb}_{name}")()
            assert getattr(config, f"is_{name}_enabled")() is value
    assert fastnn.version() == fastnn.__version__ and not config.is_nnx_enabled()


STRUCTURE = {"b": [1, (2,)], "a": None, "c": {"d": 4}}


def test_trees():
    for call in (
        lambda t: t.flatten_with_path(STRUCTURE),
        lambda t: t.flatten_with_path(3),
        lambda t: t.lists_to_tuples([1, [2, {"a": [3]}]]),
        lambda t: t.map_shape_structure(lambda s: (*s, 1), {"a": (None, 2), "b": [(1,), (2, 3)]}),
        lambda t: t.map_structure_up_to(
            {"a": 0, "b": [0]}, lambda x, y: (x, y), *[{"a": [1, 2], "b": [3]}] * 2
        ),
        lambda t: t.map_structure(lambda x: x + 1, {"a": None, "b": 1}, none_is_leaf=False),
        lambda t: t.traverse(lambda x: t.MAP_TO_NONE if x == 1 else None, [1, {"a": 2}]),
        lambda t: t.traverse(lambda x: tuple(x) if isinstance(x, list) else x * 10, [1, [2]], top_down=False),
        lambda t: t.traverse(lambda x: tuple(x) if isinstance(x, list) else x * 10, [1, [2]]),
        lambda t: t.assert_same_paths([1], (2,)),
    ):
        assert call(tree) == call(keras.tree)
    for a, b in (({"a": 1}, {"b": 1}), ([1], [[1]])):
        with pytest.raises(ValueError, match="paths"):
            tree.assert_same_paths(a, b)


def test_splits():
    x, y = np.arange(10), np.arange(10, 20)
    left, right = utils.split_dataset((x, y), left_size=0.7)
    assert [a for a, _ in left.as_numpy_iterator()] == list(range(7))
    assert [b for _, b in right.as_numpy_iterator()] == [17, 18, 19]
    left, right = utils.split_dataset(fastnn.data.Dataset.range(10), right_size=2, shuffle=True, seed=1)
    parts = [[int(n) for n in part.as_numpy_iterator()] for part in (left, right)]
    assert len(parts[1]) == 2 and sorted(parts[0] + parts[1]) == list(range(10)) != parts[0] + parts[1]
    for sizes in ({}, {"left_size": 8, "right_size": 3}, {"left_size": 1.5}, {"left_size": 11}):
        with pytest.raises(ValueError, match="split_dataset"):
            utils.split_dataset(x, **sizes)


def test_remote_monitor(monkeypatch):
    sent = []

    class Unreachable(Exception):
        pass

    def post(url, data=None, json=None, headers=None):
        sent.append((url, data, json, headers))
        if len(sent) == 3:
            raise Unreachable

    fake = types.ModuleType("requests")
    fake.post, fake.exceptions = post, types.SimpleNamespace(RequestException=Unreachable)
    monkeypatch.setitem(sys.modules, "requests", fake)
    for options in ({}, {"send_as_json": True, "headers": {"a": "b"}}):
        _model().fit(X, Y, verbose=0, callbacks=[callbacks.RemoteMonitor("http://h:1", **options)])
    (url, data, _, _), (_, _, given, headers) = sent
    assert url == "http://h:1/publish/epoch/end/" and headers == {"a": "b"}
    assert json.loads(data["data"])["epoch"] == given["epoch"] == 0 and set(given) == {"epoch", "loss"}
    with pytest.warns(UserWarning, match="could not be reached"):
        _model().fit(X, Y, verbose=0, callbacks=[callbacks.RemoteMonitor()])
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(ImportError, match="`requests` package"):
        callbacks.RemoteMonitor().on_epoch_end(0)
