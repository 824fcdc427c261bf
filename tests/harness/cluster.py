"""One etcd and N nodes of any Patroni-compatible daemon on loopback.

Environment: DAEMON_CMD (default: build/release/bin/tamada of this tree), CTL_CMD (tamadactl beside it), PG_BIN (default:
the newest under /usr/lib/postgresql). `DAEMON_CMD=/usr/bin/patroni CTL_CMD=/usr/bin/patronictl` is Debian's Patroni.
"""
import copy
import glob
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import psycopg2
import yaml

from . import processes
from .cables import Cables
from .ports import PortBlock
from .terminal import Terminal
from .waiting import wait_for

TREE = pathlib.Path(__file__).resolve().parents[2]
DEFAULT_DCS = {"ttl": 30, "loop_wait": 10, "retry_timeout": 10, "maximum_lag_on_failover": 1048576}
FAST_DCS = {**DEFAULT_DCS, "ttl": 8, "loop_wait": 1, "retry_timeout": 2}
HBA = ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]


def postgres_bin():
    if os.environ.get("PG_BIN"):
        return os.environ["PG_BIN"]
    found = glob.glob("/usr/lib/postgresql/*/bin/postgres")
    if not found:
        raise SystemExit("no PostgreSQL under /usr/lib/postgresql (set PG_BIN)")
    return os.path.dirname(max(found, key=lambda path: float(path.split("/")[4])))


