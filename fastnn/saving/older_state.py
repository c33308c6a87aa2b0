"""The state of optimizers in .h5 files of Keras before 3, which lay under other names and in another order."""

import re

import numpy as np

# The slots' names, by what Keras 2's optimizers, before and from 2.11 on, called them.
SLOTS = {
    "SGD": {"momentum": "momentum", "m": "momentum"},
    "RMSprop": {
        "rms": "velocity",
        "velocity": "velocity",
        "momentum": "momentum",
        "mg": "average_gradient",
        "average_gradient": "average_gradient",
    },
    "Adam": {"m": "momentum", "v": "velocity", "vhat": "velocity_hat"},
    "AdamW": {"m": "momentum", "v": "velocity", "vhat": "velocity_hat"},
    "Nadam": {"m": "momentum", "v": "velocity"},
    "Adamax": {"m": "momentum", "v": "norm", "u": "norm"},
    "Adagrad": {"accumulator": "accumulator"},
    "Adadelta": {
        "accum_grad": "accumulated_grad",
        "accum_var": "accumulated_delta_var",
        "accumulated_grad": "accumulated_grad",
        "accumulated_delta_var": "accumulated_delta_var",
    },
    "Ftrl": {"accumulator": "accumulator", "linear": "linear"},
    "Lion": {"m": "momentum"},
}


def match_state(optimizer, names):
    """[(variable of a built optimizer, name in the file)] for the optimizer weights that a file lists as
    `names`.

    None where they do not fit: another optimizer, or other variables.
    """
    slots = SLOTS.get(type(optimizer).__name__, {})
    own, counts = {}, {}
    for variable in optimizer.variables[1:]:
        slot = next(
            (
                slot
                for slot in sorted(set(slots.values()), key=len, reverse=True)
                if variable.name.endswith("_" + slot)
            ),
            None,
        )
        if slot is not None:
            number = counts[slot] = counts.get(slot, -1) + 1
            own[slot, number] = variable
    pairs, counts = [], {}
    for name in names:
        parts = re.sub(r":\d+$", "", name).split("/")
        if parts[-1] in ("iter", "iterations", "iteration"):
            pairs.append((optimizer.variables[0], name))
            continue
        # "Adam/dense/kernel/m" before 2.11, "Adam/m/dense/kernel" from then on
        slot = slots.get(re.sub(r"_\d+$", "", parts[-1])) or (slots.get(parts[1]) if len(parts) > 2 else None)
        if slot is None:
            continue
        number = counts[slot] = counts.get(slot, -1) + 1
        if (slot, number) not in own:
            return None
        pairs.append((own[slot, number], name))
    return pairs if len(pairs) in (1, 1 + len(own)) else None


def complete_state(optimizer):
    """Set what Keras before 3 left out of its files: Nadam's running product follows from the number of steps."""
    product = getattr(optimizer, "_u_product", None)
    if product is not None:
        steps = np.arange(1, int(optimizer.iterations) + 1)
        product.assign(np.prod(optimizer.beta_1 * (1.0 - 0.5 * 0.96**steps)))
