"""The dense workloads in scikit-learn's MLPClassifier: what many reach for first on a CPU."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

HIDDEN = {
    "tiny_mlp": ((2,), "sgd", 7000, 10),
    "fashion_mlp": ((300, 100), "sgd", 25600, 32),
    "dropout_mlp": ((100,), "adam", 25600, 32),
}


def epoch(name, compiled):
    """(train one epoch, steps in it); KeyError for a workload that is not written here."""
    hidden, solver, rows, batch = HIDDEN[name]
    rng = np.random.default_rng(0)
    x, y = rng.random((rows, 784), dtype="float32"), rng.integers(0, 10, rows)
    model = MLPClassifier(
        hidden,
        solver=solver,
        batch_size=batch,
        max_iter=1,
        momentum=0,
        learning_rate_init=0.01,
        warm_start=True,
    )

    def train():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # one epoch a call is meant
            model.fit(x, y)

    return train, rows // batch
