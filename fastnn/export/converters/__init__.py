"""How each op is said in ONNX: one converter an op record, in one table, a file a family."""

from . import attention, elementwise, picking, products, recurrence, reductions, rows, shapes, sliding
from .table import TABLE

__all__ = [
    "TABLE",
    "attention",
    "elementwise",
    "picking",
    "products",
    "recurrence",
    "reductions",
    "rows",
    "shapes",
    "sliding",
]
