"""Fixtures: clusters of real etcd and PostgreSQL on loopback.

`cluster` is made once per file and repaired before every test. If the repair fails, a new cluster replaces it.
"""
import os
import pathlib
import signal
import sys

import pytest
import requests

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import Cluster, Side, processes, wait_for  # noqa: E402
from mounts import mount  # noqa: E402, F401 - a fixture

_live = []   # every cluster of this process, for the logs of a failed test


def pytest_configure(config):
    processes.adopt_orphans()
    # A shell starts background programs with SIGINT ignored, and all programs of the tests would inherit that.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "tamada: asks for what Patroni does not promise; skipped on the peer")


def pytest_collection_modifyitems(items):
    if Side().is_tamada:
        return
    for item in items:
        if item.get_closest_marker("tamada"):
            item.add_marker(pytest.mark.skip(reason="not promised by the peer"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and _live:
        report.sections += [(f"logs of {c.root}", c.logs()) for c in _live]


class Factory:
    def __init__(self):
        self.mine = []

    def __call__(self, *args, **kwargs):
        cluster = Cluster(*args, **kwargs)
        self.mine.append(cluster)
        _live.append(cluster)
        return cluster

    def end(self):
        keep = bool(os.environ.get("KEEP"))
        while self.mine:
            cluster = self.mine.pop()
            _live.remove(cluster)
            cluster.down(keep)


@pytest.fixture(scope="module")
def browser():
    import browser as chromium   # its libraries are installed only where the dashboard is tested
    with chromium.browser() as one:
        yield one


@pytest.fixture
def new_cluster():
    """A function that makes a cluster for this test only and does not start it."""
    factory = Factory()
    yield factory
    factory.end()


@pytest.fixture(scope="module")
def _shared():
    factory = Factory()
    yield factory
    factory.end()


@pytest.fixture
def cluster(_shared):
    """Three nodes: a leader and two streaming replicas."""
    if _shared.mine:
        try:
            _shared.mine[0].heal(timeout=60)
            return _shared.mine[0]
        except (TimeoutError, AssertionError):
            _shared.end()   # the test that damaged it has failed already
    return _shared().up() and _shared.mine[0]


@pytest.fixture
def guarded(cluster):
    """A standby whose daemon requires a password."""
    node = cluster.replicas()[1]
    node.configure_rest(authentication={"username": "admin", "password": "p\u00e4ss:word"})
    wait_for("the password to count", lambda: requests.post(f"http://127.0.0.1:{node.api_port}/reload", timeout=5).status_code == 401, 30)
    yield node
    node.configure_rest(authentication=None)
    wait_for("no password to count", lambda: requests.post(f"http://127.0.0.1:{node.api_port}/reload", timeout=5).status_code == 202, 30)
