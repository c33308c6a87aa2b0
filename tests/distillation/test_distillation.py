"""Distillers beside Keras: the same losses of the same weights, the same files; a student that learns."""

import keras
import numpy as np
import pytest

import fastnn

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

rng = np.random.default_rng(5)
X = rng.normal(size=(24, 6)).astype("float32")
CLASSES = rng.integers(0, 4, 24)
TARGETS = rng.normal(size=(24, 2)).astype("float32")


def network(k, units, prefix):
    return k.Sequential(
        [
            k.Input((6,)),
            k.layers.Dense(units, "tanh", name=f"{prefix}_inner"),
            k.layers.Dense(4, name=f"{prefix}_last"),
        ]
    )


def two_headed(k, units):
    x = k.Input((6,))
    inner = k.layers.Dense(units, "relu")(x)
    return k.Model(x, [k.layers.Dense(4)(inner), k.layers.Dense(2)(inner)])


def one_loss(k):
    d = k.distillation
    return d.Distiller(
        network(k, 8, "t"),
        network(k, 8, "s"),
        d.LogitsDistillation(2.0, k.losses.KLDivergence()),
        student_loss_weight=0.3,
    )


def several_losses(k):
    d = k.distillation
    taught = [
        d.LogitsDistillation(4.0, k.losses.CategoricalCrossentropy(from_logits=True)),
        d.FeatureDistillation(teacher_layer_name="t_inner", student_layer_name="s_inner"),
        d.FeatureDistillation("mae"),
    ]
    return d.Distiller(network(k, 8, "t"), network(k, 8, "s"), taught, [1.0, 0.5, 2.0])


def two_outputs(k):
    d = k.distillation
    return d.Distiller(
        two_headed(k, 9),
        two_headed(k, 5),
        [d.FeatureDistillation(["mse", None]), d.FeatureDistillation(["mae"] * 2)],
        student_loss_weight=0,  # Keras takes no lists of losses here
    )


CASES = {
    one_loss: (lambda k: k.losses.SparseCategoricalCrossentropy(from_logits=True), CLASSES),
    several_losses: (lambda k: k.losses.SparseCategoricalCrossentropy(from_logits=True), CLASSES),
    two_outputs: (lambda k: "mse", [CLASSES, TARGETS]),
}


@pytest.mark.parametrize("make", CASES)
def test_losses_are_those_of_keras(make):
    loss, y = CASES[make]
    logs = []
    theirs, ours = make(keras), make(fastnn)
    ours.set_weights(theirs.get_weights())
    for k, model in ((keras, theirs), (fastnn, ours)):
        model.compile("sgd", loss=loss(k))
        logs.append(model.evaluate(X, y, batch_size=10, verbose=0, return_dict=True))
        np.testing.assert_array_equal(model.predict(X[:3], verbose=0)[0].shape, model.student(X[:3])[0].shape)
    assert list(logs[1]) == list(logs[0])
    for name, value in logs[0].items():
        np.testing.assert_allclose(logs[1][name], value, rtol=1e-5, err_msg=name)


def test_the_student_learns_and_the_teacher_stays():
    model = several_losses(fastnn)
    model.compile(fastnn.optimizers.Adam(0.02), loss="mse", metrics=["mae"])
    before = model.teacher.get_weights()
    y = np.tanh(X @ rng.normal(size=(6, 4)).astype("float32"))
    history = model.fit(X, y, epochs=30, verbose=0, validation_data=(X, y)).history
    for name in ("loss", "distillation_loss", "val_total_loss"):
        assert history[name][-1] < 0.9 * history[name][0]
    np.testing.assert_allclose(history["loss"], history["total_loss"])
    assert all((a == b).all() for a, b in zip(before, model.teacher.get_weights(), strict=True))
    assert len(model.trainable_weights) == 4


