"""Bytes of TCP between a connector and the edge: held back, delayed, cut, refused, spoiled.

What is held back in one direction arrives later, as TCP would have it: a partition loses no byte, it loses time or the connection.
"""

import asyncio
import collections
import threading
import time

UP, DOWN = "up", "down"  # towards the market, towards the center
CHUNK = 16384


class _Connection:
    def __init__(self, task):
        self.task = task
        self.spoiled_at = None


class BytesProxy:
    """Listens on a loopback port and passes on to another. All members are safe from any thread."""

    def __init__(self, name, listen_port, target_port):
        self.name, self.port, self.target = name, listen_port, target_port
        self.counts = collections.Counter()
        self.noticed = []   # seconds from a spoiled byte to the end of its connection
        self._connections = set()
        self._refusing = False
        self._delay_s = 0.0
        self._spoil = collections.Counter()
        self._rng = None
        self._loop = asyncio.new_event_loop()
        self._open = {}
        self._server = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"bytes of {name}", daemon=True)
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError(f"the proxy of {name} does not listen on {listen_port}")

    # ── disturbances ─────────────────────────────────────────────────────────────────────────────────────────────────

    def hold(self, *directions):
        """One-way silence, or a partition where both are named."""
        self._call(lambda: [self._open[direction].clear() for direction in directions])

    def cut(self):
        """All connections end at once, without a word of TLS."""
        def end():
            for connection in list(self._connections):
                connection.task.cancel()
        self._call(end)

    def refuse(self, refusing=True):
        self._refusing = refusing

    def delay(self, seconds):
        """Each piece waits so long."""
        self._delay_s = seconds

    def spoil(self, direction, rng):
        """Flips one bit of the next piece."""
        self._rng = rng
        self._spoil[direction] += 1

    def let_go(self):
        self._call(lambda: [gate.set() for gate in self._open.values()])

    def calm(self):
        self._refusing, self._delay_s = False, 0.0
        self._spoil.clear()
        self.let_go()

    def stop(self):
        self._call(self._server.close)
        self.cut()
        until = time.monotonic() + 5
        while self._connections and time.monotonic() < until:
            time.sleep(0.01)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        if not self._thread.is_alive():
            self._loop.close()

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _call(self, action):
        """On the proxy's thread; returns when it was done."""
        done = threading.Event()

        def act():
            action()
            done.set()
        self._loop.call_soon_threadsafe(act)
        done.wait(5)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()

    async def _listen(self):
        for direction in (UP, DOWN):
            self._open[direction] = asyncio.Event()
            self._open[direction].set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _accept(self, reader, writer):
        if self._refusing:
            self.counts["refused"] += 1
            writer.transport.abort()
            return
        connection = _Connection(asyncio.current_task())
        self._connections.add(connection)
        self.counts["connections"] += 1
        onward = None
        try:
            far_reader, onward = await asyncio.open_connection("127.0.0.1", self.target)
            pumps = [asyncio.ensure_future(self._pump(connection, UP, reader, onward)),
                     asyncio.ensure_future(self._pump(connection, DOWN, far_reader, writer))]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for end in (writer, onward):
                if end is not None:
                    end.transport.abort()
            self._connections.discard(connection)
            if connection.spoiled_at is not None:
                self.noticed.append(time.monotonic() - connection.spoiled_at)

    async def _pump(self, connection, direction, reader, writer):
        while True:
            data = await reader.read(CHUNK)
            if not data:
                return
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            await self._open[direction].wait()
            if self._spoil[direction] > 0:
                self._spoil[direction] -= 1
                data = spoiled(data, self._rng)
                connection.spoiled_at = connection.spoiled_at or time.monotonic()
                self.counts["spoiled"] += 1
            writer.write(data)
            await writer.drain()

    def still_open_though_spoiled(self):
        """Connections in which nobody has noticed a spoiled byte yet."""
        return [c for c in list(self._connections) if c.spoiled_at is not None]


def spoiled(data, rng):
    """The same with one bit turned over."""
    at, bit = rng.randrange(len(data)), 1 << rng.randrange(8)
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1:]
