"""StatelessScope: code that reads and assigns variables runs on values of one's own, and no variable changes."""

from .op import context
from .variable import Variable, convert


class StatelessScope:
    """While it is open, variables have the values given here, and assignments stay in the scope.

    Args:
        state_mapping: pairs (variable, value of its shape).
        collect_losses, initialize_variables: accepted as in Keras.
    Source: Keras 3 `StatelessScope`.
    """

    def __init__(self, state_mapping=None, collect_losses=False, initialize_variables=True):
        self.collect_losses, self.initialize_variables = collect_losses, initialize_variables
        self._kept = {}  # id of a variable -> (it, its value)
        for variable, value in state_mapping or ():
            if not isinstance(variable, Variable):
                raise ValueError(
                    f"StatelessScope: `state_mapping` must be pairs of a Variable and its value, received {variable!r}"
                )
            self.add_update((variable, value))

    def add_update(self, update):
        """Note (variable, value)."""
        variable, value = update
        value = value.read() if isinstance(value, Variable) else value
        value = convert(value, dtype=variable.dtype)
        if tuple(value.shape) != variable.shape:
            raise ValueError(
                f"StatelessScope: the variable {variable.path!r} has shape {variable.shape}, the value given for it "
                f"{tuple(value.shape)}"
            )
        self._kept[id(variable)] = (variable, value)

    def get_current_value(self, variable):
        """The variable's value in this scope; None where it was neither given nor assigned."""
        kept = self._kept.get(id(variable))
        return None if kept is None else kept[1]

    def value_or_own(self, variable):
        """The variable's value in this scope, or else outside."""
        kept = self.get_current_value(variable)
        return variable.read() if kept is None else kept

    def __enter__(self):
        self._around = context.stateless
        context.stateless = self
        return self

    def __exit__(self, *exc):
        context.stateless = self._around


class SymbolicScope:
    """Accepted as in Keras, around calls on symbolic tensors; nothing is different inside."""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass


def checked_pairs(who, *groups):
    """[(variable, value)] of all (variables, values, the argument's name), or the user's error where there are not as
    many values as variables."""
    pairs = []
    for variables, values, name in groups:
        values = list(values)
        if len(values) != len(variables):
            raise ValueError(
                f"{who}: `{name}` must have one value for each of the {len(variables)} variables "
                f"{[v.path for v in variables]}, received {len(values)}"
            )
        pairs += zip(variables, values, strict=True)
    return pairs
