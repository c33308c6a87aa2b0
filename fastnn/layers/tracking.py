"""Which variables, layers, metrics and seed generators an object holds, noted as they are assigned to attributes."""


class Tracker:
    """Sorts what it is shown into `stores`, once each, in order.

    stores: {name: (test, list)}; the first test that accepts a value decides. locked: a message once nothing
    new may come, else None.
    """

    def __init__(self, stores):
        self.stores = stores
        self.seen = set()
        self.locked = None

    def track(self, value):
        """Note `value`; what to store in its place (lists and dicts become ones that tell of later additions)."""
        if value is None or isinstance(value, (str, int, float)):
            return value
        for accepts, store in self.stores.values():
            if accepts(value):
                if id(value) not in self.seen:
                    if self.locked:
                        raise ValueError(self.locked)
                    store.append(value)
                    self.seen.add(id(value))
                return value
        kind = type(value)
        if kind is list or kind is TrackedList:
            return TrackedList(value, self)
        if kind is dict or kind is TrackedDict:
            return TrackedDict(value, self)
        if kind is set or kind is TrackedSet:
            return TrackedSet(value, self)
        if isinstance(value, tuple):
            parts = [self.track(part) for part in value]
            return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
        return value

    def untrack(self, value):
        """Forget `value`."""
        self.seen.discard(id(value))
        for _, store in self.stores.values():
            store[:] = [kept for kept in store if kept is not value]

    def __deepcopy__(self, memo):
        raise TypeError("a Tracker belongs to one object and is not copied")


class TrackedList(list):
    """A list that shows its tracker what is put into it."""

    def __init__(self, values=(), tracker=None):
        self.tracker = tracker
        super().__init__([self._show(value) for value in values])

    def _show(self, value):
        return value if self.tracker is None else self.tracker.track(value)

    def append(self, value):
        super().append(self._show(value))

    def insert(self, index, value):
        super().insert(index, self._show(value))

    def extend(self, values):
        super().extend([self._show(value) for value in values])

    def __iadd__(self, values):
        self.extend(values)
        return self

    def __setitem__(self, index, value):
        super().__setitem__(
            index, [self._show(v) for v in value] if isinstance(index, slice) else self._show(value)
        )

    def _gone(self, value):
        if self.tracker is not None:
            self.tracker.untrack(value)
        return value

    def pop(self, index=-1):
        return self._gone(super().pop(index))

    def remove(self, value):
        super().remove(value)
        self._gone(value)

    def clear(self):
        for value in self:
            self._gone(value)
        super().clear()

    def __delitem__(self, index):
        for value in self[index] if isinstance(index, slice) else [self[index]]:
            self._gone(value)
        super().__delitem__(index)

    def __reduce__(self):
        return list, (list(self),)


class TrackedDict(dict):
    """A dict that shows its tracker the values put into it."""

    def __init__(self, values=(), tracker=None):
        self.tracker = tracker
        super().__init__({key: self._show(value) for key, value in dict(values).items()})

    def _show(self, value):
        return value if self.tracker is None else self.tracker.track(value)

    def __setitem__(self, key, value):
        super().__setitem__(key, self._show(value))

    def update(self, *args, **kwargs):
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def setdefault(self, key, default=None):
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key, *default):
        value = super().pop(key, *default)
        if self.tracker is not None:
            self.tracker.untrack(value)
        return value

    def __delitem__(self, key):
        self.pop(key)

    def __reduce__(self):
        return dict, (dict(self),)


class TrackedSet(set):
    """A set that shows its tracker what is put into it."""

    def __init__(self, values=(), tracker=None):
        self.tracker = tracker
        super().__init__([value if tracker is None else tracker.track(value) for value in values])

    def add(self, value):
        super().add(value if self.tracker is None else self.tracker.track(value))

    def update(self, *others):
        for values in others:
            for value in values:
                self.add(value)

    def discard(self, value):
        if self.tracker is not None and value in self:
            self.tracker.untrack(value)
        super().discard(value)

    def __reduce__(self):
        return set, (set(self),)
