"""The wrappers inside scikit-learn: its own checks, cross-validation, pipelines."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import fastnn as keras
from fastnn.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer
from fastnn.wrappers.scikit_learn import KerasClassifier, KerasRegressor


def network(X, y, loss, last, units=16):  # noqa: N803
    keras.utils.set_random_seed(0)  # the same network of the same data, as scikit-learn's checks want
    model = keras.Sequential(
        [
            keras.Input((X.shape[1],)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(y.shape[1] if y.ndim > 1 else 1, activation=last),
        ]
    )
    model.compile(keras.optimizers.Adam(0.02), loss)
    return model


def classifier(X, y, units=16):  # noqa: N803
    return network(X, y, "categorical_crossentropy", "softmax", units)


def regressor(X, y):  # noqa: N803
    return network(X, y, "mse", None)


@pytest.mark.parametrize(
    "wrapper, build",
    [(SKLearnClassifier, classifier), (SKLearnRegressor, regressor), (SKLearnTransformer, regressor)],
)
def test_scikit_learns_own_checks(wrapper, build):
    check_estimator(
        wrapper(build, fit_kwargs={"epochs": 1, "verbose": 0}),
        on_skip=None,
        expected_failed_checks={
            "check_classifiers_one_label_sample_weights": "rows of weight 0 still count as a class",
            "check_classifiers_classes": "one epoch of a small network does not predict every class",
            "check_sample_weight_equivalence_on_dense_data": "steps are batches: a row twice is not a row of weight 2",
            "check_decision_proba_consistency": "decision_function gives all classes, as in Keras",
            "check_supervised_y_2d": "labels of shape (n, 1) are taken as they are, and come back so",
            "check_classifiers_train": "one epoch is not enough for the accuracy asked for; decision_function is 2d",
        },
    )


def test_cross_validation_and_pipelines():
    x, y = make_classification(200, 6, random_state=0)
    names = np.array(["no", "yes"])[y]
    estimator = make_pipeline(
        StandardScaler(), SKLearnClassifier(classifier, fit_kwargs={"epochs": 15, "verbose": 0})
    )
    assert cross_val_score(estimator, x, names, cv=3).mean() > 0.85
    estimator.fit(x, names)
    assert set(estimator.predict(x)) == {"no", "yes"}
    probabilities = estimator.predict_proba(x)
    assert probabilities.shape == (200, 2)
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-5)


def test_grid_search():
    x, y = make_classification(90, 4, random_state=0)
    search = GridSearchCV(
        SKLearnClassifier(classifier, model_kwargs={"units": 2}, fit_kwargs={"verbose": 0}),
        {"model_kwargs": [{"units": 1}, {"units": 8}]},
        cv=2,
    ).fit(x, y)
    assert search.best_params_["model_kwargs"]["units"] in (1, 8)


def test_regression_and_transformation():
    x, y = make_regression(200, 5, n_informative=5, random_state=0)
    y = (y - y.mean()) / y.std()
    fitted = SKLearnRegressor(regressor, fit_kwargs={"epochs": 60, "verbose": 0}).fit(x, y)
    assert fitted.predict(x).shape == (200,) and fitted.score(x, y) > 0.9 and fitted.epoch_ == 60
    assert SKLearnTransformer(regressor, fit_kwargs={"verbose": 0}).fit(x, y).transform(x).shape == (200, 1)


def test_a_model_as_it_is_and_warm_start():
    x, y = make_classification(100, 4, random_state=0)
    model = classifier(x, np.eye(2)[y])
    before = model.get_weights()[0]
    estimator = SKLearnClassifier(model, warm_start=True, fit_kwargs={"verbose": 0}).fit(x, y)
    np.testing.assert_array_equal(model.get_weights()[0], before)  # a copy was trained
    first = estimator.model_
    assert estimator.fit(x, y).model_ is first
    again = clone(estimator).fit(x, y)
    assert again.model_ is not first
    with pytest.raises(ValueError, match="only one class"):
        estimator.fit(x, np.zeros(100, int))
    with pytest.raises(RuntimeError, match="must be compiled"):
        SKLearnClassifier(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])).fit(x, y)


def of_keras_2(units=8, loss="sparse_categorical_crossentropy", outputs=2):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(units, activation="tanh")])
    model.add(keras.layers.Dense(outputs, activation=None if loss == "mse" else "softmax"))
    model.compile(keras.optimizers.Adam(0.05), loss)
    return model


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_the_classifier_of_keras_2(loss):
    x, y = make_classification(60, 5, random_state=0, class_sep=2.0)
    labels = np.array(["no", "yes"])[y]
    model = KerasClassifier(build_fn=of_keras_2, epochs=15, batch_size=10, verbose=0, loss=loss)
    search = GridSearchCV(model, {"units": [2, 8], "epochs": [1, 15]}, cv=2).fit(x, labels)
    assert search.best_estimator_.get_params()["units"] in (2, 8)
    assert search.best_score_ > 0.8
    assert search.predict_proba(x).shape == (60, 2)
    assert set(search.predict(x)) == {"no", "yes"}
    assert len(model.fit(x, labels, epochs=2).history["loss"]) == 2
    with pytest.raises(ValueError, match="width are no arguments of build_fn or fit"):
        KerasClassifier(of_keras_2, width=3)


def test_the_regressor_of_keras_2():
    x, y = make_regression(60, 5, random_state=0)
    model = KerasRegressor(of_keras_2, loss="mse", outputs=1, epochs=5, verbose=0)
    pipeline = make_pipeline(StandardScaler(), model).fit(x, y / 100)
    assert pipeline.predict(x).shape == (60,)
    assert cross_val_score(clone(model), x, y / 100, cv=2).max() < 0