def server_version():
    """The major version, such as 15."""
    told = subprocess.run([f"{postgres_bin()}/postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"\) (\d+)", told)[1])


class Side:
    """The daemon and the command that a node runs: ours or Patroni's."""

    def __init__(self, daemon=None, ctl=None):
        built = TREE / "build" / "release" / "bin"
        self.daemon = shlex.split(daemon or os.environ.get("DAEMON_CMD") or str(built / "tamada"))
        self.ctl = shlex.split(ctl or os.environ.get("CTL_CMD") or str(built / "tamadactl"))
        for command in (self.daemon, self.ctl):
            if not shutil.which(command[0]):
                raise SystemExit(f"{command[0]}: no such program (`make build`, or set DAEMON_CMD and CTL_CMD)")

    @property
    def is_tamada(self):
        return any("tamada" in os.path.basename(os.path.realpath(word)) for word in self.daemon)

    def reachable_from(self, folder):
        """The same commands. They are copied into folder if the service user cannot read them (a checkout in /root)."""
        mine = copy.copy(self)
        mine.daemon = [_reachable(self.daemon[0], folder), *self.daemon[1:]]
        mine.ctl = [_reachable(self.ctl[0], folder), *self.ctl[1:]]
        return mine


def _reachable(program, folder):
    path = pathlib.Path(os.path.realpath(shutil.which(program)))
    if processes.service_user() is None or all(p.stat().st_mode & stat.S_IXOTH for p in (path, *path.parents)):
        return str(path)
    target = os.path.join(folder, "bin", path.name)
    os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
    for file in (path, path.with_name("tamada-guard")):   # the daemon looks for these programs in its own folder
        if file.exists():
            copied = os.path.join(folder, "bin", file.name)
            shutil.copy(file, copied)
            os.chmod(copied, 0o755)
    return target


class Etcd:
    def __init__(self, root, ports):
        self.root, self.port, self.peer_port = root, ports[0], ports[1]
        self.log_file = f"{root}/etcd.log"
        self.proc = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        peer = f"http://127.0.0.1:{self.peer_port}"
        with open(self.log_file, "a") as log:
            # --enable-v2: Debian's Patroni asks for the version through the v2 API. --unsafe-no-fsync: etcd shares the disk with N servers.
            self.proc = processes.spawn(
                ["etcd", "--name", "e0", "--data-dir", f"{self.root}/etcd", "--logger", "zap", "--unsafe-no-fsync",
                 "--enable-v2=true", "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                 "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"e0={peer}"],
                log, self.root)
        wait_for("etcd's health", self.healthy, 30)

    def healthy(self):
        with urllib.request.urlopen(self.url + "/health", timeout=1) as answer:
            return b'"true"' in answer.read()

    def running(self):
        return self.proc is not None and self.proc.poll() is None

    def signal(self, signum):
        processes.send(self.proc.pid, signum)

    def kill(self):
        if self.running():
            self.proc.kill()
            self.proc.wait(30)

    def ctl(self, *args):
        return processes.run(["etcdctl", "--endpoints", self.url, *args], self.root, env={"ETCDCTL_API": "3"}, timeout=20)

    def keys(self, prefix):
        """{key without the prefix: value}"""
        out = self.ctl("get", "--prefix", prefix, "-w", "json").stdout
        from base64 import b64decode
        return {b64decode(kv["key"]).decode()[len(prefix):]: b64decode(kv.get("value", "")).decode()
                for kv in json.loads(out).get("kvs", [])}


class Node:
    def __init__(self, cluster, i):
        self.cluster, self.name, self.side = cluster, f"n{i}", cluster.side   # nodes of a mixed cluster have different sides
        self.pg_port, self.api_port = cluster.ports[2 + 2 * i], cluster.ports[3 + 2 * i]
        # The addresses by which others reach the node, and by which the node reaches etcd.
        self.pg_address, self.api_address, self.etcd_address = (
            f"127.0.0.1:{port}" for port in cluster.lay_cables(self, i) or (self.pg_port, self.api_port, cluster.etcd.port))
        self.data = f"{cluster.root}/{self.name}"
        self.config_file = f"{cluster.root}/{self.name}.yml"
        self.log_file = f"{cluster.root}/{self.name}.log"
        self.config = self._config()
        self.proc = None

    def __repr__(self):
        return self.name

    def _config(self):
        c = self.cluster
        parameters = {"max_connections": 50, "shared_buffers": "32MB", "wal_keep_size": "128MB", "wal_log_hints": "on",
                      "hot_standby": "on", "max_wal_senders": 10, "max_replication_slots": 10, "wal_level": "replica"}
        return {
            "scope": c.scope, "namespace": c.namespace, "name": self.name,
            "restapi": {"listen": f"127.0.0.1:{self.api_port}", "connect_address": self.api_address},
            "etcd3": {"hosts": self.etcd_address},
            "bootstrap": {
                "dcs": {**c.dcs, "postgresql": {"use_pg_rewind": True, "parameters": parameters}},
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums", "no-sync"],
                "pg_hba": list(HBA),
            },
            "postgresql": {
                "listen": f"127.0.0.1:{self.pg_port}", "connect_address": self.pg_address, "data_dir": self.data, "bin_dir": postgres_bin(),
                "pgpass": f"{c.root}/{self.name}.pgpass",
                "authentication": {"superuser": {"username": "postgres", "password": "su"},
                                   "replication": {"username": "replicator", "password": "rep"},
                                   "rewind": {"username": "rewind_user", "password": "rew"}},
                "parameters": {"unix_socket_directories": c.root},
                "pg_hba": list(HBA),
            },
            "tags": {"nofailover": False, "noloadbalance": False, "clonefrom": False, "nosync": False},
        }

    # ---- the daemon

    def start(self):
        with open(self.config_file, "w") as f:
            yaml.safe_dump(self.config, f, sort_keys=False)
        self.spawn()

    def spawn(self):
        """Starts the daemon without writing its configuration file."""
        assert not self.running(), f"{self.name} runs already"
        self.log_start = os.path.getsize(self.log_file) if os.path.exists(self.log_file) else 0
        with open(self.log_file, "a") as log:
            self.proc = processes.spawn([*self.side.daemon, self.config_file], log, self.cluster.root)

    def running(self):
        return self.proc is not None and self.proc.poll() is None

    def signal(self, signum):
        processes.send(self.proc.pid, signum)

    def stop(self, timeout=60):
        """Sends SIGTERM and waits, as systemd does. A Patroni that has not ended by then is killed with its server (seen
        once); our daemon must end."""
        if not self.running():
            return
        self.proc.send_signal(signal.SIGCONT)
        self.proc.terminate()
        try:
            self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            with open(self.log_file, "a") as log:
                log.write(f"{self} did not end within {timeout} s of SIGTERM:\n{processes.described(self.proc.pid)}")
            if self.side.is_tamada:
                raise
            self.lose()

    def kill_daemon(self):
        if self.running():
            self.proc.kill()
            self.proc.wait(30)

    def log(self, whole=False):
        """The daemon's output since its last start."""
        if not os.path.exists(self.log_file):
            return ""
        with open(self.log_file, errors="replace") as f:
            f.seek(0 if whole else getattr(self, "log_start", 0))
            return f.read()

    # ---- its server

    def postmaster_pid(self):
        try:
            with open(f"{self.data}/postmaster.pid") as f:
                pid = int(f.readline())
        except (OSError, ValueError):
            return None
        return pid if processes.alive(pid) else None

    def kill_postgres(self):
        """Sends SIGKILL to the postmaster and to all its processes that run at this moment. A running daemon starts the next server
        within milliseconds, and that server must not be killed."""
        pid = self.postmaster_pid()
        for process in [pid, *(child for child, _ in processes.children(pid))] if pid else []:
            processes.send(process, signal.SIGKILL)

    def lose(self):
        """Kills the whole node at once. The daemon is first, so that it does not see its server end."""
        self.kill_daemon()
        self.kill_postgres()
        processes.end_all_in(self.data)

    def connect(self, timeout=10):
        conn = psycopg2.connect(host="127.0.0.1", port=self.pg_port, user="postgres", password="su", dbname="postgres",
                                connect_timeout=timeout, options=f"-c statement_timeout={timeout * 1000}")
        conn.autocommit = True
        return conn

    def sql(self, query, timeout=10):
        conn = self.connect(timeout)
        try:
            cursor = conn.cursor()
            cursor.execute(query)
            return cursor.fetchall() if cursor.description else None
        finally:
            conn.close()

    def pg(self, program, *args, timeout=60):
        return processes.run([f"{postgres_bin()}/{program}", *args], self.cluster.root, timeout)

    def controldata(self):
        out = self.pg("pg_controldata", "-D", self.data).stdout
        return {k.strip(): v.strip() for k, v in (line.split(":", 1) for line in out.splitlines() if ":" in line)}

    def system_identifier(self):
        return self.controldata()["Database system identifier"]

    # ---- its REST API

    def api(self, path="/patroni", method="GET", body=None, timeout=5):
        """(status, text); an OSError if there is no answer."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.api_port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, e.read().decode()

    def status(self):
        return json.loads(self.api("/patroni")[1])

    def configure(self, changes):
        """Changes the dynamic configuration by PATCH /config."""
        status, text = self.api("/config", "PATCH", changes)
        assert status == 200, text

    def configure_rest(self, **restapi):
        """Changes the section `restapi` of the node's own file, and lets the daemon read it. A value of None removes the key."""
        self.config["restapi"] = {key: value for key, value in {**self.config["restapi"], **restapi}.items() if value is not None}
        with open(self.config_file, "w") as f:
            yaml.safe_dump(self.config, f, sort_keys=False)
        self.signal(signal.SIGHUP)

    def is_healthy(self, path):
        try:
            return self.api(path, timeout=2)[0] == 200
        except OSError:
            return False

    def is_primary(self):
        return self.is_healthy("/primary")

    def is_replica(self):
        return self.is_healthy("/replica")

    def is_streaming_from(self, leader):
        return any(name == self.name for name, in
                   leader.sql("select application_name from pg_stat_replication where state = 'streaming'"))


class Cluster:
    def __init__(self, n=3, dcs=None, scope="demo", namespace="/service/", side=None, prefix="tamada-", cables=False):
        side = side or Side()
        self.root = tempfile.mkdtemp(prefix=prefix, dir="/tmp")
        os.chmod(self.root, 0o755)
        user = processes.service_user()
        if user:
            os.chown(self.root, user.pw_uid, user.pw_gid)
        self.scope, self.namespace = scope, namespace
        self.dcs = {**FAST_DCS, **(dcs or {})}
        self.side = side.reachable_from(self.root)
        self.ports = PortBlock()
        self.etcd = Etcd(self.root, self.ports)
        self.cables = Cables(self) if cables else None
        self.nodes = []
        self.nodes += [Node(self, i) for i in range(n)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.down()

    def lay_cables(self, node, i):
        """The ports of the i-th node's proxies: to its server, to its API and to etcd. None without such proxies."""
        if not self.cables:
            return None
        first = 8 + 3 * i
        pg, api, etcd = (self.ports[first + k] for k in range(3))
        self.cables.add(pg, node.pg_port, target=node.name)
        self.cables.add(api, node.api_port, target=node.name)
        self.cables.add(etcd, self.etcd.port, source=node.name)
        return pg, api, etcd

    # ---- the cluster's start and end

    def up(self, timeout=120):
        """Starts one node first, so that it becomes the leader, and then the others."""
        self.etcd.start()
        began = time.monotonic()
        self.nodes[0].start()
        wait_for("a first primary", self.nodes[0].is_primary, timeout)
        self.seconds_to_first = time.monotonic() - began
        for node in self.nodes[1:]:
            node.start()
        self.wait_healthy(timeout)
        self.seconds_to_all = time.monotonic() - began
        return self

    def down(self, keep=False):
        # All processes are ended by id before the folder is removed.
        processes.end_all_in(self.root)
        for proc in [self.etcd.proc, *(n.proc for n in self.nodes)]:
            if proc is not None:
                proc.wait(30)
        if self.cables:
            self.cables.close()
        self.ports.close()
        for node in self.nodes:
            processes.remove_note_of(node.data)
        if not keep:
            shutil.rmtree(self.root, ignore_errors=True)

    def heal(self, timeout=120):
        """Restores what a test has stopped or cut off, and waits for a healthy cluster."""
        if self.cables:
            self.cables.mend()
        if self.etcd.running():
            self.etcd.signal(signal.SIGCONT)
        else:
            self.etcd.start()
        for node in self.nodes:
            if node.running():
                node.signal(signal.SIGCONT)
            else:
                node.start()
        return self.wait_healthy(timeout)

    # ---- observing

    @property
    def prefix(self):
        return f"{self.namespace}{self.scope}/"

    def keys(self):
        return self.etcd.keys(self.prefix)

    def leader(self):
        """The node that says that it is the primary, or None."""
        return next((n for n in self.nodes if n.is_primary()), None)

    def replicas(self):
        leader = self.leader()
        return [n for n in self.nodes if n is not leader]

    def configure(self, **changes):
        self.leader().configure(changes)

    def wait_leader(self, timeout=60, other_than=None):
        def found():
            return next((n for n in self.nodes if n is not other_than and n.is_primary()), None)
        return wait_for("a leader" + (f" other than {other_than}" if other_than else ""), found, timeout)

    def wait_healthy(self, timeout=120, nodes=None):
        """Waits until a leader takes writes and every other (running) node streams from it and answers /replica."""
        nodes = nodes or self.nodes

        def healthy():
            leader = self.leader()
            if leader is None or leader.sql("select pg_is_in_recovery()")[0][0]:
                return None
            rest = [n for n in nodes if n is not leader]
            return leader if all(n.is_replica() and n.is_streaming_from(leader) for n in rest) else None
        return wait_for(f"a leader and {len(nodes) - 1} streaming replicas", healthy, timeout, step=0.1)

    def ctl(self, *args, timeout=60, node=None, env=None):
        return self.run_ctl(self.side, *args, timeout=timeout, node=node, env=env)

    def run_ctl(self, side, *args, timeout=60, node=None, env=None):
        """Runs the command of the cluster's side."""
        return processes.run([*side.ctl, "-c", (node or self.nodes[0]).config_file, *args], self.root, timeout, env)

    def terminal(self, *args, **terminal):
        """Runs the command on a terminal."""
        return Terminal([*self.side.ctl, "-c", self.nodes[0].config_file, *args], self.root, **terminal)

    def logs(self, lines=100):
        """The ends of all logs for the report of a failed test. Of consecutive equal heartbeats only the last is kept."""
        parts = []
        for path in sorted(glob.glob(f"{self.root}/*.log")):
            with open(path, errors="replace") as f:
                text = f.read().splitlines()
            if path.endswith("etcd.log"):
                text = [line for line in text if not re.search(r'"level":"info"', line)]
            said = [re.sub(r"^[-0-9]+ [:,0-9]+ ", "", line) for line in text]
            text = [line for i, line in enumerate(text) if "no action. I am" not in line or said[i:i + 1] != said[i + 1:i + 2]]
            parts.append(f"==== {os.path.basename(path)}\n" + "\n".join(text[-lines:]))
        return "\n".join(parts)
