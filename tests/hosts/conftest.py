"""Fixtures: four booted hosts, three for a cluster and one for HAProxy, and the cluster that the playbooks deploy on them. They
exist for the whole run, because the files build on each other in the order of their names.

KEEP=FOLDER keeps the hosts, and the inventory in FOLDER, for the next run, which then need not begin with the first file."""
import os
import pathlib
import signal
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from deployment import Deployment, built_packages  # noqa: E402
from machines import prepared  # noqa: E402


def pytest_configure():
    """Makes a request to end the run also end the processes that it started, such as ansible-playbook."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


skipped = []   # the reason is printed once for all tests


def skip(error):
    skipped.append("SKIPPED: no booted hosts on this machine: " + "\n  ".join(str(error).strip().splitlines()[-6:]))
    pytest.skip(skipped[0])


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write("".join(reason + "\n" for reason in skipped))


@pytest.fixture(scope="session")
def packages():
    return built_packages()


@pytest.fixture(scope="session")
def machines(packages):
    """The packages are made first, because the hosts' network namespace, into which this process moves, does not lead to Debian's mirror."""
    try:
        machines = prepared()
    except RuntimeError as error:
        skip(error)
    keep = "KEEP" in os.environ
    if not (keep and machines("status")):
        try:
            machines("up", 4, timeout=300)
        except RuntimeError as error:
            machines("down", check=False)
            skip(error)
    yield machines
    if not keep:
        machines("down")


@pytest.fixture(scope="session")
def deployment(machines, packages, tmp_path_factory):
    folder = os.environ.get("KEEP") or tmp_path_factory.mktemp("site")
    return Deployment(machines, folder, packages, os.environ.get("HOSTS_PROFILE", "fast"),
                      os.environ.get("HOSTS_REPLICATION", "synchronous") == "synchronous")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    site = next((value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Deployment)), None)
    if report.failed and site:
        report.sections += [(f"journal of {node.name}", node.log(60)) for node in site.nodes]
