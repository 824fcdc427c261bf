#!/usr/bin/python3
"""Runs all tests: tools/lint, the unit tests of every folder (ctest), each fuzzer for a moment, the end-to-end tests (pytest), the tests on booted
hosts and the main ones on Debian 13 (tests/versions) if the machine can run such hosts, and the check that role changes have not become slower
(bench/check.py). Ends with what failed, with each failure's text in short, and one line of counts.

With a build with sanitizers (build/asan), a sanitizer's report about any process fails the run, too.

run.py [--build build/release] [--only lint|unit|fuzz|e2e|hosts|versions|speed|sim] [--busy] [-- arguments for pytest]
--busy: runs the tests while stress-ng keeps the processors and the disk busy.
"""
import argparse
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET

TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE / "tests"))

from harness.processes import in_own_shared_memory  # noqa: E402

REPORTS = {"unit": "unit.xml", "e2e": "e2e.xml", "hosts": "hosts.xml", "versions": "versions-17.xml"}   # in the build's folder
CANNOT_BE_HAD = 3   # the exit status of tests/versions/run.py if a version cannot be downloaded


def counts(report):
    """(passed, failed, skipped) of a JUnit file. A run that has not written it has failed."""
    try:
        root = ET.parse(report).getroot()
    except (OSError, ET.ParseError):
        return 0, 1, 0
    suites = [root] if root.tag == "testsuite" else list(root.iter("testsuite"))

    def total(*names):
        return sum(int(s.get(name) or 0) for s in suites for name in names)
    failed, skipped = total("failures", "errors"), total("skipped", "disabled")
    return total("tests") - failed - skipped, failed, skipped


def failures(report, most=900):
    """What a JUnit file tells of each failed test: its name, and the last characters of its text, at most that many."""
    try:
        cases = ET.parse(report).getroot().iter("testcase")
    except (OSError, ET.ParseError) as error:
        return [f"{report.name}: {error}"]
    told = []
    for case in cases:
        for bad in [*case.iter("failure"), *case.iter("error")]:
            # pytest tells the text in the failure, ctest the test's whole output beside it.
            text = (bad.text or case.findtext("system-out") or bad.get("message") or "").strip()
            errors = [line for line in text.splitlines() if line.startswith("E ")]   # pytest marks what an assertion compared
            told.append(f"{case.get('classname')}.{case.get('name')}\n" + ("\n".join(errors) or text)[-most:])
    return told


def lint(summary):
    done = subprocess.run([TREE / "tools" / "lint"], stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="", flush=True)
    summary += [f"lint: {line}" for line in done.stdout.splitlines() if ": passed" not in line][:20]
    passed = len(re.findall(r"^\w+: passed", done.stdout, re.M))
    return done.returncode, (passed, len(re.findall(r"^\w+: \d+ lines", done.stdout, re.M)), 0)


def unit(build):
    report = build / REPORTS["unit"]
    report.unlink(missing_ok=True)
    code = subprocess.run(["ctest", "--test-dir", build, "--parallel", "2", "--timeout", "600", "--output-on-failure",
                           "--progress", "--output-junit", report], cwd=TREE).returncode
    return code, counts(report)


def fuzz(runs=10000, seconds=10):
    """Runs each fuzzer for a moment with its corpus and a fixed seed, so that its inputs depend only on the tree."""
    if subprocess.run(["cmake", "--preset", "fuzz", "--log-level=WARNING"], cwd=TREE, stdout=subprocess.DEVNULL).returncode \
            or subprocess.run(["cmake", "--build", "--preset", "fuzz"], cwd=TREE).returncode:
        return 1, (0, 1, 0)
    passed = failed = 0
    for source in sorted((TREE / "fuzz").glob("*.cc")):
        with tempfile.TemporaryDirectory() as found:
            done = subprocess.run([TREE / f"build/fuzz/bin/fuzz_{source.stem}", f"-runs={runs}", f"-max_total_time={seconds}",
                                   "-seed=1", "-max_len=4096", "-timeout=30", "-rss_limit_mb=2048", "-verbosity=0",
                                   f"-artifact_prefix={TREE}/build/fuzz/", found,
                                   TREE / "fuzz/corpus" / source.stem], capture_output=True, text=True, errors="replace")
        if done.returncode:
            print(done.stderr[-10000:])
        print(f"fuzz_{source.stem}: {'FAILED, the input is in build/fuzz' if done.returncode else 'passed'}", flush=True)
        passed, failed = passed + (done.returncode == 0), failed + (done.returncode != 0)
    return failed, (passed, failed, 0)


def e2e(build, arguments, sanitizers):
    report = build / REPORTS["e2e"]
    report.unlink(missing_ok=True)
    env = dict(os.environ)
    env.setdefault("DAEMON_CMD", str(build / "bin" / "tamada"))
    env.setdefault("CTL_CMD", str(build / "bin" / "tamadactl"))
    env.update(sanitizers)
    # The other files cover what test_each_version asks of every version.
    arguments = arguments or ["--ignore=tests/e2e/test_each_version.py"]
    # Two files run at a time, because the tests mostly wait for leases to end. Each file has its own clusters and ports.
    code = subprocess.run([*in_own_shared_memory(), "/usr/bin/python3", "-m", "pytest", "tests/e2e", "tests/chaos", "-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider",
                           f"--junitxml={report}", "--durations=5", *arguments], cwd=TREE, env=env).returncode
    return code, counts(report)


def sim(build, sanitizers):
    """Runs the simulation with the same seeds each time."""
    code = subprocess.run([build / "bin" / "tamada-sim", "--seeds", "1..60", "--nodes", "3", "--duration", "60", "--guard"],
                          cwd=TREE, env={**os.environ, **sanitizers}).returncode
    return code, (code == 0, code != 0, 0)


