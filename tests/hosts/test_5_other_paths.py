"""The inventory of an existing site, with PostgreSQL 10 in the paths of Red Hat's packages, makes a cluster on fresh hosts. Without HOSTS_PG10
the test is skipped; `make test-hosts` sets it."""
import os
import sys

import pytest

from deployment import Deployment
from machines import POSTGRESQL, SCRIPT, TREE, run

sys.path.append(str(TREE / "tests" / "versions"))

import roots  # noqa: E402

pytestmark = pytest.mark.skipif(not os.environ.get("HOSTS_PG10"), reason="HOSTS_PG10 is not set")

# Only the addresses differ from those of that site. The line about TTL is a note there, which Ansible takes for a variable that nobody uses.
SITE = """\
[etcd001]
{net}.1
{net}.2
{net}.3

[patroni_cluster_a1]
## 定义一组postgres集群
{net}.1 application_name=node31 node_id=1
{net}.2 application_name=node32 node_id=2
{net}.3 application_name=node33 node_id=3 is_leader=true
#{net}.4 application_name=node32 node_id=4 clone_from='node31'
[patroni_cluster_a1:vars]
PG_CLUSTER_NAME = pg_cluster001

ETCD_HOSTS = '{net}.1:2379,{net}.2:2379,{net}.3:2379'
ETCD_NAME ="etcd001"
#ETCD_USERNAME='etcd_user'
#ETCD_PASSWORD='etcd_password'
#post requst safe
REST_API_USERNAME='Myuser'
REST_API_PASSWORD='Mypassword'

##failover
TTL > = loop_wait + retry_timeout * 2

PG_VERSION=10
PG_BIN=/usr/pgsql-10/bin/
PG_DATA=/var/lib/pgsql/10/data
PG_CONFIG=/var/lib/pgsql/10/data
##
#超级用户 default postgres
# SUP_USER=postgres
SUP_PASSWORD='superpassword'

#流复制用户
REP_USER='rep_user'
REP_PASSWORD='rep_password'

#PG_VERSION 11 及之后有效
#REWIND_USER=
#REWIND_PASSWORD=
"""
# As Red Hat's packages leave a host: the programs in /usr/pgsql-10, the home folder of the user postgres in /var/lib/pgsql, and nothing of
# Debian's folders. The server comes from npm without client programs; those of the host's own version stand in.
LAYOUT = f"""
set -e
ln -s /usr/lib/postgresql/{POSTGRESQL}/bin/psql /usr/lib/postgresql/{POSTGRESQL}/bin/pg_basebackup /usr/lib/postgresql/{POSTGRESQL}/bin/pg_isready /usr/pgsql-10/bin/
chmod 755 /usr/pgsql-10 /usr/pgsql-10/bin/pg_controldata
install -d -o postgres -g postgres -m 700 /var/lib/pgsql /var/lib/pgsql/10
usermod --home /var/lib/pgsql postgres
rm -rf /var/lib/postgresql
"""


@pytest.fixture
def site(machines, packages, tmp_path):
    version = next(v for v in roots.VERSIONS if v.major == 10)
    try:
        roots.unpack(version)
    except RuntimeError as error:
        pytest.skip(f"no PostgreSQL 10: {error}")
    machines("up", 3, timeout=300)
    site = Deployment(machines, tmp_path, packages, "seed")
    site.write_other_inventory(SITE.format(net=machines.net))
    for node in site.nodes:
        machines.exec(node.k, "mkdir", "/usr/pgsql-10")
        run(["sh", "-ec", 'tar -C "$1" --exclude="*.a" -c . -C "$2" --transform=s:^pg_controldata:bin/pg_controldata: pg_controldata | "$3" exec "$4" tar -C /usr/pgsql-10 -x',
             "-", roots.npm_folder(version), roots.HERE, SCRIPT, node.k], timeout=120, env=machines.env)
        machines.sh(node.k, LAYOUT)
    return site


def test_the_paths_of_red_hat(site):
    site.play("create_etcd.yml", server="etcd001")
    site.play("create_pgha_patroni.yml")
    site.wait_healthy()
    old = site.leader()
    assert old.name == "node33", "is_leader=true is the first"
    assert old.sql("select current_setting('server_version_num')::int / 10000, current_setting('data_directory')") == [(10, "/var/lib/pgsql/10/data")]

    site.ctl("switchover", "pg_cluster001", "--leader", "node33", "--candidate", "node31", "--force")
    assert site.wait_leader(other_than=old).name == "node31"
    site.wait_healthy()
    _, output = site.play("create_pgha_patroni.yml")
    assert site.changed(output) == 0, output[-4000:]
    assert site.machines.sh(1, "ls -d /var/lib/postgresql", check=False) == "", "nothing is written in Debian's folders"
