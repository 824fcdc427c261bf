"""A client that writes all the time and records which rows were acknowledged."""
import threading
import time
from dataclasses import dataclass

import psycopg2

from .waiting import wait_for


@dataclass(frozen=True)
class Ack:
    id: int
    at: float   # time.monotonic()
    port: int   # the port of the server that acknowledged it


class Writer:
    """Inserts one row every `period` s into the node that takes writes, as an application does with libpq's list of hosts. With
    `endpoints`, a list of (host, port), it writes to the servers behind these. After any error it connects again."""

    def __init__(self, cluster, period=0.005, table="written", endpoints=None, password="su"):
        self.cluster, self.period, self.table = cluster, period, table
        self.endpoints = endpoints or [("127.0.0.1", n.pg_port) for n in cluster.nodes]
        self.password = password
        self.acks, self.last_error = [], None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self, timeout=30):
        def create():
            leader = self.cluster.leader()
            leader.sql(f"create table if not exists {self.table}(id bigint primary key, at timestamptz default now())")
            return leader.sql(f"select coalesce(max(id), 0) + 1 from {self.table}")[0][0]
        self._next = wait_for("a table to write to", create, timeout)
        self._thread.start()
        wait_for("first acknowledged writes", lambda: len(self.acks) >= 20, timeout)
        return self

    def stop(self):
        self._done.set()
        self._thread.join(15)

    def _connect(self):
        hosts, ports = zip(*self.endpoints)
        # A server that does not answer is given up after two seconds, whether it has vanished or is slow.
        conn = psycopg2.connect(host=",".join(hosts), port=",".join(map(str, ports)), user="postgres", password=self.password,
                                dbname="postgres", target_session_attrs="read-write", connect_timeout=2, tcp_user_timeout=2000,
                                keepalives_idle=1, keepalives_interval=1, keepalives_count=2,
                                options="-c statement_timeout=2000", application_name="writer")
        conn.autocommit = True
        return conn

    def _run(self):
        conn = None
        while not self._done.is_set():
            try:
                if conn is None:
                    conn = self._connect()
                    cursor = conn.cursor()
                conn.notices.clear()
                cursor.execute(f"insert into {self.table}(id) values (%s)", (self._next,))
                if any("synchronous replication" in notice for notice in conn.notices):
                    raise psycopg2.OperationalError("committed here, but not acknowledged by a standby")
                self.acks.append(Ack(self._next, time.monotonic(), conn.info.port))
            except psycopg2.Error as e:
                self.last_error = e
                if conn is not None:
                    conn.close()
                conn = None
            self._next += 1   # a row whose result is unknown is not sent again, because its id must not be counted twice
            self._done.wait(self.period)
        if conn is not None:
            conn.close()

    # ---- results

    def acked_since(self, t):
        return [a for a in reversed(self.acks[-4000:]) if a.at > t]

    def wait_for_writes(self, since, count=50, timeout=60, port=None):
        """Waits until `count` rows were acknowledged after `since` (by the server on `port`)."""
        return wait_for(f"{count} writes" + (f" on port {port}" if port else ""),
                        lambda: len([a for a in self.acked_since(since) if port in (None, a.port)]) >= count, timeout)

    def longest_gap(self, since, until=None):
        """The longest time in seconds without an acknowledgement in [since, until]."""
        until = until or time.monotonic()
        acks = list(self.acks)
        before = [a.at for a in acks if a.at < since]
        times = [before[-1] if before else since] + [a.at for a in acks if since <= a.at <= until] + [until]
        return max(b - a for a, b in zip(times, times[1:]))

    def missing(self, node=None, timeout=30):
        """The acknowledged rows that the node (by default the leader) does not have."""
        acks = list(self.acks)   # taken before the rows are read, because the writer may go on meanwhile

        def read():
            source = node or self.cluster.leader()
            return {"ids": {r[0] for r in source.sql(f"select id from {self.table}")}}
        there = wait_for("reading the rows back", read, timeout)["ids"]
        return [a for a in acks if a.id not in there]
