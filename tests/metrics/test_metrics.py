"""Metrics against Keras: results over batches with and without weights, state, configurations, names, errors."""

import keras
import numpy as np
import pytest

from fastnn import metrics, ops
from fastnn.engine.tensor import Tensor

EPS32 = float(np.finfo(np.float32).eps)


def _numbers(rng):
    return rng.normal(0, 1, (8, 3)), rng.normal(0, 1, (8, 3))


def _positive(rng):
    return rng.uniform(0.1, 3, (8, 3)), rng.uniform(0.1, 3, (8, 3))


def _distributions(rng):
    a, b = rng.uniform(0.1, 1, (2, 8, 6))
    return a / a.sum(-1, keepdims=True), b / b.sum(-1, keepdims=True)


def _one_hot(rng):
    return np.eye(6)[rng.integers(0, 6, 8)], _distributions(rng)[1]


def _classes(rng):
    return rng.integers(0, 6, 8), _distributions(rng)[1]


def _column_of_classes(rng):
    return rng.integers(0, 6, (8, 1)), rng.normal(0, 1, (8, 6))


def _steps(rng):
    return rng.integers(0, 6, (8, 4)), rng.normal(0, 1, (8, 4, 6))


def _sorted_ids(rng):
    return rng.integers(0, 6, 8), np.array([rng.permutation(6) for _ in range(8)])


def _bits(rng):
    return rng.integers(0, 2, (8, 3)), np.round(rng.uniform(0, 1, (8, 3)), 2)


def _logits(rng):
    return rng.integers(0, 2, (8, 3)), rng.normal(0, 2, (8, 3))


def _one_bit(rng):
    return rng.integers(0, 2, 8), rng.uniform(0, 1, (8, 1))


def _signs(rng):
    return rng.choice([-1, 1], (8, 3)), rng.normal(0, 1, (8, 3))


def _equal_classes(rng):
    return rng.integers(0, 3, (8, 1)), rng.integers(0, 3, (8, 1))


def _labels(rng):
    return rng.integers(0, 4, (8, 5)), rng.integers(0, 4, (8, 5))


def _some_outside(rng):
    return rng.integers(-1, 4, (8, 5)), rng.integers(0, 5, (8, 5))


def _one_hot_scores(rng):
    return np.eye(6)[rng.integers(0, 6, 8)], rng.normal(0, 1, (8, 6))


