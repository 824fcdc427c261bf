"""Each kind of anomaly, in a history made by hand, is found, and nothing is found in a good history."""
import itertools
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import checker  # noqa: E402
import cycles  # noqa: E402
import history  # noqa: E402
from history import FAIL, OK, UNKNOWN, Operation  # noqa: E402


def kinds(found):
    return sorted({each["kind"] for each in found})


def of(kind, *rows):
    """Operations of one client from (value, outcome)."""
    return [Operation(1, kind, value, at, at + 0.5, outcome) for at, (value, outcome) in enumerate(rows)]


# ---- a set

def test_a_good_set():
    assert checker.inserts(of("insert", (1, OK), (2, UNKNOWN), (3, UNKNOWN), (4, FAIL)), {1, 3}) == []


def test_an_acknowledged_row_is_missing():
    assert kinds(checker.inserts(of("insert", (1, OK), (2, OK)), {1})) == ["lost"]


def test_a_row_that_nobody_has_inserted():
    assert kinds(checker.inserts(of("insert", (1, OK)), {1, 7})) == ["never tried"]


def test_a_row_that_was_refused_and_is_there():
    assert kinds(checker.inserts(of("insert", (1, FAIL)), {1})) == ["failed, and there"]


def test_broken_data_are_told():
    operations = of("insert", (1, UNKNOWN), (2, FAIL))
    operations[0].error, operations[1].error = "XX001 invalid page in block 3", "40001 could not serialize access"
    assert kinds(checker.broken(operations)) == ["broken"] and len(checker.broken(operations)) == 1


# ---- a bank

def test_totals_of_a_bank():
    assert checker.bank(of("balances", ([5, 5], OK), ([10, 0], OK), ([1, 1], FAIL)), 10) == []
    assert kinds(checker.bank(of("balances", ([5, 6], OK)), 10)) == ["wrong total"]
    assert kinds(checker.bank(of("balances", ([11, -1], OK)), 10)) == ["overdrawn"]


# ---- a counter

def counted(*rows):
    """Operations from (client, kind, value, invoked, completed)."""
    return [Operation(process, kind, value, invoked, completed, OK) for process, kind, value, invoked, completed in rows]


def test_a_good_counter():
    assert checker.counter(counted((1, "increment", 1, 0, 2), (2, "look", 0, 1, 1.5), (2, "look", 1, 3, 4)), final=1) == []


def test_a_client_sees_the_counter_go_back():
    rows = counted((1, "increment", 1, 0, 9), (1, "increment", 2, 10, 19), (2, "look", 2, 11, 12), (2, "look", 1, 13, 14))
    assert "went back" in kinds(checker.counter(rows))


def test_a_stale_read_of_another_client():
    rows = counted((1, "increment", 1, 0, 1), (2, "look", 0, 2, 3))
    assert kinds(checker.counter(rows)) == ["stale"]


def test_an_increment_that_misses_an_acknowledged_one():
    rows = counted((1, "increment", 1, 0, 1), (2, "increment", 1, 2, 3))
    assert kinds(checker.counter(rows)) == ["stale"]


def test_an_acknowledged_increment_is_missing_in_the_end():
    assert kinds(checker.counter(counted((1, "increment", 1, 0, 1)), final=0)) == ["lost"]


def test_more_increments_than_were_tried():
    assert kinds(checker.counter(counted((1, "increment", 1, 0, 1)), final=2)) == ["never tried"]


# ---- lists

def r(key, *values):
    return ["read", key, list(values)]


def a(key, value):
    return ["append", key, value]


def run(*transactions):
    """Operations from lists of steps; a tuple (steps, outcome) is a transaction that was not acknowledged."""
    made = [each if isinstance(each, tuple) else (each, OK) for each in transactions]
    return [Operation(n, "lists", steps, n, n + 0.5, outcome) for n, (steps, outcome) in enumerate(made)]


GOOD = run([a("x", 1)], [r("x", 1), a("x", 2)], [r("x", 1, 2), a("y", 1), r("y", 1)], ([a("x", 3)], FAIL), ([a("x", 4)], UNKNOWN),
           [r("x", 1, 2, 4), r("y", 1)])
