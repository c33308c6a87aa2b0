"""The table of converters."""

TABLE = {}  # name of an op record -> function (graph, call, *names of its inputs) -> name of its output, or a list


def converts(*ops):
    """Enter the decorated converter under these ops."""

    def enter(function):
        for op in ops:
            if op in TABLE:
                raise ValueError(f"converts: there is a converter of {op!r} already")
            TABLE[op] = function
        return function

    return enter
