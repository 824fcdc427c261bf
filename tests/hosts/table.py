"""The kept table of what the tests on hosts measured:

    tests/hosts/table.py build/hosts-table-*.json > docs/failover-table.md
"""
import json
import sys

HEAD = """\
# The failover table

Each line of the mission's table, and some beyond it, on three booted Debian hosts with etcd and PostgreSQL on each, deployed
by the playbooks (etcd with TLS and passwords). Two clients write all the time, one directly with libpq's list of hosts, one
through HAProxy on a host of its own. The tests are `tests/hosts/test_2_failover_table.py`.

- **writes away**: the longest time without an acknowledged write, directly / through HAProxy, in seconds.
- **lost**: rows that were acknowledged and are not there afterwards.
- **two primaries**: seconds in which two hosts would have taken writes, asked on the hosts themselves ten times a second.

`make table` measures it anew; `make test` runs every line with the short times and synchronous replication, and does not pass
when an acknowledged row is lost or two hosts take writes (at most 0.5 s of the thawed host, whose processes all wake up at once).
"""


def settings(run):
    times = run["times"]
    mode = "synchronous" if run["synchronous"] else "asynchronous"
    return f"ttl {times['ttl']}, loop_wait {times['loop_wait']}, retry_timeout {times['retry_timeout']}; {mode} replication"


def table(run):
    lines = [f"\n## {settings(run)}\n"]
    if "load" in run:
        lines.append(f"On {run['cores']} cores, at a load average of {run['load']:.0f} (the hosts' own included).\n")
    lines += ["| What happens | The seed says | Here | Writes away | Lost | Two primaries |", "|---|---|---|---|---|---|"]
    for row in run["rows"]:
        lines.append(f"| {row['what']} | {row['seed']} | {row['here']} | {row['direct_s']:.1f} / {row['haproxy_s']:.1f} "
                     f"| {row['lost']} | {row['double_s']:.1f} |")
    return "\n".join(lines)


def main():
    runs = [json.load(open(name, encoding="utf-8")) for name in sys.argv[1:]]
    print(HEAD + "\n".join(table(run) for run in runs))


if __name__ == "__main__":
    main()