def test_sample_weights_and_no_labels():
    model = one_loss(fastnn)
    model.compile("sgd", loss=fastnn.losses.sparse_categorical_crossentropy)
    some = model.evaluate(X[:12], CLASSES[:12], verbose=0, return_dict=True)["student_loss"]
    half = np.repeat([1.0, 0.0], 12)
    weighted = model.evaluate(X, CLASSES, sample_weight=half, verbose=0, return_dict=True)["student_loss"]
    np.testing.assert_allclose(weighted, some / 2, rtol=1e-5)
    assert model.evaluate(X, verbose=0, return_dict=True)["student_loss"] == 0


def test_losses_of_several_outputs_are_added():
    model = two_outputs(fastnn)
    model.student_loss_weight = 1.0
    model.compile("sgd", loss=["sparse_categorical_crossentropy", "mse"])
    logs = model.evaluate(X, [CLASSES, TARGETS], verbose=0, return_dict=True)
    model.student.compile("sgd", loss=["sparse_categorical_crossentropy", "mse"])
    alone = model.student.evaluate(X, [CLASSES, TARGETS], verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["student_loss"], alone["loss"], rtol=1e-6)
    model.compile("sgd", loss="mse")
    with pytest.raises(ValueError, match="structures alike"):
        model.evaluate(X, [CLASSES, TARGETS], verbose=0)


def test_the_divergence_is_known_by_its_name():
    teacher, student = rng.normal(size=(2, 5, 4)).astype("float32")
    want = keras.distillation.LogitsDistillation(2.5, keras.losses.KLDivergence()).compute_loss(
        teacher, student
    )
    got = fastnn.distillation.LogitsDistillation(2.5).compute_loss(teacher, student)
    np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize(("writer", "reader"), [(keras, fastnn), (fastnn, keras), (fastnn, fastnn)])
def test_files(tmp_path, writer, reader):
    model = several_losses(writer)
    if reader is fastnn:
        model.compile("adam", loss="mse")
    path = tmp_path / "model.keras"
    model.build((None, 6))
    model.save(path)
    read = reader.saving.load_model(path)
    np.testing.assert_allclose(read.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    again = [loss.get_config() for loss in read.distillation_losses]
    assert [config.get("temperature") for config in again] == [4.0, None, None]
    assert again[1]["student_layer_name"] == "s_inner"
    if writer is reader:
        y = X[:, :4]
        assert read.evaluate(X, y, verbose=0) == model.evaluate(X, y, verbose=0)


class NoScalar(fastnn.distillation.DistillationLoss):
    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        return teacher_outputs - student_outputs


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda d, t, s: d.Distiller(t, "s", d.LogitsDistillation()), "`student` must be a Model"),
        (
            lambda d, t, s: d.Distiller(t, two_headed(fastnn, 3), d.LogitsDistillation()),
            "outputs of the same shapes",
        ),
        (lambda d, t, s: d.Distiller(t, s, None), "distillation_losses"),
        (
            lambda d, t, s: d.Distiller(t, s, [d.LogitsDistillation()], [1.0, 2.0]),
            "1 distillation losses, but 2",
        ),
        (lambda d, t, s: d.Distiller(t, s, d.LogitsDistillation(), student_loss_weight=2), "from 0 to 1"),
        (lambda d, t, s: d.Distiller(t, s, d.FeatureDistillation(teacher_layer_name="x")), "in the teacher"),
        (lambda d, t, s: d.Distiller(t, s, d.LogitsDistillation()).compile("sgd"), "give `loss`"),
        (lambda d, t, s: d.LogitsDistillation(0), "temperature"),
        (lambda d, t, s: d.FeatureDistillation([None, None]), "None for each output"),
        (lambda d, t, s: d.DistillationLoss().compute_loss(0, 0), "must define compute_loss"),
        (lambda d, t, s: run(d.Distiller(t, s, d.FeatureDistillation(["mse"]))), "structure like that"),
        (lambda d, t, s: run(d.Distiller(t, s, NoScalar())), "must return a scalar"),
    ],
)
def test_wrong_use(make, says):
    with pytest.raises((ValueError, NotImplementedError), match=says):
        make(fastnn.distillation, network(fastnn, 4, "t"), network(fastnn, 3, "s"))


def run(distiller):
    distiller.compile("sgd", loss="mse")
    distiller.evaluate(X, X[:, :4], verbose=0)
