"""`keras.ops.linalg` by its name: linear algebra. All of them are functions of `fastnn.ops`."""


def __getattr__(name):
    from .. import ops

    try:
        return ops.__dict__[name]
    except KeyError:
        raise AttributeError(f"fastnn.ops.linalg has no {name!r}") from None