def speed(build):
    env = dict(os.environ)
    env.setdefault("DAEMON_CMD", str(build / "bin" / "tamada"))
    env.setdefault("CTL_CMD", str(build / "bin" / "tamadactl"))
    done = subprocess.run([*in_own_shared_memory(), TREE / "bench" / "check.py"], env=env, stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="", flush=True)
    return done.returncode, (done.stdout.count(": passed: "), done.stdout.count(": FAILED: "), 0)


def is_sanitized(build):
    cache = build / "CMakeCache.txt"
    return cache.exists() and re.search(r"^TAMADA_SANITIZE:\w+=\w", cache.read_text(), re.M) is not None


def sanitizer_options(folder):
    """Options by which a sanitizer writes its report into a file in folder and ends the process with SIGABRT, so that no test takes
    that for a normal error."""
    common = f"abort_on_error=1:disable_coredump=0:log_path={folder}/report"
    symbolizer = shutil.which("llvm-symbolizer-19") or shutil.which("llvm-symbolizer")
    if symbolizer:   # with this program the reports show the names of functions and the lines of the source
        common += f":external_symbolizer_path={symbolizer}"
    return {"ASAN_OPTIONS": common + ":detect_stack_use_after_return=1", "UBSAN_OPTIONS": common + ":print_stacktrace=1",
            "LSAN_OPTIONS": f"log_path={folder}/report"}


def tell_reports(folder):
    """Prints the reports, and returns their number."""
    reports = sorted(pathlib.Path(folder).glob("report.*"))
    for report in reports:
        print(f"\n---- {report.name}\n{report.read_text(errors='replace')[:6000]}", flush=True)
    return len(reports)


def hosts(build, arguments):
    report = build / REPORTS["hosts"]
    report.unlink(missing_ok=True)
    env = dict(os.environ)
    env.setdefault("DAEMON_CMD", str(build / "bin" / "tamada"))
    # Each of these tests needs the state that the tests before it have made, so after three failures further ones tell nothing new.
    command = ["/usr/bin/python3", "-m", "pytest", "tests/hosts", "-p", "no:cacheprovider", "--durations=5", "--maxfail=3",
               f"--junitxml={report}", *arguments]
    try:
        return subprocess.run(command, cwd=TREE, env=env, timeout=3600).returncode, counts(report)
    except subprocess.TimeoutExpired:
        print("no end after an hour", flush=True)
        return 1, (0, 1, 0)


def versions(build):
    """Runs a few tests with the PostgreSQL and etcd of Debian 13. `make test-versions` runs all of them with all versions."""
    report = build / REPORTS["versions"]
    report.unlink(missing_ok=True)
    if os.geteuid() == 0:
        subprocess.run([TREE / "tools" / "install-packages", TREE / "packages-hosts.txt"])
    code = subprocess.run([TREE / "tests" / "versions" / "run.py", "--build", build, "--only", "17", "--features", "--", "-q",
                           "-k", "bootstrap or switchover or failover"], cwd=TREE).returncode
    if code == CANNOT_BE_HAD:
        print("SKIPPED: no PostgreSQL 17 on this machine, for the reason above", flush=True)
        return 0, (0, 0, 1)
    return code, counts(report)


@contextlib.contextmanager
def busy(build):
    """Simulates a slow machine, on which no answer comes at once."""
    with tempfile.TemporaryDirectory(prefix="busy-", dir=build) as folder:
        stress = subprocess.Popen(["stress-ng", "--cpu", "8", "--hdd", "2", "--hdd-bytes", "256M", "--temp-path", folder, "--quiet"],
                                  start_new_session=True)
        try:
            yield
        finally:
            if stress.poll() is not None:
                print(f"stress-ng ended early, with {stress.returncode}", flush=True)
            stress.terminate()   # stress-ng ends its workers itself
            stress.wait(60)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--only", choices=["lint", "unit", "fuzz", "e2e", "hosts", "versions", "speed", "sim"])
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("pytest", nargs="*")
    options = parser.parse_args()
    build = (TREE / options.build).resolve()

    passed = failed = skipped = 0
    summary = []
    reports = tempfile.TemporaryDirectory(prefix="tamada-reports-")
    os.chmod(reports.name, 0o777)   # the servers' user writes there
    sanitized = is_sanitized(build)
    sanitizers = sanitizer_options(reports.name) if sanitized else {}
    suites = {"unit": lambda: unit(build), "e2e": lambda: e2e(build, options.pytest, sanitizers)}
    if sanitized or options.only == "sim":
        suites["sim"] = lambda: sim(build, sanitizers)
    else:
        suites = {"lint": lambda: lint(summary), **suites}
        suites.update(fuzz=fuzz, hosts=lambda: hosts(build, options.pytest), versions=lambda: versions(build), speed=lambda: speed(build))
    for name, suite in suites.items():
        if options.only not in (None, name):
            continue
        print(f"\n---- {name} tests", flush=True)
        began = time.monotonic()
        with busy(build) if options.busy else contextlib.nullcontext():
            code, (p, f, s) = suite()
        if code != 0 and f == 0:
            f = 1   # the runner itself failed
        if f and name in REPORTS:
            summary += [f"{name}: {text}" for text in failures(build / REPORTS[name])]
        elif f and name != "lint":
            summary.append(f"{name}: its output is above")
        print(f"---- {name}: {p} passed, {f} failed, {s} skipped in {time.monotonic() - began:.0f} s", flush=True)
        passed, failed, skipped = passed + p, failed + f, skipped + s
    failed += tell_reports(reports.name)
    if passed + skipped == 0:
        failed = max(failed, 1)
    if summary:
        print("\n---- what failed")
        print("\n\n".join(summary))
    print(f"\n{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
