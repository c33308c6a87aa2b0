"""Large embedding tables: only the rows of a batch are updated, and what that leaves of the others."""

import time

import numpy as np
import pytest
from support import EPS32, ISAS, apply_record, check_kernel

import fastnn
from fastnn import layers, models, ops, optimizers
from fastnn.engine.op import records
from fastnn.engine.step import Step
from fastnn.engine.tape import GradientTape

EXACT = [("SGD", {"learning_rate": 0.1}), ("Adagrad", {"learning_rate": 0.1})]
LAZY = [
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {"momentum": 0.5, "centered": True}),
    ("Adam", {"amsgrad": True}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Lion", {}),
]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    ("count", "extent", "cols"), [(1, 1, 1), (40, 7, 9), (300, 5000, 33), (64, 20000, 50)]
)
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_unique_rows(isa, count, extent, cols, dtype, rng):
    indices = rng.integers(-extent, extent + 1, count).astype(dtype)  # from the end, and one past it
    dy = rng.standard_normal((count, cols)).astype("float32")
    check_kernel(records["unique_rows"], [indices, dy], isa=isa, rtol=1e-6, atol=EPS32 * count, extent=extent)
    rows, g = apply_record(records["unique_rows"], [indices, dy], extent=extent)
    named = rows[rows < extent]
    assert len(set(named)) == len(named) and set(named) == set(indices[indices < extent] % extent)
    table = rng.standard_normal((extent, cols)).astype("float32")
    check_kernel(records["put_rows"], [table, rows, g], isa=isa)


def step_of(optimizer, table, width, lookups=1):
    """A compiled training step on a table of embeddings, and the table."""
    embedding = layers.Embedding(*table)
    embedding.build(None)
    embedding.set_weights([np.random.default_rng(5).normal(0, 0.3, table).astype("float32")])
    weights = np.random.default_rng(1).standard_normal((width, table[1])).astype("float32")

    def step(*indices):
        with GradientTape() as tape:
            total = sum(ops.sum(ops.sin(embedding(i) * weights)) for i in indices)
        optimizer.apply(tape.gradient(total, embedding.trainable_variables), embedding.trainable_variables)
        return total

    optimizer.build(embedding.trainable_variables)
    return Step(step, [((width,), "int32")] * lookups), embedding, step


@pytest.mark.parametrize(("name", "arguments"), EXACT + LAZY, ids=str)
@pytest.mark.parametrize("lookups", [1, 2])
def test_rows_of_the_batch_are_updated_and_no_others(name, arguments, lookups, rng):
    def optimizer():
        return getattr(optimizers, name)(**arguments)

    table, width = (2000, 5), 30
    compiled, embedding, _ = step_of(optimizer(), table, width, lookups)
    assert "put_rows" in compiled.plan.describe() and "take_grad" not in compiled.plan.describe()
    assert "0 in NumPy" in compiled.plan.describe()
    small, dense, _ = step_of(optimizer(), (50, 5), width, lookups)  # as Keras has it: every row, every step
    assert "put_rows" not in small.plan.describe()
    dense.set_weights([embedding.get_weights()[0][:50]])
    start = embedding.get_weights()[0]
    for _ in range(3):  # the same rows each time: then both ways agree
        batch = [np.arange(width, dtype=np.int32)[::-1] % 13 for _ in range(lookups)]
        compiled(*batch)
        small(*batch)
    after = embedding.get_weights()[0]
    np.testing.assert_array_equal(after[13:], start[13:])
    assert (after[:13] != start[:13]).any(1).all()
    np.testing.assert_allclose(after[:13], dense.get_weights()[0][:13], rtol=1e-5, atol=1e-6)
    if (name, arguments) in EXACT:
        np.testing.assert_array_equal(dense.get_weights()[0][13:], start[13:50])


