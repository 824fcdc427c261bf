#!/usr/bin/python3
"""Runs the end-to-end tests against other major versions of PostgreSQL and etcd, each in its own root (roots.py), with the daemon that was
built here. Replaces the lines of the tested versions in docs/versions.md.

run.py [--build build/release] [--only 17[,18]] [--features] [--dry] [-- arguments for pytest] | --remove
run.py --patroni-suite CLONE [--build build/release] [--only 17[,18]] [-- arguments for tests/patroni_suite/run.py]
--features: runs only the tests for every version (tests/e2e/test_each_version.py). Without it the whole suite runs if the server
has all of its programs. --patroni-suite: runs Patroni's own suite from that clone instead. With --dry, or with arguments for pytest,
the document is not changed. Ends with status 1 if a test failed, 3 if a version could not be downloaded.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import roots  # noqa: E402
import table  # noqa: E402

PROGRAMS = ("tamada", "tamadactl", "tamada-guard")
FEATURES = "tests/e2e/test_each_version.py"
# Left out are the tests that need the linters and the browser of Debian 12.
WHOLE = ["tests/e2e", "--ignore=tests/e2e/test_lint.py", "--ignore-glob=tests/e2e/test_dashboard*.py"]


def told(inside, *command):
    return subprocess.run([str(word) for word in inside.command(*command)], cwd=roots.TREE, capture_output=True, text=True).stdout


def facts(inside):
    """The exact version of each program, by its name."""
    server = told(inside, "sh", "-c", "$PG_BIN/postgres --version").split()
    etcd = re.search(r"etcd Version: (\S+)", told(inside, "etcd", "--version"))
    debian = told(inside, "sh", "-c", ". /etc/os-release; echo ${VERSION_CODENAME:-sid}").strip()
    return {"server": server[2] if len(server) > 2 else "?", "etcd": etcd[1] if etcd else "?", "debian": debian}


def results(report):
    """{test: passed|failed|skipped: reason} of a JUnit file."""
    found = {}
    for case in ET.parse(report).iter("testcase"):
        name = f"{case.get('classname').rpartition('.')[2]}::{case.get('name')}"
        outcome = "passed"
        for child in case:
            if child.tag in ("failure", "error"):
                outcome = "failed"
            elif child.tag == "skipped" and outcome != "failed":
                outcome = f"skipped: {child.get('message')}"
        found[name] = outcome
    return found


def tested(inside, build, arguments, environment):
    """(status of pytest, {test: outcome})"""
    report = build / f"versions-{inside.version.major}.xml"
    report.unlink(missing_ok=True)
    command = inside.command("/usr/bin/python3", "-m", "pytest", "-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider",
                             f"--junitxml={report}", *arguments, **environment)
    code = subprocess.run([str(word) for word in command], cwd=roots.TREE).returncode
    return code, results(report) if report.exists() else {}


def run(version, build, options):
    """Runs the tests of one version. Returns (what ran, its outcomes, status). Raises a RuntimeError if the version cannot be
    downloaded."""
    programs = [build / "bin" / name for name in PROGRAMS]
    folder = "/mnt/daemon" if version.suites else build / "bin"
    environment = {"DAEMON_CMD": f"{folder}/tamada", "CTL_CMD": f"{folder}/tamadactl"}
    whole = not (version.npm or options.features)
    arguments = options.pytest or ["-rfE", "--durations=5", *(WHOLE if whole else [FEATURES])]
    if options.pytest and not any(word.startswith("tests/") for word in options.pytest):
        arguments = [*options.pytest, *(WHOLE if whole else [FEATURES])]
    with roots.opened(version) as inside:
        inside.lend(*programs)
        seen = facts(inside)
        print(f"\n---- PostgreSQL {seen['server']} ({version.origin}), etcd {seen['etcd']}, Debian {seen['debian']}", flush=True)
        code, outcomes = tested(inside, build, arguments, environment)
    return seen, whole, outcomes, code


def run_patroni_suite(version, build, options):
    """Status of Patroni's suite on one version."""
    with roots.opened(version) as inside:
        inside.lend(*(build / "bin" / name for name in PROGRAMS))
        seen = facts(inside)
        print(f"\n---- Patroni's suite on PostgreSQL {seen['server']}, etcd {seen['etcd']}, Debian {seen['debian']}", flush=True)
        shutil.copytree(options.patroni_suite, inside.scratch / "tmp" / "patroni", symlinks=True)
        command = inside.command("/usr/bin/python3", "tests/patroni_suite/run.py", "--src", "/tmp/patroni", "--daemon", "/mnt/daemon/tamada",
                                 "--ctl", "/mnt/daemon/tamadactl", "--pg-bin", inside.server(), *options.pytest)
        return subprocess.run([str(word) for word in command], cwd=roots.TREE).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--only", default="", help="major versions, separated by commas")
    parser.add_argument("--features", action="store_true")
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--patroni-suite", metavar="CLONE", type=pathlib.Path)
    parser.add_argument("--remove", action="store_true", help="the roots and servers that were kept, instead of a run")
    parser.add_argument("pytest", nargs="*")
    options = parser.parse_args()
    build = (roots.TREE / options.build).resolve()
    known = {str(version.major): version for version in roots.VERSIONS}
    wanted = options.only.split(",") if options.only else list(known)
    if unknown := [name for name in wanted if name not in known]:
        parser.error(f"no version {', '.join(unknown)}; known are {', '.join(known)}")
    if options.remove:
        return roots.remove()

    if options.patroni_suite:
        return max(run_patroni_suite(known[name], build, options) for name in wanted)

    passed, failed, missing = 0, 0, []
    for name in wanted:
        try:
            seen, whole, outcomes, code = run(known[name], build, options)
        except RuntimeError as error:
            print(f"PostgreSQL {name} cannot be had here: {error}", flush=True)
            missing.append(name)
            continue
        counted = [outcome.partition(":")[0] for outcome in outcomes.values()]
        passed, failed = passed + counted.count("passed"), failed + max(counted.count("failed"), int(code != 0))
        if outcomes and not options.dry and not options.pytest:
            table.write(known[name], seen, whole, outcomes)
    print(f"\n{passed} passed, {failed} failed" + (f"; could not be had: {', '.join(missing)}" if missing else ""), flush=True)
    return 1 if failed else 3 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
