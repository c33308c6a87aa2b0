"""A constructor's arguments by name, for constructors that pass many of them on."""


def named_arguments(given, but=()):
    """What a constructor was called with, by name: its `locals()`, taken first of all, without the names `but`."""
    return {
        name: value
        for name, value in {**given, **given.get("kwargs", {})}.items()
        if name not in ("self", "__class__", "kwargs", *but)
    }
