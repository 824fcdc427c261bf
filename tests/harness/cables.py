"""Proxies between the nodes of a cluster on loopback. A cut proxy holds back the data, so nothing is lost and nothing is answered,
as on a network that drops packets. Each node publishes the address of its proxy. A proxy finds out which node calls by the
caller's socket."""
import asyncio
import glob
import os
import threading

from . import processes


def _inode(port, far_port):
    """The inode of the socket that is connected from `port` to `far_port`, both on loopback."""
    ends = f":{port:04X}", f":{far_port:04X}"
    with open("/proc/net/tcp") as f:
        for line in f:
            fields = line.split()
            if fields[1].endswith(ends[0]) and fields[2].endswith(ends[1]):
                return fields[9]
    return None


def _holds(pid, inode):
    for path in glob.glob(f"/proc/{pid}/fd/*"):
        try:
            if os.readlink(path) == f"socket:[{inode}]":
                return True
        except OSError:
            pass
    return False


class Cables:
    def __init__(self, cluster):
        self.cluster = cluster
        self._cut = frozenset()   # names of the nodes that are cut off
        self.delays = {}          # name of a node -> the delay in seconds of a connection to it
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Condition()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def add(self, port, far_port, source=None, target=None):
        """Forwards `port`, which only `source` calls (None: any caller), to `far_port`, where `target` listens."""
        async def serve():
            await asyncio.start_server(lambda r, w: self._connection(r, w, far_port, source, target), "127.0.0.1", port)
        asyncio.run_coroutine_threadsafe(serve(), self._loop).result(10)

    def cut(self, *nodes):
        self._set(frozenset(node.name for node in nodes))

    def mend(self):
        self._set(frozenset())

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _set(self, names):
        async def change():
            async with self._changed:
                self._cut = names
                self._changed.notify_all()
        asyncio.run_coroutine_threadsafe(change(), self._loop).result(10)

    def _caller(self, port, far_port):
        """The node whose daemon or server, or a child of one, has opened the connection. None if a client has."""
        inode = _inode(port, far_port)
        if inode is None:
            return None
        for node in self.cluster.nodes:
            pids = processes.working_in(node.data)
            if node.running():
                pids += processes.tree(node.proc.pid)
            if any(_holds(pid, inode) for pid in pids):
                return node.name
        return None

    async def _connection(self, reader, writer, far_port, source, target):
        near, far = writer.get_extra_info("peername")[1], writer.get_extra_info("sockname")[1]
        if source is None:
            source = await self._loop.run_in_executor(None, self._caller, near, far)
        ends = {source, target} - {None}
        far_writer = None
        try:
            await asyncio.sleep(self.delays.get(target, 0))
            await self._whole(ends)
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", far_port)
            await asyncio.gather(self._pump(reader, far_writer, ends), self._pump(far_reader, writer, ends))
        except OSError:
            pass
        finally:
            for one in (writer, far_writer):
                if one is not None:
                    one.close()

    async def _whole(self, ends):
        async with self._changed:
            await self._changed.wait_for(lambda: not ends & self._cut)

    async def _pump(self, reader, writer, ends):
        while data := await reader.read(65536):
            await self._whole(ends)
            writer.write(data)
            await writer.drain()
        await self._whole(ends)
        if writer.can_write_eof():
            writer.write_eof()
