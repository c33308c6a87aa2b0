"""Optimizer steps on the rows of a table that a batch has used, in place of the whole table.

The gradient for an Embedding's table is zero outside the rows that were looked up. Where the table is large
beside the batch (`worth_it`), an optimizer whose formula works element by element
(`Optimizer.updates_by_row`) updates those rows alone, so that a step costs what the batch costs, however many
rows there are. For SGD without momentum and Adagrad that is what the whole update would do. Optimizers with
moving averages become lazy, as PyTorch's SparseAdam: the averages of rows that a batch does not use, and
those rows themselves, rest until they are used again, where Keras would let averages fade and rows drift on
with their old momentum at every step. Smaller tables get Keras's update, and so do those that decay: exclude
a large one from the decay (`Optimizer.exclude_from_weight_decay`) and it is updated by rows, too.
"""

from ..engine.variable import Variable, convert
from ..ops.table_rows import collected, put_rows_op, rows_of
from ..ops.taking import take_op

_LEAST_ROWS, _LEAST_RATIO = 1024, 4  # of rows in the table, and of these to indices in a batch


def worth_it(variable, parts):
    """Whether a table of this shape is updated by rows; decided by shapes alone."""
    count = sum(indices.size for indices, _ in parts)
    return 0 < count and variable.shape[0] >= max(_LEAST_ROWS, _LEAST_RATIO * count)


class RowsOf(Variable):
    """Some rows of a variable, as a variable: `read` gathers them, `assign` puts them back."""

    def __init__(self, variable, rows):  # not Variable's: there is no storage of its own
        self.variable = variable
        self.rows = rows
        self.shape = (rows.shape[0], *variable.shape[1:])
        self.dtype = variable.dtype
        self.name, self.path = variable.name, variable.path
        self.value_now = None

    def read(self):
        if self.value_now is None:
            self.value_now = take_op(self.variable.read(), self.rows, axis=0)
        return self.value_now

    def assign(self, value):
        self.value_now = convert(value, dtype=self.dtype)
        self.variable.assign(put_rows_op(self.variable.read(), self.rows, self.value_now))
        return self.value_now

    __hash__ = object.__hash__


def row_gradient(optimizer, gradient, variable):
    """(rows, g) if this step may update rows alone, else None."""
    # a user's formula may look at all rows
    own = type(optimizer).update_step.__module__.startswith(__package__)
    if not optimizer.updates_by_row or not own:
        return None
    if optimizer.weight_decay and optimizer._use_weight_decay(variable):  # which touches every row
        return None
    if variable.constraint is not None or len(variable.shape) != 2:
        return None
    parts = rows_of(gradient)
    if parts is None or gradient.dtype != variable.dtype or not worth_it(variable, parts):
        return None
    return collected(parts, *variable.shape)


class on_rows:  # noqa: N801 - reads as a statement: `with on_rows(...) as part:`
    """Put RowsOf in the place of a variable's slots while its rows are updated; gives the variable's own."""

    def __init__(self, optimizer, variable, rows):
        self.optimizer, self.variable, self.rows = optimizer, variable, rows

    def __enter__(self):
        place = self.optimizer._places[id(self.variable)]
        part = RowsOf(self.variable, self.rows)
        self.swapped = []
        for slots in self.optimizer._slot_lists:
            if slots[place] is not None:
                self.swapped.append((slots, place, slots[place]))
                slots[place] = RowsOf(slots[place], self.rows)
        self.optimizer._places[id(part)] = place
        self.optimizer._undecayed.add(id(part))  # as the variable is; its name may have said so, or its id
        self.part = part
        return part

    def __exit__(self, *exc):
        for slots, place, slot in self.swapped:
            slots[place] = slot
        del self.optimizer._places[id(self.part)]
        self.optimizer._undecayed.discard(id(self.part))
