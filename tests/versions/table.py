"""Writes docs/versions.md, whose lists have one line for each version. The lines of versions that did not run are kept."""
import re

from machines import TREE

DOCUMENT = TREE / "docs" / "versions.md"
FEATURES = {   # the tests of tests/e2e/test_each_version.py, in the order of the columns
    "test_bootstrap_and_base_backup": "bootstrap, copies",
    "test_switchover": "switchover",
    "test_failover_and_rejoin": "failover, rejoin",
    "test_crash_of_the_server": "crash",
    "test_restart_of_the_daemon_leaves_the_server": "daemon restarted",
    "test_synchronous[on]": "synchronous",
    "test_synchronous[quorum]": "quorum",
    "test_permanent_slots": "slots",
    "test_parameters": "parameters",
    "test_settings_of_recovery": "recovery settings",
    "test_pause_and_reinitialize": "pause, reinit",
    "test_adoption_of_a_running_server": "adoption",
}
TEXT = """# Versions of PostgreSQL, etcd and Debian

Made by `make test-versions`, which runs the end-to-end tests in a root of each Debian release, with the release's PostgreSQL and etcd, and with
the daemon that was built on Debian 12. The daemon uses the libraries of that release, except fmt and spdlog, which are copied from Debian 12.

## What is asked of every version

These tests are in `tests/e2e/test_each_version.py`. Servers of major versions that are in no Debian release come from npm, which has only
initdb, pg_ctl and postgres. The other programs are not tested on these versions. Instead of pg_rewind, a diverged member is copied anew
(`remove_data_directory_on_diverged_timelines`). On 10 to 12, a script of the tests replaces pg_controldata and reads the same file.
pg_basebackup is that of PostgreSQL 17. PostgreSQL 10 cannot advance slots, so permanent slots are kept on the leader only, as by Patroni.

| PostgreSQL | from | etcd | {columns} |
|---|---|---|{rules}
{features}

## The whole suite

All of `tests/e2e` except the tests of the dashboard, which need the browser of Debian 12. It runs on the versions whose server has all of its
programs.

| PostgreSQL | Debian | etcd | passed | failed | skipped |
|---|---|---|---|---|---|
{suites}

## Failed or skipped

{notes}
"""


def section(text, heading):
    """{major: line} of one section of the document."""
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    lines = re.findall(r"^(?:\| |- )(\d+)\b.*$", found[1], re.M) if found else []
    return {int(major): line for major, line in zip(lines, re.findall(r"^(?:\| |- )\d+\b.*$", found[1], re.M))} if found else {}


def features_line(version, seen, outcomes):
    def cell(test):
        return {"passed": "✓", "failed": "**failed**", "": ""}.get(outcomes.get(f"test_each_version::{test}", ""), "skipped")
    return f"| {version.major} | {version.origin}: {seen['server']} | {seen['etcd']} | {' | '.join(map(cell, FEATURES))} |"


def notes_lines(version, outcomes):
    failed = [name for name, outcome in outcomes.items() if outcome == "failed"]
    skipped = {}
    for name, outcome in outcomes.items():
        if outcome.startswith("skipped: "):
            skipped.setdefault(outcome.removeprefix("skipped: "), []).append(name)
    told = [f"failed: {', '.join(failed)}"] if failed else []
    told += [f"skipped, {reason}: {len(names)} of {', '.join(sorted({name.partition('::')[0] for name in names}))}"
             for reason, names in sorted(skipped.items())]
    return f"- {version.major}: {'; '.join(told) or 'nothing'}."


def write(version, seen, whole, outcomes):
    text = DOCUMENT.read_text() if DOCUMENT.exists() else ""
    features, suites, notes = (section(text, heading) for heading in ("What is asked of every version", "The whole suite", "Failed or skipped"))
    major = version.major
    features[major] = features_line(version, seen, outcomes)
    if whole:
        counted = [outcome.partition(":")[0] for outcome in outcomes.values()]
        numbers = " | ".join(str(counted.count(word)) for word in ("passed", "failed", "skipped"))
        suites[major] = f"| {major} | {seen['debian']} | {seen['etcd']} | {numbers} |"
    if whole or version.npm or major not in notes:
        notes[major] = notes_lines(version, outcomes)
    DOCUMENT.write_text(TEXT.format(columns=" | ".join(FEATURES.values()), rules="---|" * len(FEATURES),
                                    **{name: "\n".join(line for _, line in sorted(lines.items()))
                                       for name, lines in (("features", features), ("suites", suites), ("notes", notes))}))
