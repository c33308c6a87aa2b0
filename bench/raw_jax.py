"""Some workloads written by hand in JAX, a whole epoch in one jitted scan: the least overhead JAX can have."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


def _weights(rng, *sizes):
    return [
        (jnp.asarray(rng.normal(0, 0.05, (a, b)), jnp.float32), jnp.zeros(b))
        for a, b in zip(sizes, sizes[1:])
    ]


def _dense(weights, x):
    for w, b in weights[:-1]:
        x = jax.nn.relu(x @ w + b)
    return x @ weights[-1][0] + weights[-1][1]


def _convnet(weights, x):
    x = x[..., None]
    for i, (w, b) in enumerate(weights[:4]):
        strides = (1, 1) if i == 0 else (2, 2)
        x = lax.conv_general_dilated(x, w, strides, "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = jax.nn.relu(x + b)
    return _dense(weights[4:], x.reshape(len(x), -1))


def _make(name):
    rng = np.random.default_rng(0)
    if name == "tiny_mlp":
        return _weights(rng, 784, 2, 10), _dense, rng.random((7000, 784), dtype="float32"), 10, 10
    if name == "fashion_mlp":
        return _weights(rng, 784, 300, 100, 10), _dense, rng.random((25600, 784), dtype="float32"), 10, 32
    if name == "big_mlp":
        sizes = (1024, 2048, 2048, 2048, 1000)
        return _weights(rng, *sizes), _dense, rng.random((2048, 1024), dtype="float32"), 1000, 256
    if name == "seed_cnn":
        convs = [
            (jnp.asarray(rng.normal(0, 0.1, (3, 3, c, 16)), jnp.float32), jnp.zeros(16))
            for c in (1, 16, 16, 16)
        ]
        return (
            convs + _weights(rng, 64, 20, 10),
            _convnet,
            rng.random((9600, 28, 28), dtype="float32"),
            10,
            64,
        )
    raise KeyError(name)


def epoch(name, compiled=True):
    """(train one epoch with SGD, steps in it); KeyError for a workload that is not written here."""
    weights, apply, x, classes, batch = _make(name)
    y = jnp.asarray(np.random.default_rng(1).integers(0, classes, len(x)), jnp.int32)
    x = jnp.asarray(x)
    steps = len(x) // batch

    def loss(weights, x, y):
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(apply(weights, x)), y[:, None], 1))

    @jax.jit
    def run(weights, key):
        order = jax.random.permutation(key, len(x))[: steps * batch].reshape(steps, batch)

        def body(weights, rows):
            value, gradient = jax.value_and_grad(loss)(weights, x[rows], y[rows])
            return jax.tree_util.tree_map(lambda w, g: w - 0.01 * g, weights, gradient), value

        return lax.scan(body, weights, order)

    state = [weights, jax.random.PRNGKey(0)]

    def train():
        state[0], values = run(state[0], state[1])
        values.block_until_ready()

    return train, steps