@pytest.mark.parametrize(("name", "arguments"), [EXACT[0], LAZY[2]], ids=str)
def test_steps_without_a_plan_do_the_same(name, arguments, rng):
    made = [step_of(getattr(optimizers, name)(**arguments), (1500, 4), 20, 2) for _ in range(2)]
    for _ in range(3):
        batch = [rng.integers(0, 1500, 20).astype("int32") for _ in range(2)]
        made[0][0](*batch)
        made[1][2](*[fastnn.ops.convert_to_tensor(b) for b in batch])
    np.testing.assert_allclose(made[0][1].get_weights()[0], made[1][1].get_weights()[0], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("how", ["var_list", "var_names", "zero"])
def test_a_table_spared_from_weight_decay_is_updated_by_rows(how, rng):
    made = []
    for optimizer in (optimizers.AdamW(weight_decay=0.0 if how == "zero" else 0.3), optimizers.Adam()):
        embedding = layers.Embedding(3000, 4)
        model = models.Sequential(
            [layers.Input((5,), dtype="int32"), embedding, layers.Flatten(), layers.Dense(1)]
        )
        if optimizer.weight_decay and how == "var_list":
            optimizer.exclude_from_weight_decay(var_list=[embedding.embeddings])
        elif optimizer.weight_decay:
            optimizer.exclude_from_weight_decay(var_names=["embedding"])
        model.compile(optimizer, "mse")
        made.append(model)
    made[1].set_weights(made[0].get_weights())
    start = made[0].get_weights()
    x, y = rng.integers(0, 50, (4, 5)).astype("int32"), np.ones((4, 1), "float32")
    for model in made:
        model.train_on_batch(x, y)
    tables = [model.get_weights()[0] for model in made]
    assert "put_rows" in made[0].plan().describe()
    np.testing.assert_array_equal(tables[0], tables[1])
    np.testing.assert_array_equal(tables[0][50:], start[0][50:])
    kernels = [model.get_weights()[1] for model in made]  # the others decay still
    assert np.array_equal(*kernels) == (how == "zero")


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_weight_decay_needs_no_pass_of_its_own(name):
    model = models.Sequential([layers.Input((6,)), layers.Dense(5), layers.Dense(4)])
    model.compile(getattr(optimizers, name)(weight_decay=0.1), "mse")
    model.train_on_batch(np.ones((2, 6), "float32"), np.ones((2, 4), "float32"))
    assert model.plan().describe().count(" chain ") == 1  # the rates; not one more for each variable


@pytest.mark.parametrize("why", ["weight_decay", "clipnorm", "constraint", "regularizer", "small"])
def test_what_needs_the_whole_table_gets_it(why):
    optimizer = optimizers.Adam(**({why: 0.1} if why in ("weight_decay", "clipnorm") else {}))
    embedding = layers.Embedding(
        500 if why == "small" else 3000,
        4,
        embeddings_constraint="non_neg" if why == "constraint" else None,
        embeddings_regularizer="l2" if why == "regularizer" else None,
    )
    model = models.Sequential(
        [layers.Input((3,), dtype="int32"), embedding, layers.Flatten(), layers.Dense(1)]
    )
    model.compile(optimizer, "mse")
    model.train_on_batch(np.zeros((2, 3), np.int32), np.zeros((2, 1)))
    before = embedding.get_weights()[0]
    model.train_on_batch(np.ones((2, 3), np.int32), np.zeros((2, 1)))
    moved = (embedding.get_weights()[0] != before).any(1)
    assert moved[0] and moved[1]  # row 0 drifts on with its momentum


def recommender(rows):
    """Two embeddings and their product's loss, as film recommenders have it."""
    users, films = layers.Input((1,), dtype="int32"), layers.Input((1,), dtype="int32")
    vectors = [layers.Flatten()(layers.Embedding(n, 50)(i)) for n, i in ((rows, users), (rows // 2, films))]
    model = models.Model([users, films], layers.Dense(1)(layers.Concatenate()(vectors)))
    model.compile("adam", "mse")
    return model


@pytest.fixture
def one_thread():
    before = fastnn.config.num_threads()
    fastnn.config.set_num_threads(1)
    yield
    fastnn.config.set_num_threads(before)


def test_a_step_costs_what_the_batch_costs(rng, one_thread):
    """Counted in the processor's time, which what else the machine does has little part in."""
    runs = []
    for rows in (2000, 200000):
        model = recommender(rows)
        x = [rng.integers(0, n, (64 * 40, 1)).astype("int32") for n in (rows, rows // 2)]
        y = rng.random((64 * 40, 1)).astype("float32")
        runs.append(
            (lambda model=model, x=x, y=y: model.fit(x, y, batch_size=64, verbose=0, shuffle=False), [])
        )
    for _ in range(6):  # in turn, so that both see the same weather
        for fit, times in runs:
            start = time.thread_time()
            fit()
            times.append(time.thread_time() - start)
    small, large = (min(times[1:]) for _, times in runs)
    assert large < 5 * small + 0.02  # a whole update of 200,000 rows of 50 takes 40 times 10 ms
