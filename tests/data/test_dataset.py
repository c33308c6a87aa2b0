"""fastnn.data.Dataset: each method against what it is documented to do, and the short ways against the long ones."""

import io
import threading
import time

import numpy as np
import pytest

import fastnn as keras
from fastnn.data import INFINITE, UNKNOWN, Dataset


def values(dataset):
    return [np.asarray(element).tolist() for element in dataset]


def long_way(array):
    """The same elements as from_tensor_slices, made by Python code."""
    return Dataset.from_generator(lambda: iter(array))


def test_slices_of_nested_structures():
    a, b = np.arange(6).reshape(3, 2), np.array([0.5, 1.5, 2.5], np.float32)
    elements = list(Dataset.from_tensor_slices({"x": (a, b), "y": [1, 2, 3]}))
    assert len(elements) == 3 and list(elements[1]) == ["x", "y"]
    np.testing.assert_array_equal(elements[1]["x"][0], a[1])
    assert elements[1]["x"][1] == 1.5 and elements[1]["y"].dtype == np.int32
    assert elements[2]["x"][1].numpy() == 2.5  # as scripts for tf.data ask
    with pytest.raises(ValueError, match=r"received shapes \[\(3, 2\), \(2,\)\]"):
        Dataset.from_tensor_slices((a, b[:2]))


def test_range_zip_enumerate_concatenate():
    assert values(Dataset.range(2, 9, 3)) == [2, 5, 8]
    zipped = Dataset.zip(Dataset.range(3), Dataset.range(5).map(lambda n: n * 10))
    assert [(int(a), int(b)) for a, b in zipped] == [(0, 0), (1, 10), (2, 20)] and len(zipped) == 3
    assert [int(e["a"]) for e in Dataset.zip({"a": Dataset.range(2), "b": Dataset.range(9)})] == [0, 1]
    assert len(Dataset.zip((Dataset.range(3), Dataset.range(2)))) == 2
    assert [(int(i), int(n)) for i, n in Dataset.range(2).enumerate(start=5)] == [(5, 0), (6, 1)]
    assert values(Dataset.range(2).concatenate(Dataset.range(7, 9))) == [0, 1, 7, 8]
    assert len(Dataset.range(2).concatenate(Dataset.range(7, 9))) == 4


