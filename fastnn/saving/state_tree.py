"""Which objects of a model have state of their own, and under which path files keep it.

The paths are Keras 3's: the layers of a Functional or Sequential model under "layers", each named after its
class ("dense", "dense_1", ...), everything else under the names of attributes, in alphabetical order, those
with a leading underscore last. An object that can be reached in several ways is kept at the first.
"""

from ..engine.symbolic import snake_case

# Attributes of layers and models in which the engine keeps layers that are reached by other names.
_INTERNAL = {
    "_layers",
    "training_state",
    "_stack",
    "_functional",
    "_graph",
    "_init_arguments",
    "_compile_config",
    "_metrics",
    "_seed_generators",
    "_tracker",
    "_trainable_variables",
    "_non_trainable_variables",
    "inbound_nodes",
    "operations",
}
# Where the classes live whose properties are not looked into.
_BASES = ("fastnn.layers.layer", "fastnn.layers.building", "fastnn.engine.", "fastnn.models.")


def saveables(root):
    """[(path, object)] of `root` (path "") and all objects in it that have `save_own_variables`, each
    once."""
    found = []
    _visit(root, "", found, set())
    return found


def _visit(thing, path, found, seen):
    if id(thing) in seen:
        return
    seen.add(id(thing))
    found.append((path, thing))
    for name, child in _children(thing):
        _look_into(child, _join(path, name), found, seen, set())


def _look_into(child, path, found, seen, containers):
    if _has_state(child):
        _visit(child, path, found, seen)
    elif isinstance(child, (list, tuple, dict)) and id(child) not in containers:
        containers.add(id(child))
        counts = {}
        for part in child.values() if isinstance(child, dict) else child:
            if _has_state(part):
                name = _numbered(_name_in_files(part), counts)
                _visit(part, _join(path, name), found, seen)
            elif isinstance(part, (list, tuple, dict)):
                _look_into(part, _join(path, _numbered("container", counts)), found, seen, containers)


def _name_in_files(thing):
    return snake_case(getattr(thing, "named_in_files", type(thing).__name__))


def _has_state(thing):
    return hasattr(type(thing), "save_own_variables")


def _children(thing):
    """(name, value) of what may hold further objects with state."""
    if _is_stack_or_graph(thing):
        yield "layers", thing.layers
    names = {name for name in vars(thing) if name not in _INTERNAL and not name.startswith("__")}
    for cls in type(thing).__mro__:
        if not cls.__module__.startswith(_BASES):
            names.update(name for name, value in vars(cls).items() if isinstance(value, property))
    if isinstance(getattr(type(thing), "layers", None), property):
        names.add("layers")
    for name in sorted(names, key=lambda name: f"~{name}" if name.startswith("_") else name):
        try:
            yield name, getattr(thing, name)
        except Exception:  # noqa: S112 - a property of the user's that has no value yet
            continue


def _is_stack_or_graph(thing):
    return any(
        cls.__name__ in ("Functional", "Sequential") and cls.__module__.startswith("fastnn.models")
        for cls in type(thing).__mro__
    )


def _numbered(name, counts):
    count = counts[name] = counts.get(name, -1) + 1
    return name if count == 0 else f"{name}_{count}"


def _join(path, name):
    return f"{path}/{name}" if path else name