# class, arguments, inputs, tolerance in epsilons
CASES = [
    ("MeanSquaredError", {}, _numbers, 60),
    ("MeanAbsoluteError", {}, _numbers, 60),
    ("MeanAbsolutePercentageError", {}, _positive, 100),
    ("MeanSquaredLogarithmicError", {}, _positive, 200),
    ("RootMeanSquaredError", {}, _numbers, 60),
    ("CosineSimilarity", {}, _numbers, 200),
    ("LogCoshError", {}, _numbers, 200),
    ("R2Score", {}, _numbers, 400),
    ("R2Score", {"class_aggregation": None}, _numbers, 400),
    ("R2Score", {"class_aggregation": "variance_weighted_average", "num_regressors": 2}, _numbers, 400),
    ("Accuracy", {}, _equal_classes, 4),
    ("BinaryAccuracy", {}, _bits, 4),
    ("BinaryAccuracy", {"threshold": 0.3}, _one_bit, 4),
    ("CategoricalAccuracy", {}, _one_hot, 4),
    ("SparseCategoricalAccuracy", {}, _classes, 4),
    ("SparseCategoricalAccuracy", {}, _column_of_classes, 4),
    ("SparseCategoricalAccuracy", {}, _steps, 4),
    ("TopKCategoricalAccuracy", {"k": 2}, _one_hot, 4),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, _classes, 4),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, _steps, 4),
    ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, _sorted_ids, 4),
    ("BinaryCrossentropy", {}, _bits, 100),
    ("BinaryCrossentropy", {"from_logits": True}, _bits, 100),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, _one_hot, 100),
    ("SparseCategoricalCrossentropy", {}, _classes, 100),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 1}, _steps, 100),
    ("KLDivergence", {}, _distributions, 400),
    ("Poisson", {}, _positive, 200),
    ("Hinge", {}, _signs, 60),
    ("SquaredHinge", {}, _signs, 60),
    ("CategoricalHinge", {}, _one_hot_scores, 60),
    ("FalsePositives", {}, _bits, 4),
    ("FalseNegatives", {"thresholds": [0.2, 0.9]}, _bits, 4),
    ("TrueNegatives", {"thresholds": [0.0, 0.5, 1.0]}, _bits, 8),
    ("TruePositives", {}, _one_bit, 4),
    ("Precision", {}, _bits, 8),
    ("Precision", {"top_k": 2}, _one_hot_scores, 8),
    ("Precision", {"thresholds": [0.2, 0.6], "class_id": 1}, _bits, 8),
    ("Recall", {}, _bits, 8),
    ("Recall", {"top_k": 3, "class_id": 2}, _one_hot_scores, 8),
    ("SensitivityAtSpecificity", {"specificity": 0.4}, _bits, 20),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6, "num_thresholds": 1}, _bits, 20),
    ("PrecisionAtRecall", {"recall": 0.5, "num_thresholds": 20}, _bits, 20),
    ("RecallAtPrecision", {"precision": 0.4, "class_id": 2}, _bits, 20),
    ("AUC", {}, _bits, 60),
    ("AUC", {"curve": "PR"}, _bits, 60),
    ("AUC", {"curve": "PRGAIN"}, _bits, 60),
    ("AUC", {"curve": "PR", "summation_method": "minoring", "num_thresholds": 10}, _bits, 60),
    ("AUC", {"summation_method": "majoring", "thresholds": [0.8, 0.1, 0.3]}, _bits, 60),
    ("AUC", {"multi_label": True}, _bits, 60),
    ("AUC", {"from_logits": True}, _logits, 60),
    (
        "AUC",
        {"multi_label": True, "num_labels": 3, "label_weights": [1.0, 2.0, 0.5], "curve": "PR"},
        _bits,
        60,
    ),
    ("AUC", {"label_weights": [1.0, 2.0, 0.5]}, _bits, 60),
    ("PearsonCorrelation", {}, _numbers, 400),
    ("ConcordanceCorrelation", {}, _numbers, 400),
    ("F1Score", {}, _one_hot_scores, 20),
    ("F1Score", {"average": "macro", "threshold": 0.5}, _bits, 20),
    ("FBetaScore", {"beta": 2.0, "average": "weighted"}, _one_hot_scores, 20),
    ("FBetaScore", {"beta": 0.5, "average": "micro", "threshold": 0.4}, _bits, 20),
    ("IoU", {"num_classes": 4, "target_class_ids": [0, 2]}, _labels, 8),
    ("IoU", {"num_classes": 3, "target_class_ids": [0, 1], "ignore_class": 2}, _some_outside, 8),
    ("BinaryIoU", {"threshold": 0.3}, _bits, 8),
    ("MeanIoU", {"num_classes": 4}, _labels, 8),
    ("OneHotIoU", {"num_classes": 6, "target_class_ids": [1, 4]}, _one_hot_scores, 8),
    ("OneHotMeanIoU", {"num_classes": 6}, _one_hot_scores, 8),
]
IDS = [
    f"{name}-{'-'.join(map(str, arguments.values()))}-{inputs.__name__}"
    for name, arguments, inputs, _ in CASES
]
WHOLE = ("IoU", "BinaryIoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU")


def _batches(inputs, rng):
    for _ in range(3):
        y_true, y_pred = inputs(rng)
        yield (
            y_true.astype("int32" if y_true.dtype.kind == "i" else "float32"),
            y_pred.astype("int32" if y_pred.dtype.kind == "i" else "float32"),
        )


