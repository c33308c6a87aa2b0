"""What Keras 2 called the learning rate."""

import pytest

import fastnn


@pytest.mark.parametrize(
    "name", ["SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam", "AdamW"]
)
def test_lr(name):
    optimizer = getattr(fastnn.optimizers, name)(lr=0.125)
    assert float(optimizer.lr) == float(optimizer.learning_rate) == 0.125
    optimizer.lr = 0.5
    assert float(optimizer.learning_rate) == 0.5 and "lr" not in optimizer.get_config()
