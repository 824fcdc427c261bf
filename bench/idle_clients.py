#!/usr/bin/python3
"""Compares how long PostgreSQL takes to stop with many idle clients: by pg_ctl alone and in a switchover, on the same machine.

    idle_clients.py [--clients 0,100,500,2000] [--reps 3] [--json build/idle_clients.json]

pg_ctl stops a single primary with the same configuration. The switchover is requested over REST in a cluster of two nodes.
PostgreSQL's log shows the phases: the clients' sessions end between "received fast shutdown request" and "shutting down", and the
shutdown checkpoint runs between "shutting down" and "database system is shut down".
"""
import argparse
import collections
import json
import re
import selectors
import socket
import statistics
import struct
import threading
import time

import psycopg2

import scenarios
from harness import Cluster, processes, wait_for
from harness.cluster import postgres_bin

STARTUP = struct.pack("!ii", 41, 196608) + b"user\0postgres\0database\0postgres\0\0"
PREFIX = "%m [%p] "
PLAIN = 7   # the first of the cluster's ports that is not in use


class IdleClients:
    """Idle connections, as a pool keeps them. Each is a plain socket without a library."""

    def __init__(self, port, count, statement=None):
        self.port, self.thread = port, None
        self.sockets = []
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", port), timeout=60)
            self.sockets.append(client)
            client.sendall(STARTUP)
            self._read(client)
            if statement:
                text = statement.encode() + b"\0"
                client.sendall(b"Q" + struct.pack("!i", len(text) + 4) + text)
                self._read(client)

    @staticmethod
    def _read(client):
        answer = b""
        while not answer.endswith(b"Z\0\0\0\5I"):
            part = client.recv(4096)
            if not part:
                raise SystemExit(f"refused: {answer}")
            answer += part

    def come_back(self, pause):
        """From now on each connection that has ended is opened again after `pause` seconds."""
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._come_back, args=(pause,), daemon=True)
        self.thread.start()

    def _come_back(self, pause):
        poll = selectors.DefaultSelector()
        for client in self.sockets:
            client.setblocking(False)
            poll.register(client, selectors.EVENT_READ)
        due = collections.deque()
        while not self.ended.is_set():
            for key, _ in poll.select(0.02):
                client = key.fileobj
                try:
                    if client.recv(4096):
                        continue
                except OSError:
                    pass
                poll.unregister(client)
                client.close()
                due.append(time.monotonic() + pause)
            while due and due[0] <= time.monotonic():
                due.popleft()
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", self.port))
                try:
                    client.send(STARTUP)
                except OSError:   # the connection is not there yet or was refused, which the next event shows
                    pass
                poll.register(client, selectors.EVENT_READ)
        for key in list(poll.get_map().values()):
            key.fileobj.close()

    def close(self):
        if self.thread:
            self.ended.set()
            self.thread.join()
        for client in self.sockets:
            client.close()


def phases(text):
    """The duration of the phases in seconds by PostgreSQL's log."""
    def at(words):
        found = re.search(r"(\d\d):(\d\d):(\d\d\.\d+) \S+ \[\d+\] LOG:  " + words, text)
        return found and int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])
    asked, empty, down = at("received fast shutdown request"), at("shutting down"), at("database system is shut down")
    return {"clients_end_s": (empty - asked) % 86400, "checkpoint_s": (down - empty) % 86400}


def ready_cluster(most):
    cluster = Cluster(2, dcs=scenarios.DCS)
    parameters = {"max_connections": most + 50, "log_line_prefix": PREFIX}
    for node in cluster.nodes:
        node.config["bootstrap"]["dcs"]["postgresql"]["parameters"].update(parameters)
    return cluster


