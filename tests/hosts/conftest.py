"""Fixtures: four booted hosts, three for a cluster and one for HAProxy, and what the playbooks make of them. One of each for
the whole run: the files build on each other, in the order of their names.

KEEP=FOLDER keeps the hosts, and the inventory in FOLDER, for the next run, which then need not begin with the first file."""
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from deployment import TREE, Deployment  # noqa: E402
from machines import Machines, why_not  # noqa: E402


@pytest.fixture(scope="session")
def machines():
    reason = why_not()
    if reason:
        pytest.skip(f"no booted hosts on this machine: {reason}")
    machines = Machines(os.environ.get("HOSTS_NAME", "tam"), os.environ.get("HOSTS_NET", "10.213.7"))
    keep = os.environ.get("KEEP")
    try:
        machines("build", timeout=1800)
        if not (keep and machines("status")):
            machines("up", 4, timeout=300)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        machines("down", check=False)
        pytest.skip(f"no booted hosts on this machine: {error}")
    yield machines
    if not keep:
        machines("down")


@pytest.fixture(scope="session")
def packages():
    """The folder of the Debian packages, made from the programs that are being tested."""
    programs = pathlib.Path(os.environ.get("DAEMON_CMD", TREE / "build" / "release" / "bin" / "tamada")).parent
    done = subprocess.run([TREE / "packaging" / "build-deb", programs.parent], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return programs.parent / "deb"


@pytest.fixture(scope="session")
def deployment(machines, packages, tmp_path_factory):
    folder = os.environ.get("KEEP") or tmp_path_factory.mktemp("site")
    return Deployment(machines, folder, packages, os.environ.get("HOSTS_PROFILE", "fast"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    site = item.funcargs.get("deployment") if hasattr(item, "funcargs") else None
    if report.failed and site:
        report.sections += [(f"journal of {node.name}", node.log(60)) for node in site.nodes]
