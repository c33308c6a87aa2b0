"""Calls that will run as one: which may join which group without making a circle, and the
order that results."""


class Group:
    """Calls that will become one. bit: the group's place in sets of groups, kept as ints;
    past: the groups that its calls depend on, directly or through other groups."""

    __slots__ = ("bit", "nodes", "past")

    def __init__(self):
        self.bit = 0
        self.nodes = []
        self.past = 0


class Grouping:
    """The groups of a body, filled by going through its calls in order.

    Each call is told once: `add(node, group)`, or `add(node)` for one that stays alone.
    """

    def __init__(self):
        self.groups = []
        self._behind = {}  # id(value) -> the groups it was computed from, its own included
        self._group_of = {}

    def group_of(self, value):
        """The group whose call makes the value, or None."""
        return self._group_of.get(id(value))

    def new(self, group):
        """Take in an empty group; returns it."""
        group.bit = 1 << len(self.groups)
        self.groups.append(group)
        return group

    def may_join(self, node, group):
        """Whether the call needs nothing from outside the group that was computed from the group's results.

        Later joins can lengthen a group's past, so it is the groups' pasts of now that
        count, not those of the time when a value was made.
        """
        past = 0
        for value in node.inputs:
            if self._group_of.get(id(value)) is not group:
                past |= self._behind.get(id(value), 0)
        return not self._closure(past) & group.bit

    def add(self, node, group=None):
        """Note the next call and, where it is not to stay alone, the group that it joins."""
        past = 0
        for value in node.inputs:
            past |= self._behind.get(id(value), 0)
        if group is not None:
            group.nodes.append(node)
            news = self._closure(past) & ~group.bit & ~group.past
            if news:
                group.past |= news
                for other in self.groups:
                    if other.past & group.bit:
                        other.past |= group.past
            past |= group.bit
        for value in node.outputs:
            self._behind[id(value)] = past
            if group is not None:
                self._group_of[id(value)] = group

    def _closure(self, bits):
        closed = bits
        while bits:
            closed |= self.groups[bits.bit_length() - 1].past
            bits &= ~(1 << bits.bit_length() - 1)
        return closed


def in_order(nodes):
    """The different nodes in an order that respects their inputs, otherwise where they stood last."""
    unique = list({id(node): node for node in reversed(nodes)}.values())[::-1]
    maker = {id(value): node for node in unique for value in node.outputs}
    done, order = set(), []
    for root in unique:
        stack = [root]
        while stack:
            node = stack[-1]
            if id(node) in done:
                stack.pop()
                continue
            waiting = [
                maker[id(value)]
                for value in node.inputs
                if id(value) in maker and id(maker[id(value)]) not in done
            ]
            if waiting:
                stack.extend(waiting)
            else:
                done.add(id(node))
                order.append(node)
                stack.pop()
    return order