def _weights(name, y_true, rng):
    if name in WHOLE:
        return rng.integers(0, 4, y_true.shape if y_true.shape[-1] != 6 else y_true.shape[:1]).astype("int32")
    return rng.uniform(0, 2, len(y_true)).astype("float32")


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_matches_keras(case, weighted, rng):
    name, arguments, inputs, epsilons = case
    ours, theirs = getattr(metrics, name)(**arguments), getattr(keras.metrics, name)(**arguments)
    for y_true, y_pred in _batches(inputs, rng):
        weight = _weights(name, y_true, rng) if weighted else None
        if weighted and "ignore_class" in arguments and name not in WHOLE:
            weight = rng.uniform(0, 2, y_true.shape).astype(
                "float32"
            )  # of the mask's shape, as Keras wants it
        ours.update_state(y_true, y_pred, sample_weight=weight)
        theirs.update_state(y_true, y_pred, sample_weight=weight)
        got = ours.result()
        with np.errstate(all="ignore"):  # Keras divides first and looks for zeros afterwards
            want = np.asarray(theirs.result())
        np.testing.assert_allclose(got, want, rtol=EPS32 * epsilons, atol=EPS32 * epsilons)
        assert isinstance(got, Tensor) and got.shape == want.shape
    assert [v.shape for v in ours.variables] == [tuple(v.shape) for v in theirs.variables]
    assert [v.dtype for v in ours.variables] == [v.dtype for v in theirs.variables]
    assert [v.name for v in ours.variables] == [v.name for v in theirs.variables]
    for mine, other in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(
            mine.numpy(), np.asarray(other), rtol=EPS32 * epsilons, atol=EPS32 * epsilons * 24
        )
    ours.reset_state()
    assert all((v.numpy() == 0).all() for v in ours.variables)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_configuration(case):
    name, arguments, _, _ = case
    metric = getattr(metrics, name)(name="mine", **arguments)
    theirs = getattr(keras.metrics, name)(name="mine", **arguments)
    config, wanted = metric.get_config(), theirs.get_config()
    if "thresholds" in wanted and name == "AUC":
        wanted["thresholds"] = [float(t) for t in wanted["thresholds"]]
    if wanted.get("label_weights") is not None:
        wanted["label_weights"] = np.asarray(wanted["label_weights"]).tolist()
    if wanted["dtype"] == "int":
        wanted["dtype"] = "int32"
    assert {key: config[key] for key in wanted} == wanted
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is type(metric) and again.get_config() == config
    assert keras.metrics.deserialize(metrics.serialize(metric)).name == "mine"
    assert metrics.deserialize(keras.metrics.serialize(theirs)).get_config() == config


@pytest.mark.parametrize(
    "shape, weight",
    [
        ((), None),
        ((8,), None),
        ((8, 3), None),
        ((8, 3), (8,)),
        ((8, 3), (8, 1)),
        ((8, 3), (8, 3)),
        ((8, 1), (8,)),
        ((8, 3, 2), (8, 3)),
        ((8,), ()),
    ],
)
def test_mean_and_sum_match_keras(shape, weight, rng):
    for name in ("Mean", "Sum"):
        ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
        assert float(ours.result()) == 0.0
        for _ in range(2):
            values = rng.normal(0, 1, shape).astype("float32")
            weights = None if weight is None else rng.uniform(0, 2, weight).astype("float32")
            np.testing.assert_allclose(
                ours(values, sample_weight=weights),
                np.asarray(theirs(values, sample_weight=weights)),
                rtol=EPS32 * 100,
                atol=EPS32 * 10,
            )


def test_names():
    from keras.src.metrics import ALL_OBJECTS_DICT

    assert set(ALL_OBJECTS_DICT) <= set(metrics.lookup.BY_NAME)
    for name, theirs in ALL_OBJECTS_DICT.items():
        assert metrics.lookup.BY_NAME[name].__name__ == theirs.__name__
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    assert metrics.get(None) is None
    with pytest.raises(ValueError, match="'mean_squared_error'"):
        metrics.get("mean_sqared_error")


def test_unnamed_metrics_are_numbered_as_in_keras():
    from fastnn.engine.symbolic import reset_names

    reset_names()
    assert [metrics.Precision().name for _ in range(3)] == ["precision", "precision_1", "precision_2"]
    assert metrics.F1Score().name == "f1_score"


def test_a_function_as_a_metric():
    metric = metrics.MeanMetricWrapper(lambda t, p: ops.mean(ops.abs(t - p), axis=-1), name="distance")
    metric.update_state(Tensor(np.zeros((2, 2), "float32")), Tensor(np.array([[1, 2], [3, 4]], "float32")))
    assert float(metric.result()) == 2.5