CASES = {
    "G0": (run([a("x", 1), a("y", 1)], [a("x", 2), a("y", 2)]), {"x": [1, 2], "y": [2, 1]}),
    "G1a": (run(([a("x", 1)], FAIL), [r("x", 1)]), {"x": [1]}),
    "G1b": (run([a("x", 1), a("x", 2)], [r("x", 1)]), {"x": [1, 2]}),
    "G1c": (run([a("x", 1), r("y", 1)], [a("y", 1), r("x", 1)]), {"x": [1], "y": [1]}),
    "G-single": (run([a("x", 1), a("y", 1)], [r("x", 1), r("y")]), {"x": [1], "y": [1]}),
    "G2": (run([r("x"), a("y", 1)], [r("y"), a("x", 1)]), {"x": [1], "y": [1]}),
    "lost": (run([a("x", 1)], [a("x", 2)]), {"x": [2]}),
    "incompatible order": (run([a("x", 1)], ([a("x", 2)], UNKNOWN), [r("x", 2)]), {"x": [1, 2]}),
    "never tried": (run([a("x", 1)]), {"x": [1, 9]}),
    "twice": (run([a("x", 1)]), {"x": [1, 1]}),
    "internal": (run([a("x", 1), r("x")]), {"x": [1]}),
}


def test_a_good_history_of_lists():
    assert cycles.lists(GOOD, {"x": [1, 2, 4], "y": [1]}) == []


@pytest.mark.parametrize("kind", CASES)
def test_an_anomaly_of_lists(kind):
    operations, final = CASES[kind]
    found = kinds(cycles.lists(operations, final))
    assert found == (["G-single", "G1b"] if kind == "G1b" else [kind])   # what was read in the middle of a transaction is also a skewed read


def test_snapshot_isolation_allows_write_skew_only():
    for kind, (operations, final) in CASES.items():
        assert bool(cycles.lists(operations, final, "snapshot")) == (kind != "G2"), kind


def test_a_lost_update_is_no_good_history():
    """Two transactions read the same list and append to it."""
    operations = run([a("x", 1)], [r("x", 1), a("x", 2)], [r("x", 1), a("x", 3)])
    assert kinds(cycles.lists(operations, {"x": [1, 2, 3]})) == ["G-single"]


def test_a_cycle_of_many_transactions():
    """Each appends to its own key and read the next one's; the last closes the ring."""
    size = 3000   # more than Python's limit of recursion
    ring = run(*([a(n, 1), r((n + 1) % size, 1)] for n in range(size)))
    found = cycles.lists(ring, {n: [1] for n in range(size)})
    assert kinds(found) == ["G1c"] and len(found) == 1
    open_ring = run(*([a(n, 1), r(n + 1, 1) if n + 1 < size else r(0)] for n in range(size)))
    assert kinds(cycles.lists(open_ring[1:], {n: [1] for n in range(1, size)})) == []


def test_a_history_is_read_as_it_was_written(tmp_path):
    kept = history.History(GOOD)
    kept.write(tmp_path / "history.jsonl")
    assert history.read(tmp_path / "history.jsonl").operations == GOOD


class Store:
    """A small store with snapshot isolation, whose transactions overlap at random. With `lost_updates` it lets the second of two writers of a
    key win, as no snapshot isolation does."""

    def __init__(self, seed, lost_updates=False):
        self.rng, self.lost_updates = random.Random(seed), lost_updates
        self.lists, self.changed, self.clock, self.values = {}, {}, 0, itertools.count(1)

    def transaction(self, number):
        """Begins a transaction; the generator ends it at its second step."""
        operation = Operation(number % 5, "lists", [], number)
        began, mine = self.clock, {key: list(values) for key, values in self.lists.items()}
        written = set()
        for _ in range(self.rng.randint(1, 4)):
            key = self.rng.choice("xyz")
            if self.rng.random() < 0.5:
                mine.setdefault(key, []).append(value := next(self.values))
                operation.value.append(a(key, value))
                written.add(key)
            else:
                operation.value.append(r(key, *mine.get(key, [])))
        yield operation
        operation.outcome = FAIL
        if self.rng.random() > 0.1 and (self.lost_updates or all(self.changed.get(key, 0) <= began for key in written)):
            self.clock += 1
            for key in written:
                self.lists[key], self.changed[key] = mine[key], self.clock
            operation.outcome = UNKNOWN if self.rng.random() < 0.1 else OK

    def history(self, length=60, at_once=3):
        """at_once: 1 means one after the other, which is serializable."""
        done, active = [], []
        for number in range(length):
            active.append(self.transaction(number))
            done.append(next(active[-1]))
            while len(active) >= at_once:
                next(active.pop(self.rng.randrange(len(active))), None)
        for each in active:
            next(each, None)
        return done, self.lists


@pytest.mark.parametrize("seed", range(100))
def test_a_store_with_snapshot_isolation(seed):
    """Nothing is found in what a good store does, and a store that loses updates is found out."""
    assert cycles.lists(*Store(seed).history(at_once=1)) == []
    assert cycles.lists(*Store(seed).history(), "snapshot") == []
    assert kinds(cycles.lists(*Store(seed).history())) in ([], ["G2"])
    assert {"lost", "incompatible order"} & set(kinds(cycles.lists(*Store(seed, lost_updates=True).history(), "snapshot")))
