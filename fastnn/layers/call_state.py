"""What layers know of the calls around them: the training flag, the stack of layers, the names in paths."""

import threading
import weakref


class CallState(threading.local):
    """One a Python thread. stack: layers being called or built, outermost first. training: the innermost flag."""

    def __init__(self):
        self.stack = []
        self.scopes = []  # names of the `name_scope`s around
        self.training = None
        self.losses_exist = False  # add_loss was used: stale losses are to be cleared at outermost calls

    def path(self):
        """ "outer/inner" of the layers on the stack."""
        names, last = [*self.scopes], None
        for layer in self.stack:
            if layer is not last:
                names.append(layer.name)
            last = layer
        return "/".join(names)

    def path_of(self, layer, name):
        """ "outer/layer/name" for a variable of `layer`, whether or not it is on the stack."""
        path = self.path()
        if not self.stack or self.stack[-1] is not layer:
            path = f"{path}/{layer.name}" if path else layer.name
        return f"{path}/{name}"


state = CallState()
holders = weakref.WeakSet()  # models, which keep compiled calls of their layers


def structure_changed():
    """Let every model trace anew: a layer computes something else from now on."""
    for model in list(holders):
        model._forget_programs()