def test_a_metric_of_ones_own_with_a_metric_inside():
    class Both(metrics.Metric):
        def __init__(self):
            super().__init__(name="both")
            self.seen = self.add_weight(name="seen", initializer="zeros")
            self.mean = metrics.Mean()

        def update_state(self, values):
            self.seen.assign_add(1.0)
            self.mean.update_state(values)

        def result(self):
            return self.mean.result() * self.seen

    metric = Both()
    metric.update_state(np.array([1.0, 3.0], "float32"))
    metric.update_state(np.array([5.0, 7.0], "float32"))
    assert float(metric.result()) == 8.0
    assert [v.name for v in metric.variables] == ["seen", "total", "count"]
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_a_forgotten_super_call_is_told():
    class Careless(metrics.Metric):
        def __init__(self):
            self.add_variable(shape=())

    with pytest.raises(RuntimeError, match="super"):
        Careless()


def test_a_score_of_nan_is_not_among_the_top():
    y_pred = np.array([[np.nan, 1.0, 2.0]], "float32")
    assert float(metrics.sparse_top_k_categorical_accuracy(np.array([0]), y_pred, k=2)[0]) == 0.0


def test_no_score_over_a_threshold_of_zero_counts_nowhere():
    metric = metrics.SpecificityAtSensitivity(0.5, num_thresholds=3)
    metric.update_state([0.0, 1.0], [0.0, 1.0])
    np.testing.assert_array_equal(metric.true_negatives.numpy(), [1, 1, 1])
    np.testing.assert_array_equal(metric.true_positives.numpy(), [1, 1, 0])


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: metrics.Precision(thresholds=1.5), "`thresholds`"),
        (lambda: metrics.AUC(curve="RO"), "`curve`"),
        (lambda: metrics.AUC(summation_method="sum"), "`summation_method`"),
        (lambda: metrics.AUC(num_thresholds=1), "`num_thresholds`"),
        (lambda: metrics.AUC(num_labels=3), "multi_label"),
        (lambda: metrics.AUC(thresholds=[0.5, 2.0]), "`thresholds`"),
        (lambda: metrics.PrecisionAtRecall(1.5), "`recall`"),
        (lambda: metrics.FBetaScore(beta=-1.0), "`beta`"),
        (lambda: metrics.FBetaScore(beta=1), "`beta`"),
        (lambda: metrics.F1Score(average="mean"), "`average`"),
        (lambda: metrics.F1Score(threshold=1.5), "`threshold`"),
        (lambda: metrics.R2Score(class_aggregation="mean"), "`class_aggregation`"),
        (lambda: metrics.R2Score(num_regressors=-1), "`num_regressors`"),
        (lambda: metrics.IoU(3, [0, 3]), "`target_class_ids`"),
        (lambda: metrics.Precision()(np.zeros((4, 2)), np.zeros((4, 3))), r"\(4, 2\)"),
        (lambda: metrics.Precision(class_id=1)(np.zeros(4), np.zeros(4)), "class_id"),
        (lambda: metrics.AUC(multi_label=True)(np.zeros(4), np.zeros(4)), "multi_label"),
        (lambda: metrics.F1Score()(np.zeros(4), np.zeros(4)), r"\(batch, classes\)"),
        (lambda: metrics.MeanIoU(3)(np.zeros(4), np.zeros((4, 3))), "sparse_y_pred"),
        (lambda: metrics.SparseCategoricalAccuracy()(np.zeros((4, 3)), np.zeros((4, 3))), "look one-hot"),
        (lambda: metrics.CategoricalAccuracy()(np.zeros(4), np.zeros((4, 3))), "sparse_categorical_accuracy"),
        (lambda: metrics.Mean()(np.zeros(4), sample_weight=np.ones(3)), "`sample_weight`"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_warnings():
    with pytest.warns(UserWarning, match="float32"):
        metrics.MeanIoU(2)(np.zeros(4, "int32"), np.zeros(4, "int32"), sample_weight=np.ones(4, "float32"))
    metric = metrics.R2Score(num_regressors=5)
    metric.update_state([[1.0], [2.0]], [[1.0], [2.5]])
    with pytest.warns(UserWarning, match="regressors"):
        metric.result()
