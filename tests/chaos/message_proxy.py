"""Whole gRPC messages between the edge and the broker's socket, where TLS has ended: lost, doubled, swapped, spoiled, late.

Every method of every service is passed on byte for byte with its metadata, so the identity that the edge adds arrives. Disturbances
concern the link's stream alone, and of that not the heartbeats: there is nothing to learn from losing one of many.
"""

import collections
import concurrent.futures
import os
import queue
import threading
import time

import grpc

from chaos.bytes_proxy import spoiled

UP, DOWN = "up", "down"
LINK = "/bourse.federation.v1.Link/Connect"
# The fields of ConnectorFrame and BrokerFrame (federation-proto): a frame begins with the tag of its only field.
KINDS = {UP: {1: "hello", 2: "report", 3: "pools", 4: "heartbeat"},
         DOWN: {1: "challenge", 2: "welcome", 3: "orders", 4: "cancels", 5: "ack", 6: "nack", 7: "heartbeat", 8: "checkpoint", 9: "pauses"}}
OPTIONS = [("grpc.max_metadata_size", 64 * 1024), ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
           ("grpc.so_reuseport", 0), ("grpc.use_local_subchannel_pool", 1)]
SWAP_PATIENCE_S = 1.0  # a frame that waits for the one behind it goes alone after so long
MOST_STREAMS = 128
_END = object()


def kind_of(direction, frame):
    return KINDS[direction].get(frame[0] >> 3 if frame else 0, "nothing")


def _same(message):
    return message


class _Rules:
    """What is to be done to the next frames, by direction. A rule is used up by one frame."""

    def __init__(self):
        self._lock = threading.Lock()
        self._next = {UP: collections.deque(), DOWN: collections.deque()}
        self.done = collections.Counter()  # (action, direction, kind of frame) → how often
        self.delay_s = 0.0

    def add(self, direction, action, rng):
        with self._lock:
            self._next[direction].append((action, rng))

    def take(self, direction, frame):
        kind = kind_of(direction, frame)
        if kind == "heartbeat":
            return None, None
        with self._lock:
            if not self._next[direction]:
                return None, None
            action, rng = self._next[direction].popleft()
            self.done[(action, direction, kind)] += 1
            return action, rng

    def clear(self):
        with self._lock:
            for waiting in self._next.values():
                waiting.clear()
            self.delay_s = 0.0


class MessageProxy:
    """A gRPC server on one Unix socket before the server on another."""

    def __init__(self, socket, target):
        self.rules = _Rules()
        self._target = target
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(MOST_STREAMS, "messages"), options=OPTIONS,
                                   handlers=[_Handlers(self)])
        if self._server.add_insecure_port(f"unix:{socket}") == 0:
            raise RuntimeError(f"no proxy can listen on {socket}")
        self._server.start()
        os.chmod(socket, 0o666)  # the edge's workers are another user

    def disturb(self, direction, action, rng):
        """`action`, to the next frame in this direction: lose, double, swap or spoil."""
        self.rules.add(direction, action, rng)

    def delay(self, seconds):
        self.rules.delay_s = seconds

    def calm(self):
        self.rules.clear()

    def stop(self):
        self._server.stop(0).wait(10)

    def serve(self, method, requests, context):
        metadata = [(key, value) for key, value in context.invocation_metadata()
                    if not key.startswith((":", "grpc-")) and key not in ("user-agent", "te", "content-type")]
        disturbed = method == LINK
        # A channel a call: two centers never share a connection to the broker, as at the edge.
        with grpc.insecure_channel(f"unix:{self._target}", options=OPTIONS) as channel:
            upward = _disturbed(self.rules, UP, requests) if disturbed else requests
            call = channel.stream_stream(method, _same, _same)(upward, metadata=metadata)
            if not context.add_callback(call.cancel):
                call.cancel()
                return
            try:
                yield from _disturbed(self.rules, DOWN, call) if disturbed else call
            except grpc.RpcError:
                pass
            if context.is_active():
                context.set_code(call.code())
                context.set_details(call.details() or "")


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, proxy):
        self._proxy = proxy

    def service(self, details):
        # On the wire a single request or reply is a stream of one.
        return grpc.stream_stream_rpc_method_handler(lambda requests, context: self._proxy.serve(details.method, requests, context), _same, _same)


def _disturbed(rules, direction, frames):
    """The frames, as the rules want them. Reading goes on in a thread of its own, so that what waits can be let go in time."""
    arrived = queue.Queue(256)
    problem = []

    def read():
        try:
            for frame in frames:
                arrived.put(frame)
        except Exception as error:  # pylint: disable=broad-except
            problem.append(error)
        arrived.put(_END)

    threading.Thread(target=read, name=f"frames {direction}", daemon=True).start()
    held, until = None, None
    while True:
        try:
            frame = arrived.get(timeout=max(0.0, until - time.monotonic()) if held is not None else None)
        except queue.Empty:
            yield held
            held = None
            continue
        if frame is _END:
            break
        if rules.delay_s:
            time.sleep(rules.delay_s)
        action, rng = rules.take(direction, frame)
        if action == "lose":
            continue
        if action == "swap" and held is None:
            held, until = frame, time.monotonic() + SWAP_PATIENCE_S
            continue
        yield spoiled(frame, rng) if action == "spoil" and frame else frame
        if action == "double":
            yield frame
        if held is not None and kind_of(direction, frame) != "heartbeat":
            yield held
            held = None
    if held is not None:
        yield held
    if problem and direction == DOWN:
        raise problem[0]
