#!/usr/bin/python3
"""Shows a real three-node cluster on this machine, which comes up, loses its primary and recovers.

    demo.py            stays up until Ctrl-C
    demo.py --once     ends by itself: status 0 when the cluster failed over and healed, 1 when not

One etcd and three nodes with PostgreSQL, on free loopback ports, in a scratch folder under /tmp that is removed
at the end (--keep leaves it). DAEMON_CMD and CTL_CMD choose another daemon.
"""
import argparse
import pathlib
import signal
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from harness import Cluster, Side, Writer, processes  # noqa: E402
from terminal import Screen, strip  # noqa: E402

ROLES = {"Leader": "green", "Replica": "cyan"}
STATES = {"running", "streaming"}


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM. It is not an Exception, so that code which retries after errors does not catch it."""


class Table:
    """Runs `tamadactl list` twice a second in the background, so that a slow answer does not stop the picture."""

    def __init__(self, cluster):
        self.cluster, self.lines = cluster, []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._done.wait(0.5):
            self.refresh()

    def refresh(self):
        try:
            done = self.cluster.ctl("list", timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            return
        if done.returncode == 0 and done.stdout.strip():
            self.lines = done.stdout.rstrip("\n").split("\n")

    def stop(self):
        self._done.set()
        self._thread.join(6)


class Demo:
    def __init__(self, screen, options):
        self.screen, self.options = screen, options
        self.cluster = self.table = self.writer = None

    # ---- the story

    def run(self):
        say = self.screen.say
        dcs = {"ttl": self.options.ttl, "loop_wait": self.options.loop_wait, "retry_timeout": self.options.retry_timeout}
        self.cluster = c = Cluster(3, dcs=dcs, side=Side(), prefix="tamada-demo-")
        self.screen.line(self.screen.style("Tamada: three PostgreSQL nodes and one etcd on this machine", "bold"))
        self.screen.line(self.screen.style(f"scratch folder {c.root}   ttl {dcs['ttl']} s, loop_wait {dcs['loop_wait']} s, "
                                           f"retry_timeout {dcs['retry_timeout']} s", "dim"))
        self.screen.line()

        c.etcd.start()
        say("etcd is up; three daemons start, none of them has any data")
        began = time.monotonic()
        for node in c.nodes:
            node.start()
        self.table = Table(c)
        leader = self.wait("a first primary", c.leader, 120)
        say(f"{leader} won the race, ran initdb and is the primary")
        leader = self.wait("two streaming replicas", self.healthy, 120)
        say(f"two replicas copied it and are streaming: {time.monotonic() - began:.1f} s from nothing", "green")
        self.show_table()

        self.writer = Writer(c, period=0.01)
        self.writer.start()
        say("a client writes a row every 10 ms to whoever is the primary")
        self.watch(5)

        outage = self.lose_primary(leader)
        self.rejoin(leader)
        self.watch(3)
        return self.verdict(leader, outage)

    def lose_primary(self, old):
        say, c = self.screen.say, self.cluster
        say(f"kill -9: the daemon (pid {old.proc.pid}) and all of PostgreSQL (pid {old.postmaster_pid()}) on {old}", "red")
        lost = time.monotonic()
        old.lose()
        new = self.wait("a new primary", lambda: next((n for n in c.nodes if n is not old and n.is_primary()), None), 120)
        say(f"{new} holds the lease now and was promoted, {time.monotonic() - lost:.1f} s after the loss")
        self.wait("writes on the new primary",
                  lambda: len([a for a in self.writer.acked_since(lost + 0.1) if a.port == new.pg_port]) >= 20, 60)
        outage_ms = 1000 * self.writer.longest_gap(lost)
        say(f"writes go on: {outage_ms:.0f} ms without an acknowledged write "
            f"(a lost node keeps its lease for up to ttl = {self.options.ttl} s)", "yellow")
        self.wait("the other replica to follow", lambda: all(
            n.is_streaming_from(new) for n in c.nodes if n not in (old, new)), 60)
        say(f"the other replica follows {new}")
        self.show_table()
        self.watch(3)
        return outage_ms

    def rejoin(self, old):
        self.screen.say(f"{old} is started again; its server was a primary, and may hold rows that nobody else has")
        began = time.monotonic()
        old.start()
        leader = self.wait("its return", self.healthy, 120)
        how = "by pg_rewind" if "running pg_rewind" in old.log() else "as it was"
        self.screen.say(f"{old} is a replica of {leader} ({how}), {time.monotonic() - began:.1f} s later", "green")
        self.show_table()

    def verdict(self, old, outage_ms):
        # The writer stops first, because no row may be acknowledged after the rows are counted.
        writer, self.writer = self.writer, None
        writer.stop()
        missing = writer.missing()
        line = self.screen.line
        line()
        line(self.screen.style("Result", "bold"))
        line(f"  outage                {outage_ms:.0f} ms")
        line(f"  acknowledged rows     {len(writer.acks)}")
        line(f"  missing of those      {len(missing)}")
        if missing:
            line("  Replication is asynchronous here: what the primary acknowledged in its last instant may not have")
            line("  reached a replica. maximum_lag_on_failover bounds it.")
        healthy = self.healthy() is not None
        line(f"  the cluster           {'a leader and two streaming replicas' if healthy else 'is not whole'}")
        line()
        return 0 if healthy else 1

    def stay(self):
        """Keeps the cluster and the writer running until Ctrl-C."""
        c, line, dim = self.cluster, self.screen.line, lambda text: self.screen.style(text, "dim")
        ports = ",".join(str(n.pg_port) for n in c.nodes)
        hosts = ",".join("127.0.0.1" for _ in c.nodes)
        ctl = " ".join(c.side.ctl)
        leader = c.leader() or c.nodes[0]
        line(self.screen.style("Connect", "bold") + dim("   always to the primary"))
        line(f"  psql 'host={hosts} port={ports} user=postgres password=su dbname=postgres target_session_attrs=read-write'")
        line(self.screen.style("Try this", "bold"))
        line(f"  {ctl} -c {c.nodes[0].config_file} list")
        line(f"  {ctl} -c {c.nodes[0].config_file} switchover {c.scope} --force")
        line(f"  kill -9 {leader.postmaster_pid()}" + dim(f"   PostgreSQL of {leader}: restarted in place"))
        line(f"  kill -9 {leader.proc.pid}" + dim(f"   the daemon of {leader}: started again here, as systemd would"))
        line(f"  curl -s http://127.0.0.1:{leader.api_port}/cluster")
        line(f"  tail -f {leader.log_file}")
        line(dim("Ctrl-C ends everything and removes the folder."))
        line()
        self.writer = Writer(c, period=0.01)
        self.writer.start()
        shown = None
        while True:
            self.tick()
            for node in c.nodes:
                if not node.running():
                    self.screen.say(f"the daemon of {node} ended (status {node.proc.returncode}); started again")
                    node.start()
            leader = c.leader()
            if leader is not shown and leader is not None:
                if shown is not None:
                    self.screen.say(f"{leader} is the primary now")
                    self.show_table()
                shown = leader

    # ---- waiting while the picture is updated

    def healthy(self):
        c = self.cluster
        leader = c.leader()
        try:
            if leader and all(n.is_replica() and n.is_streaming_from(leader) for n in c.nodes if n is not leader):
                return leader
        except Exception:  # noqa: BLE001 - a server between two states is not healthy yet
            pass
        return None

    def wait(self, what, condition, timeout):
        deadline = time.monotonic() + timeout
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not within {timeout} s")
            self.tick(0.05)

    def watch(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tick()

    def tick(self, seconds=0.2):
        self.screen.draw(["", *self.table_lines(), *self.writer_lines()])
        time.sleep(seconds)

    def table_lines(self):
        return [self.coloured(line) for line in (self.table.lines if self.table else [])]

    def coloured(self, line):
        cells = line.split("|")
        if len(cells) < 6 or cells[1].strip() == "Member":
            return self.screen.style(line, "dim") if line.startswith("+") else line
        for i, cell in enumerate(cells):
            word = cell.strip()
            if word in ROLES:
                cells[i] = self.screen.style(cell, ROLES[word])
            elif i == 4 and word not in STATES:
                cells[i] = self.screen.style(cell, "yellow")
        return "|".join(cells)

    def writer_lines(self):
        if not self.writer:
            return []
        now, acks = time.monotonic(), self.writer.acks
        recent = [a.at for a in acks[-2500:]]
        silent = now - acks[-1].at if acks else 0
        state = self.screen.style(f"no write for {silent:.1f} s", "red") if silent > 0.5 else \
            f"{len([t for t in recent if t > now - 1]):3d} writes/s to port {acks[-1].port if acks else '-'}"
        return ["", "  " + self.screen.style(strip(recent, now, 72, self.screen.unicode), "green"),
                f"  {len(acks)} rows acknowledged, {state}"]

    def show_table(self):
        """Prints the current output of `list` as lines that stay."""
        self.table.refresh()
        self.screen.keep(["", *self.table_lines(), ""])

    def end(self):
        if self.writer:
            self.writer.stop()
        if self.table:
            self.table.stop()
        if self.cluster:
            self.cluster.down(self.options.keep)


def interrupt(signum, frame):
    raise Interrupted


def ignore_signals():
    """A second Ctrl-C must not leave processes running."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--once", action="store_true", help="end by itself")
    parser.add_argument("--keep", action="store_true", help="leave the scratch folder (logs, data) behind")
    parser.add_argument("--ttl", type=int, default=10)
    parser.add_argument("--loop-wait", type=int, default=2)
    parser.add_argument("--retry-timeout", type=int, default=3)
    options = parser.parse_args()

    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, interrupt)
    processes.adopt_orphans()
    screen = Screen()
    demo = Demo(screen, options)
    status = 1
    try:
        status = demo.run()
        if not options.once:
            demo.stay()
    except Interrupted:
        status = 130 if options.once else status
        ignore_signals()
        screen.bye()
    except TimeoutError as e:
        screen.line(screen.style(f"failed: {e}", "red"))
        screen.line(demo.cluster.logs(25))
    finally:
        ignore_signals()
        demo.end()
    return status


if __name__ == "__main__":
    sys.exit(main())
