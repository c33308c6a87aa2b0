"""The public functions on tensors: Keras's `ops`. One file a family, each op whole in one place."""