def switchover(cluster, count, options):
    old = cluster.wait_healthy()
    clients = IdleClients(old.pg_port, count, options.statement)
    if options.come_back is not None:
        clients.come_back(options.come_back)
    try:
        seen = len(old.log(whole=True))
        began = time.monotonic()
        status, text = old.api("/switchover", "POST", {"leader": old.name}, timeout=120)
        taken = time.monotonic() - began
        assert status == 200, text
        new = cluster.wait_leader(60, other_than=old)
        wait_for("the new primary to take writes", lambda: new.sql("select pg_is_in_recovery()") == [(False,)], 60)
    finally:
        clients.close()
    cluster.wait_healthy()
    return {"answer_s": taken, **phases(old.log(whole=True)[seen:])}


def end_idle(cluster):
    """Waits until all idle clients are connected, before the stop is requested."""
    with psycopg2.connect(host="127.0.0.1", port=cluster.ports[PLAIN], user="postgres", dbname="postgres") as connection:
        cursor = connection.cursor()
        idle = "from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
        cursor.execute(f"select count(pg_terminate_backend(pid)) {idle} and state = 'idle'")
        connection.commit()
        while True:
            cursor.execute(f"select count(*) {idle}")
            if cursor.fetchone() == (0,):
                return
            connection.commit()


def plain_stop(cluster, count, options):
    """A separate primary, made by the same initdb as the cluster's and with the same settings."""
    node = cluster.nodes[0]
    data, log = f"{cluster.root}/plain", f"{cluster.root}/plain.log"
    run = lambda *argv: processes.run([f"{postgres_bin()}/{argv[0]}", *argv[1:]], cluster.root, timeout=300)  # noqa: E731
    if run("pg_ctl", "-D", data, "status").returncode == 4:
        done = run("initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-k", "-N")
        assert done.returncode == 0, done.stderr
        parameters = node.config["bootstrap"]["dcs"]["postgresql"]["parameters"]
        lines = [f"{name} = '{value}'" for name, value in {**parameters, "port": cluster.ports[PLAIN], "listen_addresses":
                                                           "127.0.0.1", "unix_socket_directories": cluster.root}.items()]
        with open(f"{data}/postgresql.auto.conf", "a") as f:
            f.write("\n".join(lines) + "\n")
    started = run("pg_ctl", "-D", data, "-w", "-l", log, "start")
    assert started.returncode == 0, started.stdout
    clients = IdleClients(cluster.ports[PLAIN], count, options.statement)
    if options.come_back is not None:
        clients.come_back(options.come_back)
    try:
        with open(log) as f:
            seen = len(f.read())
        began = time.monotonic()
        if options.end_first:
            end_idle(cluster)
        stopped = run("pg_ctl", "-D", data, "-m", "fast", "-t", "240", "stop")
        taken = time.monotonic() - began
        assert stopped.returncode == 0, stopped.stderr
    finally:
        clients.close()
    with open(log) as f:
        return {"answer_s": taken, **phases(f.read()[seen:])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", default="0,100,500,2000")
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--come-back", type=float, metavar="S", help="clients connect again S seconds after their end")
    parser.add_argument("--statement", help="each client has run it once: a backend that was of use is slower to end")
    parser.add_argument("--end-first", action="store_true",
                        help="before pg_ctl is called, its idle clients are ended by pg_terminate_backend(); answer: with that")
    parser.add_argument("--json")
    options = parser.parse_args()
    processes.adopt_orphans()
    counts = [int(count) for count in options.clients.split(",")]
    results = []
    with ready_cluster(max(counts)) as cluster:
        cluster.up()
        for count in counts:
            rows = {"pg_ctl": [], "switchover": []}
            for _ in range(options.reps):
                rows["pg_ctl"].append(plain_stop(cluster, count, options))
                rows["switchover"].append(switchover(cluster, count, options))
            for kind, measured in rows.items():
                row = {key: statistics.median(one[key] for one in measured) for key in measured[0]}
                results.append({"clients": count, "kind": kind, **row})
                print(f"{count:5} clients, {kind:10}: answer {row['answer_s']:6.2f} s, clients end {row['clients_end_s']:6.2f} s, "
                      f"checkpoint {row['checkpoint_s']:5.2f} s", flush=True)
    if options.json:
        with open(options.json, "w") as f:
            json.dump(results, f, indent=1)


if __name__ == "__main__":
    main()
