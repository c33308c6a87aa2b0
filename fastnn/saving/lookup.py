"""The `get` functions of regularizers, constraints, activations and their like: a name or config to an
object."""

import difflib
import inspect

from .serialization import deserialize_keras_object


def look_up(what, identifier, objects):
    """The object that `identifier` names: itself if callable, made from its name or configuration otherwise.

    Args:
        what: "regularizer", "constraint", ...: for the error.
        identifier: an object, a class, a function, a name among `objects` or registered, a configuration.
        objects: {name: class or function}.

    Raises:
        ValueError: an unknown name, with the nearest known one; or no callable at all.
    """
    found = identifier
    if isinstance(identifier, dict):
        found = deserialize_keras_object(identifier, module_objects=objects)
    elif isinstance(identifier, str):
        found = objects.get(identifier)
        if found is None:
            found = deserialize_keras_object(identifier)  # registered under this name, or the string itself
    if callable(found):
        return found() if inspect.isclass(found) else found
    if not isinstance(identifier, str):
        raise ValueError(
            f"no {what} can be made of {identifier!r} (of type {type(identifier).__name__}); give a name, an "
            "object of its class, or a function"
        )
    near = nearest(identifier, objects)
    hint = f"did you mean {near!r}?" if near else f"known names: {', '.join(sorted(objects))}"
    raise ValueError(f"there is no {what} called {identifier!r}; {hint}")


def nearest(name, names):
    """The one of `names` that `name` was probably meant to be, or None; upper and lower case are alike."""
    lowered = {known.lower(): known for known in sorted(names)}  # of several, the one in lower case
    found = difflib.get_close_matches(name.strip().lower(), lowered, n=1, cutoff=0.5)
    return lowered[found[0]] if found else None