@pytest.mark.parametrize("source", [Dataset.from_tensor_slices, long_way])
def test_batches_takes_and_skips(source):
    numbers = np.arange(7)
    of = source(numbers)
    assert values(of.batch(3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert values(of.batch(3, drop_remainder=True)) == [[0, 1, 2], [3, 4, 5]]
    assert values(of.batch(3).take(1)) == [[0, 1, 2]] and values(of.batch(3).skip(2)) == [[6]]
    assert values(of.batch(3, True).take(5)) == [[0, 1, 2], [3, 4, 5]]
    assert values(of.batch(3).unbatch()) == numbers.tolist()
    assert values(of.batch(3, True).unbatch()) == numbers[:6].tolist()
    assert values(of.take(2)) == [0, 1] and values(of.skip(5)) == [5, 6] and values(of.skip(9)) == []
    assert values(of.take(-1)) == numbers.tolist() and values(of.skip(-1)) == []
    assert values(of.take(20).skip(1).take(2)) == [1, 2]
    assert values(of.repeat(2).skip(5).take(4)) == [5, 6, 0, 1]
    assert values(of.repeat(2).batch(5)) == [[0, 1, 2, 3, 4], [5, 6, 0, 1, 2], [3, 4, 5, 6]]
    assert values(of.batch(4).repeat(2)) == [[0, 1, 2, 3], [4, 5, 6]] * 2
    assert values(of.take(6).batch(3).repeat(2)) == [[0, 1, 2], [3, 4, 5]] * 2
    assert values(of.repeat().batch(5).take(3)) == [[0, 1, 2, 3, 4], [5, 6, 0, 1, 2], [3, 4, 5, 6, 0]]
    assert values(of.repeat(0)) == [] and values(of.shard(3, 1)) == [1, 4]
    assert values(of.take(4).batch(2).batch(2)) == [[[0, 1], [2, 3]]]


def test_lengths():
    ten = Dataset.range(10)
    assert len(ten.batch(4)) == 3 and len(ten.batch(4, drop_remainder=True)) == 2
    assert len(ten.repeat(3).take(25)) == 25 and len(ten.skip(4)) == 6 and len(ten.map(lambda n: n)) == 10
    assert len(ten.batch(4).repeat(2)) == 6 and len(ten.shuffle(5).batch(3).prefetch(1).cache()) == 4
    assert ten.repeat().cardinality() == INFINITE and ten.filter(lambda n: True).cardinality() == UNKNOWN
    assert len(ten.repeat().take(4)) == 4 and ten.repeat().skip(4).cardinality() == INFINITE
    with pytest.raises(TypeError, match="no end"):
        len(ten.repeat())
    with pytest.raises(TypeError, match="not known"):
        len(ten.filter(lambda n: n > 2))
    assert bool(ten.filter(lambda n: False))


@pytest.mark.parametrize("source", [Dataset.from_tensor_slices, long_way])
@pytest.mark.parametrize("size", [1, 4, 50, 1000])
def test_shuffle(source, size):
    numbers = np.arange(50)
    shuffled = source(numbers).shuffle(size, seed=3)
    first, second = values(shuffled), values(shuffled)
    assert sorted(first) == sorted(second) == numbers.tolist()
    assert all(
        n < place + size for place, n in enumerate(first)
    )  # no element comes before it is in the buffer
    if size == 1:
        assert first == numbers.tolist()
    else:
        assert first != second and first != numbers.tolist()
    assert values(source(numbers).shuffle(size, seed=3)) == first
    kept = source(numbers).shuffle(size, reshuffle_each_iteration=False)
    assert values(kept) == values(kept)


def test_shuffling_is_uniform():
    """Every element is equally likely in each place where the buffer holds all: within 5 standard deviations."""
    shuffled = Dataset.from_tensor_slices(np.arange(4)).shuffle(4, seed=0)
    counts = np.zeros((4, 4))
    for _ in range(2000):
        counts[np.arange(4), values(shuffled)] += 1
    assert np.abs(counts - 500).max() < 5 * np.sqrt(2000 * 0.25 * 0.75)


def test_shuffle_goes_by_the_global_seed():
    orders = []
    for _ in range(2):
        keras.utils.set_random_seed(7)
        dataset = Dataset.range(30).shuffle(30)
        orders.append(values(dataset) + values(dataset))
    assert orders[0] == orders[1] and orders[0][:30] != orders[0][30:]


def test_shuffle_before_an_endless_repeat():
    ten = Dataset.range(10).shuffle(10, seed=1).repeat().batch(5).take(4)
    first = values(ten)
    assert sorted(first[0] + first[1]) == sorted(first[2] + first[3]) == list(range(10))
    assert first[:2] != first[2:]
    endless = Dataset.range(10).repeat().shuffle(8, seed=1).take(5000)
    assert np.bincount(values(endless)).min() > 450


def test_map_takes_the_parts_of_tuples():
    pairs = Dataset.from_tensor_slices((np.arange(3), np.arange(3) * 2.0))
    assert values(pairs.map(lambda a, b: a + b)) == [0, 3, 6]
    assert [int(e["sum"]) for e in pairs.map(lambda a, b: {"sum": a + b})] == [0, 3, 6]
    doubled = list(pairs.map(lambda a, b: (keras.ops.multiply(a, 2), [1.0, 2.0])))
    assert type(doubled[2]) is tuple and doubled[2][0] == 4 and doubled[2][1].dtype == np.float32
    named = Dataset.from_tensor_slices({"a": np.arange(3)})
    assert values(named.map(lambda e: e["a"] + 1)) == [1, 2, 3]


def test_parallel_map_keeps_the_order_and_uses_threads():
    names = set()

    def slow(n):
        names.add(threading.current_thread().name)
        time.sleep(0.002 * (5 - n % 5))
        return n * n

    assert values(Dataset.range(20).map(slow, num_parallel_calls=4)) == [n * n for n in range(20)]
    assert len(names) > 1
    assert sorted(values(Dataset.range(20).map(slow, num_parallel_calls=4, deterministic=False))) == [
        n * n for n in range(20)
    ]
    assert not [t for t in threading.enumerate() if t.name.startswith("fastnn-data")]


@pytest.mark.parametrize("options", [{}, {"num_parallel_calls": 3}])
def test_an_error_in_map_surfaces(options):
    def fails(n):
        if n == 3:
            raise RuntimeError("no third element")
        return n

    dataset = Dataset.range(10).map(fails, **options).prefetch(2)
    with pytest.raises(RuntimeError, match="no third element") as caught:
        list(dataset)
    assert any(entry.name == "fails" for entry in caught.traceback)


def test_prefetch_works_ahead_and_ends():
    made = []
    dataset = Dataset.range(100).map(lambda n: made.append(int(n)) or n).prefetch(3)
    iterator = iter(dataset)
    assert next(iterator) == 0
    deadline = time.monotonic() + 5
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert 4 <= len(made) <= 6
    iterator = None
    del iterator
    deadline = time.monotonic() + 5
    while any(t.name == "fastnn-prefetch" for t in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.001)
    assert not any(t.name == "fastnn-prefetch" for t in threading.enumerate())
    assert values(dataset) == list(range(100))


def test_cache_calls_no_more():
    calls = []
    cached = Dataset.range(5).map(lambda n: calls.append(int(n)) or n).cache()
    next(iter(cached))
    assert values(cached) == values(cached) == [0, 1, 2, 3, 4] and calls == [0, 0, 1, 2, 3, 4]
    frozen = Dataset.range(20).shuffle(20).cache().batch(5)
    assert values(frozen) == values(frozen)


def test_filter_and_generators():
    calls = []

    def generator(last):
        calls.append(last)
        for i in range(last):
            yield i, [i, i + 1]

    dataset = Dataset.from_generator(generator, output_signature=(np.int64, np.float32), args=(4,))
    kept = dataset.filter(lambda i, pair: i % 2 == 1)
    assert [(int(i), pair.tolist()) for i, pair in kept] == [(1, [1.0, 2.0]), (3, [3.0, 4.0])]
    list(kept)
    assert calls == [4, 4] and next(iter(dataset))[1].dtype == np.float32
    with pytest.raises(TypeError, match="must be a function"):
        Dataset.from_generator(generator(3))


def test_padded_batch():
    ragged = Dataset.from_generator(lambda: (np.arange(1, n + 1) for n in (1, 3, 2)))
    assert values(ragged.padded_batch(2)) == [[[1, 0, 0], [1, 2, 3]], [[1, 2]]]
    assert values(ragged.padded_batch(2, padded_shapes=[4], padding_values=-1, drop_remainder=True)) == [
        [[1, -1, -1, -1], [1, 2, 3, -1]]
    ]
    pairs = ragged.map(lambda a: (a, len(a)))
    (first, second), _ = pairs.padded_batch(2, padded_shapes=([None], []), padding_values=(9, 0))
    assert first.tolist() == [[1, 9, 9], [1, 2, 3]] and second.tolist() == [1, 3]
    with pytest.raises(ValueError, match=r"does not fit the padded shape \(2,\)"):
        list(ragged.padded_batch(3, padded_shapes=(2,)))
    with pytest.raises(ValueError, match="different shapes.*padded_batch"):
        list(ragged.batch(3))


def small_model():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    rng = np.random.default_rng(0)
    model.set_weights([rng.standard_normal(w.shape).astype("float32") for w in model.get_weights()])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fit_data(rng):
    return rng.standard_normal((37, 4)).astype("float32"), rng.integers(0, 3, 37)


def test_fit_is_the_same_as_on_arrays(rng):
    x, y = fit_data(rng)
    want = small_model()
    expected = want.fit(
        x, y, batch_size=8, epochs=2, shuffle=False, verbose=0, validation_data=(x, y)
    ).history
    ready = Dataset.from_tensor_slices((x, y)).batch(8)
    python = Dataset.from_generator(lambda: zip(x, y)).batch(8)
    for dataset in (
        ready,
        python,
        ready.map(lambda a, b: (a, b)),
        ready.prefetch(2),
        python.cache().prefetch(1),
    ):
        model = small_model()
        history = model.fit(dataset, epochs=2, verbose=0, validation_data=dataset).history
        assert list(history) == list(expected)
        for name, series in expected.items():
            np.testing.assert_allclose(history[name], series, rtol=1e-6)
        for a, b in zip(model.get_weights(), want.get_weights()):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(
            model.predict(dataset, verbose=0), want.predict(x, batch_size=8, verbose=0)
        )


def test_fit_on_an_endless_dataset(rng):
    x, y = fit_data(rng)
    endless = Dataset.from_tensor_slices((x, y)).repeat().batch(8)
    want, model = small_model(), small_model()
    history = model.fit(
        endless, epochs=2, steps_per_epoch=3, verbose=0, validation_data=endless, validation_steps=2
    )
    twice = np.concatenate([x, x]), np.concatenate([y, y])
    want.fit(twice[0][:48], twice[1][:48], batch_size=8, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), want.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert len(history.history["val_loss"]) == 2
    with pytest.raises(ValueError, match="`steps_per_epoch`"):
        model.fit(endless, verbose=0)
    with pytest.raises(ValueError, match="validation_steps"):
        model.fit(x, y, verbose=0, validation_data=endless)
    with pytest.raises(ValueError, match="`y` cannot be given beside"):
        model.fit(endless, y, verbose=0)


def test_class_weights_with_a_dataset(rng):
    x, y = fit_data(rng)
    weights = {0: 2.0, 1: 0.1}
    ready, models = Dataset.from_tensor_slices((x, y)).batch(8), [small_model() for _ in range(3)]
    models[0].fit(x, y, batch_size=8, shuffle=False, class_weight=weights, verbose=0)
    models[1].fit(ready, class_weight=weights, verbose=0)
    models[2].fit(ready.map(lambda a, b: (a, b)), class_weight=weights, verbose=0)
    for model in models[1:]:
        np.testing.assert_allclose(model.get_weights()[0], models[0].get_weights()[0], rtol=1e-6)


def test_wrong_use():
    with pytest.raises(ValueError, match="batch_size.*must be a positive integer"):
        Dataset.range(3).batch(0)
    with pytest.raises(ValueError, match="buffer_size"):
        Dataset.range(3).shuffle(-1)


def test_cache_in_a_file(tmp_path):
    path, calls = tmp_path / "new" / "kept", []

    def element(n):
        calls.append(int(n))
        return {"a": (n, None, [np.full((int(n), 2), n, "float32")]), "b": np.array(["é", "x"])}

    made = Dataset.range(4).map(element)
    cached = made.cache(path)
    next(iter(cached))  # a pass that does not go to its end leaves nothing behind
    assert not list(path.parent.iterdir())
    first = list(cached.as_numpy_iterator())
    assert calls == [0, 0, 1, 2, 3] and list(path.parent.iterdir()) == [path]
    for again in (cached, Dataset.range(9).map(element).cache(str(path))):
        for got, want in zip(again.as_numpy_iterator(), first, strict=True):
            assert set(got) == {"a", "b"} and type(got["a"]) is tuple and got["a"][1] is None
            np.testing.assert_array_equal(got["a"][2][0], want["a"][2][0])
            assert got["a"][0] == want["a"][0] and got["b"].tolist() == ["é", "x"]
    assert len(calls) == 5 and len(cached) == 4
    data = path.read_bytes()
    giant, code = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(giant, {"descr": "<f8", "fortran_order": False, "shape": (10**13,)})
    np.lib.format.write_array(code, np.array([print], object))
    start = b"fastnn elements 1\n"
    hostile = [
        start + b'""\n' + giant.getvalue(),
        start + b'""\n' + code.getvalue(),
        start + b"[" * 10**5 + b"\n",
    ]
    for wrong in (b"something else\n", data[:-3], data.replace(b"tuple", b"set"), *hostile):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match="no file that a Dataset wrote|damaged"):
            list(cached)
    with pytest.raises(ValueError, match="cannot be kept"):
        list(Dataset.range(1).map(lambda n: np.array([{}], object)).cache(tmp_path / "objects"))
    assert not (tmp_path / "objects").exists()
