"""Random faults for a short time with a fixed seed. `make chaos` does it for longer. HOSTS_CHAOS=1 switches it on: on a busy machine etcd takes
longer to check a password than the short times allow, and then the cluster does not come back while the load lasts."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "chaos"))

import measure  # noqa: E402
from deployment import Deployment  # noqa: E402
from machines import TREE  # noqa: E402

SEED, MINUTES = 1, 2


pytestmark = pytest.mark.skipif("HOSTS_CHAOS" not in os.environ, reason="HOSTS_CHAOS is not set")


@pytest.fixture
def site(machines, packages, tmp_path):
    site = Deployment(machines, tmp_path, packages, "fast", synchronous=True)
    measure.deploy(site, "tamada")
    return site


def test_random_faults_in_synchronous_mode(site):
    run = measure.Run(site, SEED, MINUTES)
    result = run.measure()
    run.save(TREE / "build" / "chaos" / "make-test.json")
    assert result["faults"] and result["acknowledged"] > 500
    assert not result["failures"], result["examples"]
