"""Mounts small file systems for the tests of mount points and full disks."""
import os
import shutil
import subprocess

import pytest

from harness import processes


def give(path):
    user = processes.service_user()
    if user:
        os.chown(path, user.pw_uid, user.pw_gid)
    return path


def folder(path):
    os.mkdir(path, 0o700)
    return give(path)


@pytest.fixture
def mount():
    """Returns a function that mounts a small file system at a path. It belongs to the service user and has a lost+found."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    mounted = []

    def at(path, size="400m", inodes=None, empty=False):
        os.makedirs(path, exist_ok=True)
        options = f"size={size},mode=0700" + (f",nr_inodes={inodes}" if inodes else "") if empty else f"size={size},mode=0755"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"cannot mount here: {done.stderr}")
        mounted.append(path)
        give(path)
        if not empty:
            os.mkdir(f"{path}/lost+found", 0o700)   # belongs to root
        return path
    yield at
    for path in reversed(mounted):
        subprocess.run(["umount", "-l", path], check=False)
        shutil.rmtree(os.path.dirname(path), ignore_errors=True)   # the cluster's folder could not be removed while the file system was mounted


# Unfreezes the file system when its standard input ends, for example because the process at the other end has died, and after 5 minutes at
# the latest.
FREEZER = """
trap "" HUP INT TERM
fsfreeze --freeze "$1" || exit 1
echo frozen
timeout 300 cat > /dev/null
fsfreeze --unfreeze "$1"
"""


class Ext4:
    """An ext4 file system in a file. While it is frozen, processes that write to it are held in the kernel, where SIGKILL does not
    end them."""

    def __init__(self, image, path):
        if os.geteuid() != 0:
            pytest.skip("only root may mount")
        self.path, self._freezer = path, None
        os.makedirs(path)
        with open(image, "wb") as file:
            file.truncate(600 << 20)
        for command in (["mkfs.ext4", "-q", image], ["mount", "-o", "loop", image, path]):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                pytest.skip(f"cannot {command[0]} here: {done.stderr}")
        os.rmdir(f"{path}/lost+found")   # belongs to root; no base backup could be made of a data directory that contains it
        os.chmod(path, 0o700)
        give(path)

    def freeze(self):
        self._freezer = subprocess.Popen(["sh", "-c", FREEZER, "sh", self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         start_new_session=True)
        assert self._freezer.stdout.readline() == b"frozen\n"

    def thaw(self):
        if self._freezer:
            self._freezer.stdin.close()
            assert self._freezer.wait(30) == 0
            self._freezer.stdout.close()
        self._freezer = None

    def unmount(self):
        self.thaw()
        subprocess.run(["umount", "-l", self.path], check=False)
        shutil.rmtree(os.path.dirname(self.path), ignore_errors=True)


def remount(path, options):
    subprocess.run(["mount", "-o", f"remount,{options}", path], check=True)


def fill(path):
    """Fills the file system completely until free() is called."""
    file = f"{path}/filler"
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for size in (1 << 20, 4096):
            block = bytes(size)
            try:
                while os.write(fd, block) == size:
                    pass
            except OSError:
                pass
    finally:
        os.close(fd)


def free(path):
    os.remove(f"{path}/filler")
