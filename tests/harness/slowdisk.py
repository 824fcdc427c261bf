"""Simulates a slow or stuck disk for a daemon and its server. slowdisk.c is preloaded into both."""
import copy
import os
import pathlib
import subprocess

SOURCE = pathlib.Path(__file__).with_name("slowdisk.c")


class SlowDisk:
    def __init__(self, node):
        """The node must not run yet."""
        root = node.cluster.root
        library, self._control = f"{root}/slowdisk.so", f"{root}/slowdisk-{node.name}"
        if not os.path.exists(library):
            subprocess.run(["clang-19", "-shared", "-fPIC", "-O1", "-w", "-o", library, str(SOURCE)], check=True)
        node.side = copy.copy(node.side)
        node.side.daemon = ["env", f"LD_PRELOAD={library}", f"SLOWDISK_PREFIX={node.data}", f"SLOWDISK_CONTROL={self._control}",
                            *node.side.daemon]

    def takes(self, seconds):
        """From now on each flush takes this many seconds."""
        self._write(str(seconds))

    def is_stuck(self):
        self._write("")

    def is_well(self):
        if os.path.exists(self._control):
            os.unlink(self._control)

    def _write(self, text):
        with open(self._control + ".new", "w") as f:
            f.write(text)
        os.chmod(self._control + ".new", 0o644)
        os.replace(self._control + ".new", self._control)
