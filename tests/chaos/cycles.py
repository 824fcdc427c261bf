"""Searches a history of transactions on lists for anomalies, in the way of Elle (Kingsbury and Alvaro, 2020).

A transaction is a list of steps ["append", key, value] and ["read", key, list]. Each value is appended to its key at most once, and a list
keeps its values in order. So the longest read of a key tells in which order its versions were made, and each read tells which version it
saw. From that follow the dependencies between transactions:

    ww  the second appended the next value after that of the first
    wr  the second read what the first had appended
    rw  the first did not yet see what the second appended

A cycle among them cannot happen if transactions are serializable. Its name depends on its edges: G0 (only ww), G1c (ww and wr), G-single
(one rw), G2 (several). Snapshot isolation allows the last.
"""
from collections import defaultdict, deque

from checker import anomaly
from history import FAIL, OK


class Transactions:
    """The index of a history: who appended each value, and the order of the values of each key."""

    def __init__(self, operations, final):
        self.operations = operations
        self.writer = {}            # (key, value) -> index of the operation
        self.last = {}              # (index, key) -> the last value that it appended there
        self.reads = []             # (index, key, the list without the transaction's own values)
        self.order = {key: list(values) for key, values in final.items()}
        self.found = []
        for index, operation in enumerate(operations):
            for step, key, value in operation.value:
                if step == "append":
                    self.writer[key, value] = index
                    self.last[index, key] = value
        for index, operation in enumerate(operations):
            if operation.outcome == OK:
                self._read(index, operation)
        self._compare()

    def _read(self, index, operation):
        """Notes what the transaction read of others, and checks that its steps agree with each other."""
        known, own = {}, defaultdict(list)
        for step, key, value in operation.value:
            if step == "append":
                own[key].append(value)
                continue
            seen, mine = list(value or []), own[key]
            before = seen[:len(seen) - len(mine)]
            if seen[len(before):] != mine or known.setdefault(key, before) != before:
                self.found.append(anomaly("internal", f"{self.named(index)} contradicts itself on {key}: {seen}"))
                continue
            self.reads.append((index, key, before))
            if len(seen) > len(self.order.get(key, [])):
                self.order[key] = seen

    def _compare(self):
        for key, values in self.order.items():
            if len(set(values)) < len(values):
                self.found.append(anomaly("twice", f"{key} has a value twice: {values}"))
            for value in values:
                if (key, value) not in self.writer:
                    self.found.append(anomaly("never tried", f"{key} has {value}, and nobody has appended it"))
        for index, key, seen in self.reads:
            if seen != self.order.get(key, [])[:len(seen)]:
                self.found.append(anomaly("incompatible order", f"{self.named(index)} read {seen} of {key}, and another read or the end has {self.order[key]}"))

    def named(self, index):
        operation = self.operations[index]
        return f"T{index} (client {operation.process}, {operation.invoked:.2f} to {operation.completed:.2f}, {operation.host})"


def aborted_and_intermediate(transactions):
    """G1a: a read saw a value of a transaction that was aborted. G1b: a read saw a list as it was in the middle of a transaction."""
    found = []
    for index, key, seen in transactions.reads:
        for value in seen:
            writer = transactions.writer.get((key, value))
            if writer is not None and transactions.operations[writer].outcome == FAIL:
                found.append(anomaly("G1a", f"{transactions.named(index)} read {value} of {key}, which {transactions.named(writer)} had not committed"))
        writer = transactions.writer.get((key, seen[-1])) if seen else None
        if writer not in (None, index) and transactions.last[writer, key] != seen[-1]:
            found.append(anomaly("G1b", f"{transactions.named(index)} read {key} up to {seen[-1]}, in the middle of {transactions.named(writer)}"))
    return found


def lost(transactions, final):
    """Acknowledged appends that are missing in the end."""
    return [anomaly("lost", f"{value} of {key}, which {transactions.named(index)} had appended, was acknowledged, and is missing in the end")
            for (key, value), index in transactions.writer.items()
            if transactions.operations[index].outcome == OK and value not in final.get(key, [])]


def dependencies(transactions):
    """{index: {index: set of 'ww', 'wr', 'rw'}}"""
    edges = defaultdict(lambda: defaultdict(set))

    def depends(a, b, kind):
        if a is not None and b is not None and a != b:
            edges[a][b].add(kind)
    for key, values in transactions.order.items():
        writers = [transactions.writer.get((key, value)) for value in values]
        for a, b in zip(writers, writers[1:]):
            depends(a, b, "ww")
    for index, key, seen in transactions.reads:
        values = transactions.order.get(key, [])
        if seen:
            depends(transactions.writer.get((key, seen[-1])), index, "wr")
        if seen == values[:len(seen)] and len(seen) < len(values):
            depends(index, transactions.writer.get((key, values[len(seen)])), "rw")
    return edges


def components(edges):
    """The strongly connected components with more than one member (Tarjan), without recursion."""
    number, low, on_stack, stack, found = {}, {}, set(), [], []
    for root in list(edges):
        if root in number:
            continue
        work = [(root, None)]
        while work:
            at, successors = work.pop()
            if successors is None:
                number[at] = low[at] = len(number)
                stack.append(at)
                on_stack.add(at)
                successors = iter(edges[at] if at in edges else ())
            for each in successors:
                if each not in number:
                    work += [(at, successors), (each, None)]
                    break
                if each in on_stack:
                    low[at] = min(low[at], number[each])
            else:
                if low[at] == number[at]:
                    component = set()
                    while at not in component:
                        component.add(stack.pop())
                    on_stack -= component
                    if len(component) > 1:
                        found.append(component)
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[at])
    return found


def path(edges, start, goal, kinds, inside):
    """The shortest path by edges of these kinds between members of `inside`, or None. If start is goal, a cycle."""
    before, queue = {}, deque([start])
    while queue:
        at = queue.popleft()
        for each, has in edges[at].items():
            if each not in inside or not has & kinds or each in before:
                continue
            before[each] = at
            if each == goal:
                way = [goal]
                while len(way) == 1 or way[-1] != start:
                    way.append(before[way[-1]])
                return way[::-1]
            queue.append(each)
    return None


def worst_cycle(edges, component):
    """(name, cycle) of the gravest cycle of a component."""
    for name, kinds in (("G0", {"ww"}), ("G1c", {"ww", "wr"})):
        for start in component:
            cycle = path(edges, start, start, kinds, component)
            if cycle:
                return name, cycle
    for start in component:
        for each, has in edges[start].items():
            back = path(edges, each, start, {"ww", "wr"}, component) if "rw" in has and each in component else None
            if back:
                return "G-single", [start, *back]
    start = next(iter(component))
    return "G2", path(edges, start, start, {"ww", "wr", "rw"}, component)


def lists(operations, final, level="serializable"):
    """All anomalies of a history of transactions at that level: serializable or snapshot."""
    transactions = Transactions(operations, final)
    found = transactions.found + aborted_and_intermediate(transactions) + lost(transactions, final)
    edges = dependencies(transactions)
    for component in components(edges):
        name, cycle = worst_cycle(edges, component)
        if name == "G2" and level == "snapshot":
            continue
        told = transactions.named(cycle[0])
        for a, b in zip(cycle, cycle[1:]):
            told += f" -{'/'.join(sorted(edges[a][b]))}-> {transactions.named(b)}"
        found.append(anomaly(name, told))
    return found
