"""GET /tamada/doctor finds what is wrong around its node: with each server of etcd, the certificates, the rights of pg_rewind."""
import json
import socket

import pytest
from authority import Authority

from harness import wait_for

pytestmark = pytest.mark.tamada

STAT = "pg_stat_file(text, boolean)"


def complaints(node):
    status, text = node.api("/tamada/doctor", timeout=15)
    assert status == 200, text
    return {one["code"]: one for one in json.loads(text)["findings"] if one["grade"] != "ok"}


def test_what_is_wrong_around_a_node(new_cluster):
    cluster = new_cluster(2)
    authority = Authority(cluster.root)   # its certificates are valid for two days
    sick = cluster.nodes[1]
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))   # nobody listens there
        dead = f"127.0.0.1:{closed.getsockname()[1]}"
        sick.config["etcd3"] = {"hosts": [sick.etcd_address, dead]}
        sick.config["ctl"] = {"cacert": authority.path("ca.crt"), "certfile": f"{cluster.root}/nowhere.crt", "keyfile": f"{cluster.root}/nowhere.key"}
        cluster.up()
        cluster.leader().sql(f"revoke execute on function {STAT} from rewind_user")
        found = wait_for("the findings", lambda: (now := complaints(sick)).keys() >= {"etcd_silent", "certificate_ends", "rewind_forbidden"} and now, 60)
        assert dead in found["etcd_silent"]["text"]
        assert "etcd_no_majority" in found   # of two servers one is dead
        assert f"ctl.cacert {authority.path('ca.crt')} ends in 1 days" == found["certificate_ends"]["text"]
        assert found["certificate_unreadable"]["text"] == f"ctl.certfile {cluster.root}/nowhere.crt: cannot be read"
        assert f"GRANT EXECUTE ON FUNCTION pg_catalog.{STAT} TO rewind_user" in found["rewind_forbidden"]["next"]
        # The same grants are seen from the other node, whose own servers of etcd and files are well.
        wait_for("the other's", lambda: "rewind_forbidden" in (well := complaints(cluster.nodes[0])) and "etcd_silent" not in well, 60)
        cluster.leader().sql(f"grant execute on function {STAT} to rewind_user")
        wait_for("the end of it", lambda: "rewind_forbidden" not in complaints(sick), 60)
