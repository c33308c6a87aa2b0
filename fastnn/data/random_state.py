"""The state of NumPy's global generator in a form that files can hold."""

import numpy as np


def plain_random_state(state):
    """A state of NumPy's legacy generator as a list of plain values and an array; None stays None."""
    return None if state is None else [state[0], np.asarray(state[1]), *state[2:]]


def numpy_random_state(state):
    """The reverse of `plain_random_state`.

    Raises:
        ValueError: no state of NumPy's generator, which takes any and reads where it says.
    """
    if state is None:
        return None
    name, key, place, has_gauss, gauss = state
    key = np.asarray(key, np.uint32)
    sound = name == "MT19937" and key.shape == (624,) and type(place) is int and 0 <= place <= 624
    if not sound or has_gauss not in (0, 1) or not isinstance(gauss, (int, float)):
        raise ValueError("its random numbers come from no generator of NumPy's")
    return name, key, place, has_gauss, gauss
