"""Simulates a power cut: data that the daemon has not flushed to disk are lost. powercut.c, preloaded into it, writes the journal.

The simulation is as strict as POSIX allows a file system to be. A file's content is durable once the file is flushed. Its
creation, renaming or removal is durable once its directory is flushed."""
import copy
import os
import pathlib
import subprocess

SOURCE = pathlib.Path(__file__).with_name("powercut.c")
LOST = b"?"   # the content of a file that was never flushed


class Powercut:
    def __init__(self, node, slow=None):
        """The node must not run yet. slow: as long as this file exists, each fsync takes 3 s."""
        root = node.cluster.root
        library = f"{root}/powercut.so"
        if not os.path.exists(library):
            subprocess.run(["clang-19", "-shared", "-fPIC", "-O1", "-w", "-o", library, str(SOURCE)], check=True)
        self.node, self.folder = node, f"{root}/powercut-{node.name}"
        os.mkdir(self.folder)
        os.chmod(self.folder, 0o777)
        self.journal = f"{self.folder}/journal"
        node.side = copy.copy(node.side)
        node.side.daemon = ["env", f"LD_PRELOAD={library}", f"POWERCUT_PREFIX={node.data}",
                            f"POWERCUT_JOURNAL={self.journal}", f"POWERCUT_SLOW={slow or ''}", *node.side.daemon]

    def replay(self):
        """Two results. First: the content that each file which the daemon has touched would have after a power cut now, as bytes, or
        None if there would be no file. Second: the files that got their name before their content was flushed."""
        now, durable = {}, {}          # now: path -> inode, or None; durable: path -> content, or None
        flushed, dirty = {}, set()     # both by inode
        pending, unflushed = {}, []    # pending: directory -> {path}
        for line in self._lines():
            event, path, *rest = line.split()
            if event == "prior":
                said, inode = self._read(rest[0]), now.get(path)
                known = flushed.get(inode) if isinstance(inode, int) else inode
                waits = inode in dirty or path in pending.get(os.path.dirname(path), ())
                if path not in now or (said != known and not waits):   # other programs write there, too, and flush it
                    now[path] = durable[path] = said
            elif event in ("create", "write"):
                inode = int(rest[0])
                if event == "create":
                    flushed.pop(inode, None)   # the inode number may have belonged to another file
                if event == "create" or now.get(path) != inode:
                    now[path] = inode
                    pending.setdefault(os.path.dirname(path), set()).add(path)
                dirty.add(inode)
            elif event == "flush":
                inode = int(rest[0])
                dirty.discard(inode)
                flushed[inode] = self._read(rest[1])
                if now.get(path) == inode and path not in pending.get(os.path.dirname(path), ()):
                    durable[path] = flushed[inode]
            elif event == "rename":
                to, inode = rest[0], int(rest[1])
                if inode in dirty:
                    unflushed.append(to)
                now[to], now[path] = now.get(path), None
                for each in (path, to):
                    pending.setdefault(os.path.dirname(each), set()).add(each)
            elif event == "unlink":
                now[path] = None
                pending.setdefault(os.path.dirname(path), set()).add(path)
            elif event == "flushdir":
                for each in pending.pop(path, ()):
                    said = now[each]
                    durable[each] = flushed.get(said, LOST) if isinstance(said, int) else said
        return {path: said for path, said in durable.items() if self._is(path, now[path])}, unflushed

    def touched(self):
        """The names of the files that the daemon has written, created or removed."""
        lines = (line.split() for line in self._lines())
        return {os.path.basename(parts[2] if parts[0] == "rename" else parts[1]) for parts in lines
                if parts[0] in ("write", "rename", "unlink")}

    def would_be_lost(self):
        """{path: (its content, its content after a power cut)}"""
        durable, _ = self.replay()
        return {path: (self._read(path), said) for path, said in durable.items() if self._read(path) != said}

    def strike(self):
        """Ends the node without warning and removes the data that it had not flushed."""
        self.node.lose()
        for path, said in self.replay()[0].items():
            if not os.path.isdir(os.path.dirname(path)):
                continue
            if said is None and os.path.exists(path):
                os.unlink(path)
            elif said is not None and self._read(path) != said:
                owner = os.stat(os.path.dirname(path))
                with open(path, "wb") as f:
                    f.write(said)
                os.chown(path, owner.st_uid, owner.st_gid)

    def _is(self, path, expected):
        """Whether no other program, such as the server, has replaced the file since the daemon last touched it."""
        try:
            inode = os.lstat(path).st_ino
        except OSError:
            return expected is None
        return inode == expected if isinstance(expected, int) else expected is not None

    def _lines(self):
        if not os.path.exists(self.journal):
            return []
        with open(self.journal) as f:
            return [line for line in f.read().splitlines() if line]

    def _read(self, path):
        try:
            with open(path, "rb") as f:
                return f.read()
        except OSError:
            return None
