"""A cluster that the playbooks deploy on the hosts: its inventory, the playbooks, and queries of its state."""
import base64
import json
import os
import pathlib
import re
import urllib.request

import psycopg2

from harness import wait_for
from machines import POSTGRESQL, STATE, SUITE, TREE, finished, run

PROFILES = {"fast": {"ttl": 5, "loop_wait": 1, "retry_timeout": 1}, "seed": {"ttl": 30, "loop_wait": 10, "retry_timeout": 10}}

SYNCHRONOUS = ("sync_standby", "quorum_standby")   # the roles of standbys that acknowledge commits

# The section of an inventory that is about the test's hosts, and not about a cluster.
ACCESS = """\
[all:vars]
ansible_user=root
ansible_ssh_private_key_file={state}/id_ed25519
ansible_ssh_common_args='-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR'
ansible_python_interpreter=/usr/bin/python3
TAMADA_PACKAGES={packages}
SECRETS={folder}/secrets

"""
INVENTORY = ACCESS + """\
[etcd001]
{net}.1
{net}.2
{net}.3
[etcd001:vars]
ETCD_TLS=true
ETCD_ROOT_PASSWORD='etcd_root_password'
ETCD_USERNAME='etcd_user'
ETCD_PASSWORD='etcd_password'

[patroni_cluster_a1]
{net}.1 application_name=node31 node_id=1
{net}.2 application_name=node32 node_id=2
{net}.3 application_name=node33 node_id=3 is_leader=true

[patroni_cluster_a1:vars]
PG_CLUSTER_NAME = pg_cluster001

ETCD_HOSTS = '{net}.1:2379,{net}.2:2379,{net}.3:2379'
ETCD_NAME ="etcd001"
ETCD_USERNAME='etcd_user'
ETCD_PASSWORD='etcd_password'
#post requst safe
REST_API_USERNAME='Myuser'
REST_API_PASSWORD='Mypassword'

ttl={ttl}
loop_wait={loop_wait}
retry_timeout={retry_timeout}
synchronous_mode={synchronous}

PG_VERSION={version}
PG_BIN=/usr/lib/postgresql/{version}/bin/
PG_DATA=/var/lib/postgresql/{version}/main
PG_CONFIG=/var/lib/postgresql/{version}/main
SUP_PASSWORD='superpassword'
REP_USER='rep_user'
REP_PASSWORD='rep_password'
REWIND_USER='rewind_user'
REWIND_PASSWORD='rewind_password'

[patroni_cluster_a1_haproxy]
{net}.4
"""

# Debian's Patroni instead of Tamada, with the settings that the playbooks would write.
PATRONI = """\
scope: pg_cluster001
name: {name}
restapi: {{listen: '0.0.0.0:8008', connect_address: '{address}:8008', authentication: {{username: Myuser, password: Mypassword}}}}
etcd3: {{hosts: ['{net}.1:2379', '{net}.2:2379', '{net}.3:2379']{etcd}}}
bootstrap:
  dcs: {{ttl: {ttl}, loop_wait: {loop_wait}, retry_timeout: {retry_timeout}, maximum_lag_on_failover: 1048576, synchronous_mode: {synchronous}, postgresql: {{use_pg_rewind: true,
    use_slots: true, remove_data_directory_on_rewind_failure: true, remove_data_directory_on_diverged_timelines: true,
    pg_hba: ['local all all trust', 'host all all 0.0.0.0/0 scram-sha-256', 'host replication all 0.0.0.0/0 scram-sha-256']}}}}
  initdb: [{{encoding: UTF8}}, data-checksums]
postgresql:
  listen: 0.0.0.0:5432
  connect_address: {address}:5432
  data_dir: /var/lib/postgresql/{version}/main
  bin_dir: /usr/lib/postgresql/{version}/bin
  parameters: {{unix_socket_directories: /var/run/postgresql}}
  authentication: {{superuser: {{username: postgres, password: superpassword}}, replication: {{username: rep_user, password: rep_password}}}}
"""
TLS = ", protocol: https, cacert: /etc/patroni/etcd-ca.crt, username: etcd_user, password: etcd_password"


