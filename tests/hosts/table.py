"""Prints the table of the results of the tests on hosts:

    tests/hosts/table.py build/hosts-table-*.json > docs/failover-table.md
"""
import json
import sys

HEAD = """\
# The failover table

Each line is one planned action or fault on three booted Debian hosts that run etcd and PostgreSQL, deployed by the playbooks
(etcd with TLS and passwords). Two clients write all the time, one directly with libpq's list of hosts, the other through
HAProxy on a fourth host. The tests are in `tests/hosts/test_2_failover_table.py`.

- **Writes away**: the longest time in seconds without an acknowledged write, directly / through HAProxy.
- **Lost**: the number of acknowledged rows that are missing afterwards.
- **Two primaries**: the time in seconds in which two hosts would have taken writes, by questions on the hosts themselves ten
  times a second.

`make table` measures the table again. `make test` runs every line with the short times and synchronous replication, and fails
if an acknowledged row is lost or two hosts take writes (a thawed host, whose processes all wake up at once, has 0.5 s).
"""


def settings(run):
    times = run["times"]
    mode = "synchronous" if run["synchronous"] else "asynchronous"
    return f"ttl {times['ttl']}, loop_wait {times['loop_wait']}, retry_timeout {times['retry_timeout']}; {mode} replication"


def table(run):
    lines = [f"\n## {settings(run)}\n"]
    if "load" in run:
        lines.append(f"On {run['cores']} cores, at a load average of {run['load']:.0f} (the hosts' own included).\n")
    lines += ["| What happens | Expected | Here | Writes away | Lost | Two primaries |", "|---|---|---|---|---|---|"]
    for row in run["rows"]:
        lines.append(f"| {row['what']} | {row['seed']} | {row['here']} | {row['direct_s']:.1f} / {row['haproxy_s']:.1f} "
                     f"| {row['lost']} | {row['double_s']:.1f} |")
    return "\n".join(lines)


def main():
    runs = [json.load(open(name, encoding="utf-8")) for name in sys.argv[1:]]
    print(HEAD + "\n".join(table(run) for run in runs))


if __name__ == "__main__":
    main()
