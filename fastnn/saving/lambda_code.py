"""Python lambdas as code in files: written as Keras writes them, run only where the caller asked for it.

Code from a file can do anything that the user may do. So a lambda is loaded in a call with `safe_mode=False`,
and nowhere else; there is no global switch.
"""

import base64
import builtins
import contextlib
import marshal
import threading
import types


class _State(threading.local):
    allowed = False


_state = _State()


@contextlib.contextmanager
def allowing_code(allowed):
    """Inside, configurations may hold lambdas, if `allowed` or if an enclosing block allows it."""
    outer = _state.allowed
    _state.allowed = outer or bool(allowed)
    try:
        yield
    finally:
        _state.allowed = outer


def packed(function):
    """(code in base64, defaults, contents of the closure) of a function."""
    closure = function.__closure__ and tuple(cell.cell_contents for cell in function.__closure__)
    return base64.b64encode(marshal.dumps(function.__code__)).decode("ascii"), function.__defaults__, closure


def unpacked(config):
    """The function in a `__lambda__` configuration.

    Its own globals are gone; `keras` (and `fastnn`), `ops` and `np` stand for what lambdas commonly use.

    Raises:
        ValueError: code is not allowed here, or it is no code that this Python can read.
    """
    if not _state.allowed:
        raise ValueError(
            "the file holds the code of a Python lambda, and running it could do anything. Write the lambda as a "
            "named function with @register_keras_serializable() and save the model with that; or, if you trust "
            "where the file comes from, pass safe_mode=False to the function that loads it"
        )
    parts = config.get("value") or [config.get("code"), config.get("defaults"), config.get("closure")]
    try:
        code, defaults, closure = parts
        code = marshal.loads(base64.b64decode(code))
        assert isinstance(code, types.CodeType)
    except Exception as error:
        raise ValueError(
            "the code of a lambda in the file cannot be read; it was saved by another version of Python, or is "
            f"damaged ({error!r})"
        ) from None
    import numpy as np

    import fastnn

    names = {
        "__builtins__": builtins,
        "np": np,
        "numpy": np,
        "keras": fastnn,
        "fastnn": fastnn,
        "ops": fastnn.ops,
        "K": fastnn.backend,
    }
    cells = None if closure is None else tuple(types.CellType(value) for value in closure)
    return types.FunctionType(code, names, code.co_name, None if defaults is None else tuple(defaults), cells)