def built_packages():
    """The folder of the Debian packages that are built from the tested programs, or, for hosts of another Debian, from this tree."""
    if SUITE != "bookworm":
        run([TREE / "packaging" / "build-deb-for", SUITE], timeout=3600)
        return TREE / "build" / SUITE / "deb"
    programs = pathlib.Path(os.environ.get("DAEMON_CMD", TREE / "build" / "release" / "bin" / "tamada")).parent
    run([TREE / "packaging" / "build-deb", programs.parent], timeout=300)
    return programs.parent / "deb"


class Node:
    def __init__(self, deployment, k):
        self.deployment, self.k, self.name = deployment, k, f"node3{k}"
        self.address = deployment.machines.address(k)

    def sql(self, query, timeout=10):
        conn = psycopg2.connect(host=self.address, user="postgres", password="superpassword", dbname="postgres", connect_timeout=timeout,
                                tcp_user_timeout=timeout * 1000, options=f"-c statement_timeout={timeout * 1000}")
        try:
            conn.autocommit = True
            with conn.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall() if cursor.description else []
        finally:
            conn.close()

    def status(self, path):
        """The HTTP status of a check, or None if there was no answer."""
        try:
            with urllib.request.urlopen(f"http://{self.address}:8008{path}", timeout=2) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://{self.address}:8008{path}", timeout=2) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def systemctl(self, *words, timeout=60):
        return self.deployment.machines.exec(self.k, "systemctl", *words, timeout=timeout)

    def main_pid(self):
        return int(self.systemctl("show", "-p", "MainPID", "--value", "patroni"))

    def postmaster_pid(self):
        return int(self.deployment.machines.exec(self.k, "head", "-1", f"/var/lib/postgresql/{POSTGRESQL}/main/postmaster.pid"))

    def log(self, lines=40):
        """The last lines of the journal, or the reason why they cannot be read, for example because the host is frozen."""
        try:
            return self.deployment.machines.exec(self.k, "journalctl", "-u", "patroni", "-n", str(lines), "--no-pager", "-o", "cat", timeout=20)
        except RuntimeError as error:
            return str(error)

    def says(self, text, since):
        """Whether the journal contains the text since that time of time.monotonic()."""
        log = self.deployment.machines.exec(self.k, "journalctl", "-u", "patroni", "-n", "2000", "--no-pager", "-o", "short-monotonic", check=False)
        for line in log.splitlines():
            stamp = re.match(r"\[\s*([0-9.]+)\]", line)
            if stamp and float(stamp[1]) >= since and text in line:
                return True
        return False


