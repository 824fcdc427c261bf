"""Installs the tarball and the RPM packages in bare roots of Debian's releases, each of which has another version of glibc and none of the
libraries that the programs bring along. `make test-packages` builds both and runs this file."""
import pathlib
import re
import shutil
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "versions"), str(HERE.parent / "hosts")]

import roots  # noqa: E402
from machines import TREE, run  # noqa: E402

PORTABLE = TREE / "build" / "portable"
RELEASES = ["bookworm", "trixie", "sid"]
UNPACKED = "cp build/portable/tarball/*.tar.gz /tmp; cd /tmp; tar -xzf *.tar.gz; cd tamada-*/; "
RUN = """
tamada --version
tamada --generate-sample-config /tmp/sample.yml
echo "valid: $(tamada --validate-config /tmp/sample.yml 2>&1) status $?" || true
tamadactl --help | head -1
tamadactl --nonsense 2>&1 || echo "status $?"
"$(dirname "$(command -v tamada)")/../libexec/tamada/tamada-guard" 2>&1 || true
"""


def inside(release, script, before=""):
    try:
        root = roots.make(roots.Plain((release,)))
    except RuntimeError as error:
        pytest.skip(str(error)[-500:])
    done = roots.in_a_copy(root, script, before)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def they_work(told):
    """Checks the output of RUN. For --help and for an unknown option the program throws an exception, so RUN shows that exceptions work."""
    assert re.search(r"^tamada [\d.]+ ", told, re.M), told
    assert "valid: " in told and "postgresql.bin_dir: no program postgres in" in told, told
    assert "--nonsense" in told and "status 2" in told and "tamada-guard is started by tamada" in told, told
    return True


@pytest.mark.parametrize("release", RELEASES)
def test_the_tarball(release):
    told = inside(release, UNPACKED + "./install.sh --patroni\n" + RUN + """
        patroni --version
        getent passwd postgres
        cat /etc/systemd/system/patroni.service
        cd /; rm -r /tmp/tamada-*
        for program in tamada tamadactl; do LD_TRACE_LOADED_OBJECTS=1 /usr/local/bin/$program; done""")
    assert they_work(told) and "postgres:x:" in told
    assert "ExecStart=/usr/local/bin/patroni /etc/patroni/config.yml\n" in told and "User=postgres\n" in told
    elsewhere = [line for line in re.findall(r"^\t(.*) \(0x", told, re.M)
                 if "/usr/local/bin/../lib/tamada/" not in line and not re.match(r"linux-vdso|/lib64/ld-linux|lib(c|m|resolv)\.so", line)]
    assert "libpq.so.5 => /usr/local/bin/../lib/tamada/libpq.so.5" in told and not elsewhere, elsewhere


def test_another_place_and_user():
    told = inside("trixie", UNPACKED + """
        ./install.sh --prefix /opt/tamada --user pg --unit-dir /usr/lib/systemd/system
        /opt/tamada/bin/tamada --version
        getent passwd pg
        cat /usr/lib/systemd/system/tamada.service""")
    assert "/var/lib/pgsql:/bin/bash" in told
    for line in ("ExecStart=/opt/tamada/bin/tamada /etc/tamada/config.yml", "User=pg", "Group=pg", "ConditionPathExists=/etc/tamada/config.yml"):
        assert line in told.splitlines(), told


def test_what_is_removed_leaves_nothing():
    told = inside("bookworm", UNPACKED + """
        files() { find /usr /etc/systemd /etc/tamada /etc/patroni -type f -o -type l 2>/dev/null | sort; }
        files >/tmp/before
        ./install.sh --patroni
        files >/tmp/during
        ./install.sh --patroni --remove
        files >/tmp/after
        diff /tmp/before /tmp/after
        echo "$(wc -l </tmp/before) $(wc -l </tmp/during)" """)
    before, during = map(int, told.splitlines()[-1].split())
    assert during > before + 20, "it had installed something"


def test_a_glibc_that_is_too_old_is_told():
    told = inside("bullseye", UNPACKED + "./install.sh 2>&1 || echo refused; ls -d /usr/local/bin/tamada /etc/tamada 2>&1 || true")
    assert "they need glibc 2.34 or later" in told and "refused" in told, told
    assert not re.search(r"^/(usr|etc)", told, re.M), "nothing was installed"


def test_a_library_that_asks_for_a_later_glibc_is_named(tmp_path):
    """Debian 12's libstdc++ asks for a later glibc, so it must not be in the tarball."""
    shutil.copy("/usr/lib/x86_64-linux-gnu/libstdc++.so.6", tmp_path)
    with pytest.raises(RuntimeError) as error:
        run([TREE / "packaging" / "check-libraries", "2.34", tmp_path], timeout=60)
    assert "libstdc++.so.6 needs arc4random of glibc 2.36" in str(error.value)
    assert "libstdc++.so.6 needs libgcc_s.so.1" in str(error.value)


def rpm(*words):
    return run(["rpm", "-qp", *words, *sorted((PORTABLE / "rpm").glob("tamada-[0-9]*.rpm"))], timeout=60).splitlines()


def test_what_the_rpm_asks_for():
    asks = rpm("--requires")
    assert "libc.so.6(GLIBC_2.34)(64bit)" in asks
    unusual = [line for line in asks if not re.match(r"lib(c|m|resolv)\.so\.6?|ld-linux-|/bin/sh$|rpmlib\(|/usr/sbin/useradd$|rtld\(", line)]
    assert not unusual, unusual
    assert all(re.match(r"tamada\W", line) for line in rpm("--provides")), rpm("--provides")
    assert "/usr/lib/systemd/system/tamada.service" in rpm("--list")


@pytest.mark.parametrize("release", RELEASES)
def test_the_rpms(release):
    """RPM does not know what dpkg has installed, so the packages are installed without a check of their dependencies."""
    install = f"rpm --root $copy --initdb; rpm --root $copy --install --nodeps {PORTABLE}/rpm/tamada-*.rpm"
    told = inside(release, RUN + """
        patroni --version
        getent passwd postgres
        cat /usr/lib/systemd/system/tamada.service""", before=install)
    assert they_work(told) and "postgres:x:26:" in told and "ExecStart=/usr/bin/tamada /etc/tamada/config.yml\n" in told


def test_the_rpms_are_removed():
    told = inside("trixie", "ls -d /usr/lib/tamada /usr/bin/tamada /usr/bin/patroni /etc/patroni 2>&1 || true", before=f"""
        rpm --root $copy --initdb
        rpm --root $copy --install --nodeps {PORTABLE}/rpm/tamada-*.rpm
        ls $copy/usr/bin/patronictl
        rpm --root $copy --erase tamada tamada-patroni""")
    assert "/usr/bin/patronictl" in told and told.count("No such file") == 4, told
