"""What making a model from a file may take: a short file must ask neither for all memory nor for endless work."""

import contextlib
import threading

_ROOM = 16 * 2**20  # bytes of state that any file may ask for
_MOST_PASSING = 2**28  # bytes of an array of indices, for instance, that is thrown away at once
_MOST_CALLS = 30_000  # of layers: models inside models, each calling the next twice, would else take 2**depth


class _Allowance(threading.local):
    bytes_left = None  # None: no model is being made from a file
    calls_left = None


allowance = _Allowance()


@contextlib.contextmanager
def made_from_file(size):
    """Inside, layers and metrics refuse to make more state than a file of `size` bytes can hold values for, and models
    to be called without end."""
    outer = allowance.bytes_left, allowance.calls_left
    allowance.bytes_left, allowance.calls_left = 4 * size + _ROOM, _MOST_CALLS
    try:
        yield
    finally:
        allowance.bytes_left, allowance.calls_left = outer


def is_from_file():
    """Whether a model is being made from a file."""
    return allowance.bytes_left is not None


def spend_bytes(size, who, what):
    """Take `size` bytes off what may still be made; `who` makes `what`.

    Raises:
        ValueError: so much is not left.
    """
    if allowance.bytes_left is None:
        return
    if size > allowance.bytes_left:
        raise ValueError(
            f"{who}: {what} has {size} bytes, more than the file that the model is loaded from can hold values for; "
            "the file is refused"
        )
    allowance.bytes_left -= size


def check_passing(size, who, what):
    """Refuse `what`, which `who` makes for a moment while shapes are inferred, where it has far too many bytes.

    Raises:
        ValueError: it has, and a model is being made from a file.
    """
    if allowance.bytes_left is not None and size > _MOST_PASSING:
        raise ValueError(f"{who}: {what} would have {size} bytes; the file that asks for that is refused")


def spend_call():
    """Take one call of a layer off what may still be made.

    Raises:
        ValueError: none is left.
    """
    if allowance.calls_left is None:
        return
    if not allowance.calls_left:
        raise ValueError(
            f"the file is refused: its model takes more than {_MOST_CALLS:,} calls of layers to be made. If it is "
            "yours, make the model in Python, then call model.load_weights(...)"
        )
    allowance.calls_left -= 1