class Deployment:
    server = "patroni_cluster_a1"

    def __init__(self, machines, folder, packages, profile="fast", synchronous=False):
        self.machines, self.folder, self.packages = machines, pathlib.Path(folder), packages
        self.times, self.synchronous = PROFILES[profile], synchronous
        self.nodes = [Node(self, k) for k in (1, 2, 3)]
        self.inventory = self.folder / "hosts.ini"
        self.write_inventory()

    def write_inventory(self, more="", replace=None):
        """Writes the inventory. `more` has sections, or lines of existing ones, for the fourth host."""
        text = INVENTORY.format(net=self.machines.net, version=POSTGRESQL, state=STATE, packages=self.packages, folder=self.folder,
                                synchronous=self.synchronous, **self.times)
        for old, new in (replace or {}).items():
            assert old in text, old
            text = text.replace(old, new)
        self.inventory.write_text(text + more.format(net=self.machines.net, version=POSTGRESQL))

    def write_other_inventory(self, sections):
        """Writes an inventory with these sections instead of those above."""
        self.inventory.write_text(ACCESS.format(state=STATE, packages=self.packages, folder=self.folder) + sections)

    def play(self, playbook, *words, server=None, check=True, timeout=600):
        """Runs a playbook with server_name and other variables; the inventory is an executable file."""
        env = dict(os.environ, ANSIBLE_CONFIG=str(TREE / "deploy" / "ansible.cfg"), ANSIBLE_NOCOLOR="1",
                   ANSIBLE_LOCAL_TEMP=str(self.folder / "ansible"), ANSIBLE_SSH_CONTROL_PATH_DIR=str(self.folder / "cp"))
        done = finished([f"playbooks/{playbook}", "-i", self.inventory, "-e", f"server_name={server or self.server}",
                         "-e", "NODE_TIMEOUT=120", *words], timeout, cwd=TREE / "deploy", env=env)
        output = done.stdout + done.stderr
        assert not check or done.returncode == 0, output[-6000:]
        return done.returncode, output

    def start_patroni(self, etcd="", **times):
        """Installs Debian's Patroni on the nodes and starts it, the first node first. etcd: further settings of its section."""
        for node in self.nodes:
            text = PATRONI.format(name=node.name, address=node.address, net=self.machines.net, version=POSTGRESQL, etcd=etcd,
                                  synchronous=str(self.synchronous).lower(), **{**self.times, **times})
            certificate = "cp /etc/etcd/ca.crt /etc/patroni/etcd-ca.crt; chmod 644 /etc/patroni/etcd-ca.crt" if etcd else ""
            self.machines.sh(node.k, f"set -e; dpkg -i /root/debs/*.deb >/dev/null; cd /etc/patroni; cat >config.yml <<'END'\n{text}\nEND\n"
                                     f"{certificate}\nchown postgres config.yml; chmod 600 config.yml; systemctl restart patroni", timeout=120)
            if node is self.nodes[0]:
                wait_for("Patroni's leader", self.leader, 60)
        self.wait_healthy()

    @staticmethod
    def changed(output):
        return sum(map(int, re.findall(r"changed=(\d+)", output)))

    def ctl(self, *words, on=None, check=True, timeout=60):
        """Runs patronictl on a node."""
        return self.machines.exec((on or self.nodes[0]).k, "patronictl", *words, check=check, timeout=timeout)

    def etcdctl(self, *words, on=1, check=True):
        return self.machines.exec(on, "env", "ETCDCTL_API=3", "ETCDCTL_CACERT=/etc/etcd/ca.crt", "ETCDCTL_USER=root:etcd_root_password",
                                  "ETCDCTL_ENDPOINTS=https://127.0.0.1:2379", "etcdctl", *words, check=check)

    def leader_key(self, on=1):
        """{name, create_revision, lease} of the leader key, or None. The read is linearizable, so it needs a quorum."""
        answer = json.loads(self.etcdctl("get", "/service/pg_cluster001/leader", "-w", "json", on=on))
        if not answer.get("kvs"):
            return None
        key = answer["kvs"][0]
        return {"name": base64.b64decode(key["value"]).decode(), "create_revision": key["create_revision"], "lease": key.get("lease")}

    def leader(self):
        """The node that answers as primary now. Raises an exception while there is none."""
        found = [n for n in self.nodes if n.status("/primary") == 200]
        assert len(found) == 1, f"{len(found)} primaries"
        return found[0]

    def standbys(self):
        leader = self.leader()
        return [n for n in self.nodes if n is not leader]

    def successor(self):
        """A standby that may take over. With synchronous replication it has all acknowledged commits."""
        may = [m["name"] for m in self.cluster() if m["role"] in (SYNCHRONOUS if self.synchronous else ("replica",))]
        return next(n for n in self.nodes if n.name in may)

    def cluster(self, asked=None):
        return (asked or self.leader()).get("/cluster")["members"]

    def wait_leader(self, timeout=60, other_than=None):
        def found():
            leader = self.leader()
            return leader if leader is not other_than else None
        return wait_for("a leader" + (f" other than {other_than.name}" if other_than else ""), found, timeout)

    def wait_healthy(self, timeout=90):
        """Waits for three members, one of which leads and the others stream on its timeline. With synchronous replication at least
    one of them must be synchronous."""
        def healthy():
            members = self.cluster()
            assert len(members) == len(self.nodes), members
            assert all(m["state"] in ("running", "streaming") for m in members), members
            assert len({m.get("timeline") for m in members}) == 1, members
            streams = self.leader().sql("select count(*) from pg_stat_replication where state = 'streaming'")[0][0]
            assert streams >= len(self.nodes) - 1, f"{streams} streams"
            assert not self.synchronous or any(m["role"] in SYNCHRONOUS for m in members), members
            return True
        wait_for("a healthy cluster", healthy, timeout, step=0.2)
