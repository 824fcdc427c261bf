"""What makes a run fail, and how faults of the network are put together, without hosts."""
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "hosts"), str(HERE.parent)]

import measure  # noqa: E402
import nemesis  # noqa: E402
import plan  # noqa: E402
import sampling  # noqa: E402


def test_lost_rows_fail_a_run_unless_replication_is_asynchronous():
    assert measure.failures("sync", {"lost": 3}, 0) == ["3 times: lost"]
    assert measure.failures("quorum", {"G-single": 1}, 0) == ["1 times: G-single"]
    assert measure.failures("async", {"lost": 3, "G-single": 1}, 0) == []
    assert measure.failures("async", {"wrong total": 1}, 0) == ["1 times: wrong total"]


def test_two_primaries_fail_a_run_in_every_mode():
    for mode in measure.MODES:
        assert len(measure.failures(mode, {}, 0.1)) == 1


def writable(begin, end, writes=True):
    return [(begin + 0.1 * n, begin + 0.1 * n + 0.01, writes) for n in range(round((end - begin) * 10))]


def test_two_hosts_that_take_writes_at_once_are_seen():
    first, second = writable(0, 10), [*writable(0, 9, False), *writable(9, 12)]
    assert 0.7 < sampling.doubly_writable([first, second]) < 1.3
    assert sampling.doubly_writable([writable(0, 9), [*writable(0, 9.2, False), *writable(9.2, 12)]]) == 0


def test_spans_of_the_picture():
    assert measure.spans([(0, 0.1, "1"), (0.2, 0.3, "1"), (0.4, 0.5, "0"), (9, 9.1, "0")]) == [[0, 0.3, "1"], [0.4, 0.5, "0"], [9, 9.1, "0"]]


class Machines:
    """Records the commands, and answers each with a process id."""

    def __init__(self):
        self.told = []

    def __call__(self, *words, **_):
        self.told.append(words)
        return ""

    def sh(self, k, script, **_):
        self.told.append(("sh", k, script))
        return "41 42"


class Site:
    class Node:
        def __init__(self, k):
            self.k, self.name = k, f"node3{k}"

    def __init__(self):
        self.machines, self.nodes = Machines(), [self.Node(k) for k in (1, 2, 3)]


@pytest.fixture
def faults():
    return nemesis.Nemesis(Site(), None, [], "tamada", {"ttl": 5})


def test_cuts_that_overlap_end_one_by_one(faults):
    mute, deaf = faults.mute(1, {}), faults.deaf(1, {})
    next(mute)
    assert faults.machines.told[-1] == ("cuts", "1:2", "1:3")
    next(deaf)
    assert faults.machines.told[-1] == ("cuts", "1:2", "1:3", "2:1", "3:1")
    next(mute, None)
    assert faults.machines.told[-1] == ("cuts", "2:1", "3:1")
    next(deaf, None)
    assert faults.machines.told[-1] == ("cuts",)


def test_a_host_that_is_down_is_not_taken_down_again(faults):
    power = faults.power(2, {})
    next(power)
    with pytest.raises(nemesis.Impossible):
        next(faults.freeze(2, {}))
    next(power, None)
    assert faults.machines.told[-1] == ("start", 2)
    next(faults.freeze(2, {}))


def test_the_processes_that_were_stopped_go_on(faults):
    stop = faults.stop_daemon(3, {})
    next(stop)
    assert faults.machines.told[-1] == ("sh", 3, "kill -STOP 41 42")
    next(stop, None)
    assert faults.machines.told[-1] == ("sh", 3, "kill -CONT 41 42")


def test_every_kind_of_the_plan_can_be_carried_out():
    assert all(callable(getattr(nemesis.Nemesis, kind)) for kind in plan.KINDS)
