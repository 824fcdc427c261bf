"""A TCP proxy to one server, for tests that delay or hold back what passes through it."""
import asyncio
import threading


class Proxy:
    """Subclasses say in before_piece() what happens before a piece of data is passed on."""

    def __init__(self, port, far_port):
        self.far_port = far_port
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(asyncio.start_server(self._connection, "127.0.0.1", port), self._loop).result(10)

    async def before_piece(self, first, from_server):
        """`first` is the first piece that the client sent on this connection."""

    def close(self):
        async def end():
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _connection(self, reader, writer):
        far_writer = None
        try:
            first = await reader.read(65536)
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.far_port)
            await asyncio.gather(self._pump(reader, far_writer, first, False), self._pump(far_reader, writer, first, True))
        except OSError:
            pass
        finally:
            for one in (writer, far_writer):
                if one is not None:
                    one.transport.abort()

    async def _pump(self, reader, writer, first, from_server):
        data = b"" if from_server else first
        while data or (data := await reader.read(65536)):
            await self.before_piece(first, from_server)
            writer.write(data)
            await writer.drain()
            data = b""
        writer.transport.abort()
