"""The state of NumPy's global generator in a form that files can hold."""

import numpy as np


def plain_random_state(state):
    """A state of NumPy's legacy generator as a list of plain values and an array; None stays None."""
    return None if state is None else [state[0], np.asarray(state[1]), *state[2:]]


def numpy_random_state(state):
    """The reverse of `plain_random_state`."""
    return None if state is None else (state[0], np.asarray(state[1], np.uint32), *state[2:])
