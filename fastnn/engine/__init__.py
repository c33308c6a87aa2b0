"""The engine: tensors, op records, tapes, traces, passes and plans. It alone imports the binding."""
