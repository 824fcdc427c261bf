"""The plan of the faults: the same for the same seed, and nothing in it that no daemon can survive."""
import dataclasses
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import plan  # noqa: E402

TIMES = {"ttl": 5, "loop_wait": 1, "retry_timeout": 1}


def test_the_same_seed_is_the_same_plan():
    assert plan.made(7, 600, TIMES, "sync") == plan.made(7, 600, TIMES, "sync")
    assert plan.made(7, 600, TIMES, "sync") != plan.made(8, 600, TIMES, "sync")


def test_every_kind_happens_and_ends_in_time():
    faults = [fault for seed in range(40) for fault in plan.made(seed, 600, TIMES, "quorum")]
    assert {fault.kind for fault in faults} == set(plan.KINDS)
    assert all(0 < fault.at and fault.at + fault.duration <= 600 for fault in faults)
    assert len(faults) > 40 * 30


def test_what_no_daemon_can_prevent_does_not_happen():
    """In a pause, and without a guard, only mild faults happen."""
    for seed in range(100):
        faults = plan.made(seed, 600, TIMES, "sync")
        for fault in faults:
            if not plan.KINDS[fault.kind].alone:
                continue
            beside = [other.kind for other in faults if other is not fault and other.at < fault.at + fault.duration and fault.at < other.at + other.duration]
            assert all(plan.KINDS[kind].mild for kind in beside), (seed, fault, beside)


def test_an_edit_keeps_the_promise_of_the_mode():
    for mode in ("async", "sync", "quorum"):
        for change in plan.edits(TIMES, mode):
            assert change.get("synchronous_mode", "true") in ("true", "quorum")
            assert change.get("ttl", 5) >= change.get("loop_wait", 1) + 2 * TIMES["retry_timeout"]


def test_the_faults_of_a_run_can_be_given_again(tmp_path):
    faults = plan.made(7, 600, TIMES, "sync")
    told = [{**dataclasses.asdict(fault), "host": 2, "outcome": "done"} for fault in faults]
    for name, what in (("run.json", {"seed": 7, "faults": told}), ("list.json", told)):
        (tmp_path / name).write_text(json.dumps(what))
        assert plan.read(tmp_path / name) == faults
