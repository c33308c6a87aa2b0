"""User-written classes and functions that saved configurations may name."""

import inspect
import threading

_by_name = {}  # "package>name" -> object
_names = {}  # object -> "package>name"


class _Scopes(threading.local):
    objects = {}


_scopes = _Scopes()


class CustomObjectScope:
    """Inside this `with` block, `custom_objects` ({name: class or function}) may be named by configurations.

    >>> with CustomObjectScope({"double": lambda x: 2 * x}) as scope:
    ...     get_registered_object("double")(3)
    6
    """

    def __init__(self, custom_objects):
        self.custom_objects = dict(custom_objects or {})

    def __enter__(self):
        self._outer = _scopes.objects
        _scopes.objects = {**self._outer, **self.custom_objects}
        return self

    def __exit__(self, *exc):
        _scopes.objects = self._outer


custom_object_scope = CustomObjectScope


def get_custom_objects():
    """The dict of objects registered for the whole process; changes to it count."""
    return _by_name


def scoped_objects():
    """{name: object} of the open CustomObjectScopes; inner ones count first."""
    return _scopes.objects


def register_keras_serializable(package="Custom", name=None):
    """A decorator: the class or function is saved as "package>name", and found again under it.

    Raises:
        ValueError: a class without `get_config`.
    """

    def register(thing):
        if inspect.isclass(thing) and not hasattr(thing, "get_config"):
            raise ValueError(
                f"register_keras_serializable: class {thing.__name__} has no get_config() "
                "method, so it could not be saved; write one that returns the constructor's "
                "arguments as a dict"
            )
        registered = f"{package}>{name or thing.__name__}"
        _by_name[registered] = thing
        _names[thing] = registered
        return thing

    return register


def get_registered_name(obj):
    """The name `obj` was registered under, else its Python name."""
    try:
        return _names[obj]
    except (KeyError, TypeError):
        return obj.__name__


def get_registered_object(name, custom_objects=None, module_objects=None):
    """What `name` stands for: looked up in the open scope, the registry, `custom_objects`, then
    `module_objects`.

    None where nothing has the name.
    """
    for objects in (_scopes.objects, _by_name, custom_objects, module_objects):
        if objects and name in objects:
            return objects[name]
    return None
