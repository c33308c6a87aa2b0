"""CSVLogger's file where an earlier run ended in the middle of a row."""

import numpy as np

import fastnn
from fastnn import callbacks, layers


def test_rows_are_not_added_to_one_that_was_cut(tmp_path):
    x, path = np.ones((4, 2), "float32"), tmp_path / "log.csv"
    model = fastnn.Sequential([fastnn.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")

    def fit(epochs):
        model.fit(x, x[:, :1], epochs=epochs, verbose=0, callbacks=[callbacks.CSVLogger(path, append=True)])

    fit(2)
    assert [row.split(",")[0] for row in path.read_text().splitlines()] == ["epoch", "0", "1"]
    path.write_bytes(path.read_bytes()[:-4])  # a full disk leaves such an end
    fit(1)
    rows = path.read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "0", "1", "0"]
    assert len({row.count(",") for row in rows}) == 1
    path.write_bytes(b"")
    fit(1)
    assert path.read_text().startswith("epoch,")
