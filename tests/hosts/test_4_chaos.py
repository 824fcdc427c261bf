"""Random faults with a fixed seed for the minutes of HOSTS_CHAOS; without it the test is skipped. `make test-hosts` sets it, and `make chaos`
does the same for any seed and mode."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "chaos"))

import measure  # noqa: E402
from deployment import Deployment  # noqa: E402
from machines import TREE  # noqa: E402

SEED, MINUTES = 1, float(os.environ.get("HOSTS_CHAOS", 0))

pytestmark = pytest.mark.skipif(not MINUTES, reason="HOSTS_CHAOS is not set")


@pytest.fixture
def site(machines, packages, tmp_path):
    site = Deployment(machines, tmp_path, packages, "fast", synchronous=True)
    measure.deploy(site, "tamada")
    return site


def test_random_faults_in_synchronous_mode(site):
    run = measure.Run(site, SEED, MINUTES)
    result = run.measure()
    run.save(TREE / "build" / "chaos" / f"hosts-seed-{SEED}.json")
    assert result["faults"] and result["acknowledged"] > 250 * MINUTES
    assert not result["failures"], result["examples"]
