"""Carries a plan out on the hosts: each fault in a thread of its own, with a record of whom it met and what came of it."""
import contextlib
import threading
import time

from harness import wait_for
from machines import POSTGRESQL, SUITE

DATA = f"/var/lib/postgresql/{POSTGRESQL}/main"
DISK, FILLER = "/var/lib/postgresql", "/var/lib/postgresql/filler"
CONFIG = "/etc/patroni/config.yml"
CLUSTER = "pg_cluster001"
# Shell functions that print process ids.
PIDS = {"daemon": "systemctl show -p MainPID --value patroni", "etcd": "systemctl show -p MainPID --value etcd",
        "postmaster": f"head -1 {DATA}/postmaster.pid",
        "postgres": f"p=$(head -1 {DATA}/postmaster.pid) && echo $p $(cat /proc/$p/task/$p/children)",
        "guard": "grep -lx tamada-guard /proc/[0-9]*/comm | cut -d/ -f3"}
NOT_THERE = "not there"


class Impossible(Exception):
    """The fault cannot happen now, for example because its host is off."""


class Nemesis:
    def __init__(self, site, sampler, plan, side, base, say=print):
        """base: the dynamic configuration of the run."""
        self.site, self.machines, self.sampler, self.say = site, site.machines, sampler, say
        self.plan, self.side, self.base, self.records = plan, side, base, []
        self.cut, self.lossy = {}, {}        # a fault -> pairs of hosts; a host with its percentage
        self.down = set()                    # hosts that are frozen or without power
        self.thawed = []                     # instants at which a host went on
        self._lock = threading.Lock()
        self._last_leader = 1

    # ---- whom

    def leader(self):
        """The host that took writes last, as its own samples say."""
        now, latest = time.monotonic(), 0
        for k in self.sampler.disks:
            for asked, _, writable in self.sampler.samples(k, now - 2, now)[-3:]:
                if writable and asked > latest:
                    latest, self._last_leader = asked, k
        return self._last_leader

    def host(self, target):
        if target.startswith("host"):
            return int(target[4:])
        leader = self.leader()
        standbys = [node.k for node in self.site.nodes if node.k != leader]
        return {"leader": leader, "standby": standbys[0], "other": standbys[1]}[target]

    def others(self, k):
        return [node.k for node in self.site.nodes if node.k != k]

    def name(self, k):
        return next(node.name for node in self.site.nodes if node.k == k)

    # ---- faults: each is a generator that begins it, yields (a text, if there is more to tell), and ends it

    def _cuts(self, pairs):
        me = object()
        with self._lock:
            self.cut[me] = pairs
            self._lay()
        yield
        with self._lock:
            del self.cut[me]
            self._lay()

    def _lay(self):
        self.machines("cuts", *sorted({f"{k}:{other}" for pairs in self.cut.values() for k, other in pairs}))

    def split(self, k, _):
        yield from self._cuts([pair for other in self.others(k) for pair in ((k, other), (other, k))])

    def mute(self, k, _):
        yield from self._cuts([(k, other) for other in self.others(k)])

    def deaf(self, k, _):
        yield from self._cuts([(other, k) for other in self.others(k)])

    def bridge(self, k, _):
        a, b = self.others(k)
        yield from self._cuts([(a, b), (b, a)])

    def ring(self, k, _):
        a, b = self.others(k)
        yield from self._cuts([(k, a), (a, b), (b, k)])

    def apart(self, k, _):
        yield from self._cuts([(x.k, y.k) for x in self.site.nodes for y in self.site.nodes if x is not y])

    def loss(self, k, values):
        me = object()
        with self._lock:
            self.lossy[me] = f"{k}:{values['percent']}"
            self.machines("losses", *sorted(set(self.lossy.values())))
        yield
        with self._lock:
            del self.lossy[me]
            self.machines("losses", *sorted(set(self.lossy.values())))

    def slow(self, k, values):
        self.machines("rate", k, values["rate"])
        yield
        self.machines("rate", k, "10gbit")

    def unplug(self, k, _):
        self.machines("unplug", k)
        yield
        self.machines("plug", k, check=False)   # a host that has had no power meanwhile has a new cable

    def _kill(self, k, what, signal="KILL"):
        """Sends the signal to the processes that `what` names, and returns their ids."""
        pids = self.machines.sh(k, PIDS[what], check=False).split()
        if not pids or pids == ["0"]:
            raise Impossible(NOT_THERE)
        self.machines.sh(k, f"kill -{signal} {' '.join(pids)}", check=False)
        return pids

    def kill_daemon(self, k, _):
        self._kill(k, "daemon")
        yield
        time.sleep(2)
        self.machines.exec(k, "systemctl", "start", "--no-block", "patroni")   # where the unit does not do it

    def kill_postgres(self, k, _):
        self._kill(k, "postmaster")
        yield

    def kill_etcd(self, k, _):
        self._kill(k, "etcd")
        yield
        self.machines.exec(k, "systemctl", "start", "--no-block", "etcd")

    def kill_guard(self, k, _):
        self._kill(k, "guard")
        yield

    def _stop(self, k, what):
        pids = self._kill(k, what, "STOP")
        yield
        self.machines.sh(k, f"kill -CONT {' '.join(pids)}", check=False)

    def stop_daemon(self, k, _):
        yield from self._stop(k, "daemon")

    def stop_postgres(self, k, _):
        yield from self._stop(k, "postgres")

    def stop_etcd(self, k, _):
        yield from self._stop(k, "etcd")

    def stop_guard(self, k, _):
        yield from self._stop(k, "guard")

    def etcd_away(self, k, _):
        self.machines.exec(k, "systemctl", "stop", "etcd", timeout=100)
        yield
        self.machines.exec(k, "systemctl", "start", "--no-block", "etcd")

    @contextlib.contextmanager
    def _down(self, k):
        with self._lock:
            if k in self.down:
                raise Impossible(f"host {k} is down already")
            self.down.add(k)
        try:
            yield
        finally:
            self.down.discard(k)

    def freeze(self, k, _):
        with self._down(k):
            self.machines("freeze", k)
            yield
            self.machines("thaw", k)
            self.thawed.append(time.monotonic())

    def power(self, k, _):
        with self._down(k):
            self.machines("cut", k)
            yield
            self.machines("start", k)

    def reset(self, k, _):
        with self._down(k):
            self.machines("reset", k)
            yield

    def reboot(self, k, _):
        with self._down(k):
            self.machines("reboot", k)
            yield

    def disk_full(self, k, _):
        self.machines.sh(k, f"fallocate -l $(($(df --output=avail -B1 {DISK} | tail -1) - 8388608)) {FILLER}; cat /dev/zero >>{FILLER} 2>/dev/null || true")
        yield
        self.machines.sh(k, f"rm -f {FILLER}")

    # ---- an operator, who asks from a host that is on

    def _ctl(self, *words, timeout=60):
        on = next(node.k for node in self.site.nodes if node.k not in self.down)
        return self.machines.exec(on, "timeout", str(timeout), "patronictl", "-c", CONFIG, *words, timeout=timeout + 10)

    def _candidate(self):
        try:
            return self.site.successor().name
        except Exception as error:   # there is no primary, or no standby that may take over
            raise Impossible(f"nobody to take over: {error}") from None

    def switchover(self, _, __):
        leader, candidate = self.name(self.leader()), self._candidate()
        self._ctl("switchover", CLUSTER, "--leader", leader, "--candidate", candidate, "--force")
        yield f"{leader} to {candidate}"

    def failover(self, _, __):
        candidate = self._candidate()
        self._ctl("failover", CLUSTER, "--candidate", candidate, "--force")
        yield f"to {candidate}"

    def restart(self, k, _):
        self._ctl("restart", CLUSTER, self.name(k), "--force")
        yield

    def reinit(self, k, _):
        self._ctl("reinit", CLUSTER, self.name(k), "--force")
        yield

    def edit(self, _, values):
        if values.get("synchronous_mode") == "quorum" and self.side == "patroni" and SUITE == "bookworm":
            raise Impossible("Patroni 3.0 has no quorum mode")
        self.set(values)
        yield
        self.set({key: self.base.get(key, "null") for key in values})

    def set(self, values):
        self._ctl("edit-config", CLUSTER, "--force", *(word for key, value in values.items() for word in ("-s", f"{key}={value}")))

    def pause(self, _, __):
        self._ctl("pause")
        yield
        wait_for("resume", lambda: self._ctl("resume") or True, 30, step=1)

    # ---- the run

    def carry_out(self, began):
        """Returns when the last fault has ended."""
        threads = [threading.Thread(target=self._one, args=(fault, began), daemon=True) for fault in self.plan]
        for fault, thread in zip(self.plan, threads):
            time.sleep(max(0, began + fault.at - time.monotonic()))
            thread.start()
        for thread in threads:
            thread.join(300)

    def _one(self, fault, began):
        record = {"at": fault.at, "kind": fault.kind, "target": fault.target, "duration": fault.duration, **({"values": fault.values} if fault.values else {}),
                  "outcome": "done"}
        with self._lock:
            self.records.append(record)
        try:
            if fault.kind not in ("apart", "switchover", "failover", "edit", "pause"):
                record["host"] = self.host(fault.target)
            steps = getattr(self, fault.kind)(record.get("host"), fault.values)
            record["began"] = round(time.monotonic() - began, 2)
            told = next(steps)
            if told:
                record["told"] = told
            time.sleep(fault.duration)
            next(steps, None)
        except Impossible as error:
            record["outcome"] = str(error)
        except Exception as error:   # a host that is down, a request that was refused: a result, not an end of the run
            record["outcome"] = " ".join(str(error).split())[-300:]
        record["ended"] = round(time.monotonic() - began, 2)
        where = f" of host {record['host']} ({fault.target})" if "host" in record else f" {record.get('told', '')}"
        self.say(f"  {record.get('began', fault.at):7.2f} to {record['ended']:7.2f} s: {fault.kind}{where}: {record['outcome']}")

    def heal(self):
        """Undoes what a fault may have left, and nothing else: no daemon that has ended of itself is started."""
        self.machines("cuts")
        self.machines("losses")
        self.machines("heal", check=False)
        for node in self.site.nodes:
            self.machines("start", node.k, check=False)   # this fails for a host that is on
            self.machines.sh(node.k, f"rm -f {FILLER}; systemctl start --no-block etcd; pkill -CONT -x 'patroni|tamada|tamada-guard|postgres|etcd'", check=False)
        edited = {key: "null" for fault in self.plan if fault.kind == "edit" for key in fault.values}
        wait_for("the configuration of the run", lambda: self.set({**edited, **self.base}) or True, 120, step=2)
        wait_for("the end of a pause", self._resumed, 120, step=2)

    def _resumed(self):
        if "pause: true" in self._ctl("show-config"):
            self._ctl("resume")
            return False
        return True
