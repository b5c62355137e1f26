"""The proxies themselves: what passes unharmed, and that each disturbance is what its name says."""

import concurrent.futures
import os
import random
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import grpc  # noqa: E402

from chaos import message_proxy  # noqa: E402
from chaos.bytes_proxy import BytesProxy  # noqa: E402
from chaos.message_proxy import DOWN, LINK, UP, MessageProxy  # noqa: E402
from chaos.script import Run  # noqa: E402
from lib import process, workdir  # noqa: E402


class Echo:
    """Gives back what it gets, connection by connection."""

    def __init__(self):
        self.port = process.free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    @staticmethod
    def _echo(connection):
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)


class BytesTest(unittest.TestCase):
    def setUp(self):
        self.proxy = BytesProxy("echo", process.free_port(), Echo().port)
        self.addCleanup(self.proxy.stop)
        self.client = socket.create_connection(("127.0.0.1", self.proxy.port), 5)
        self.addCleanup(self.client.close)

    def echoed(self, data, timeout_s=5.0):
        self.client.settimeout(timeout_s)
        self.client.sendall(data)
        got = b""
        while len(got) < len(data):
            piece = self.client.recv(65536)
            if not piece:
                break
            got += piece
        return got

    def test_what_is_not_disturbed_passes_whole(self):
        data = random.Random(1).randbytes(300_000)
        self.client.settimeout(10)
        sender = threading.Thread(target=self.client.sendall, args=(data,))
        sender.start()
        got = b""
        while len(got) < len(data):
            got += self.client.recv(65536)
        sender.join()
        self.assertEqual(got, data)

    def test_what_is_held_arrives_later_and_nothing_is_lost(self):
        for direction in (UP, DOWN):
            self.proxy.hold(direction)
            with self.assertRaises(TimeoutError):
                self.echoed(b"one", 0.3)
            self.proxy.let_go()
            self.assertEqual(self.client.recv(3), b"one", direction)

    def test_one_bit_is_spoiled(self):
        self.proxy.spoil(UP, random.Random(1))
        got = self.echoed(b"12345678")
        self.assertEqual(sum((a ^ b).bit_count() for a, b in zip(got, b"12345678")), 1)
        self.assertEqual(len(self.proxy.still_open_though_spoiled()), 1)
        self.assertEqual(self.echoed(b"12345678"), b"12345678")

    def test_a_cut_ends_what_is_there_and_a_refusal_what_comes(self):
        self.assertEqual(self.echoed(b"there"), b"there")
        self.proxy.refuse(True)
        self.proxy.cut()
        with self.assertRaises(OSError):
            if self.client.recv(1) == b"":
                raise ConnectionResetError
        with socket.create_connection(("127.0.0.1", self.proxy.port), 5) as refused:
            with self.assertRaises(OSError):
                if refused.recv(1) == b"":
                    raise ConnectionResetError
        self.proxy.calm()
        with socket.create_connection(("127.0.0.1", self.proxy.port), 5) as again:
            again.sendall(b"x")
            self.assertEqual(again.recv(1), b"x")

    def test_delay(self):
        self.proxy.delay(0.2)
        began = time.monotonic()
        self.echoed(b"slow")
        self.assertGreater(time.monotonic() - began, 0.39)


def frame(direction, kind, text):
    tag = next(tag for tag, name in message_proxy.KINDS[direction].items() if name == kind)
    return bytes([tag << 3 | 2, len(text)]) + text


class MessagesTest(unittest.TestCase):
    """A server that answers each frame with one of its own that names it, so that both directions can be told apart."""

    def setUp(self):
        directory = workdir.fresh_dir("bourse-px-")
        self.seen_metadata = {}
        self.arrived = []
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), handlers=[self])
        self.server.add_insecure_port(f"unix:{directory}/real.sock")
        self.server.start()
        self.addCleanup(lambda: self.server.stop(0).wait(5))
        self.proxy = MessageProxy(f"{directory}/proxy.sock", f"{directory}/real.sock")
        self.addCleanup(self.proxy.stop)
        self.channel = grpc.insecure_channel(f"unix:{directory}/proxy.sock")
        self.addCleanup(self.channel.close)

    # grpc.GenericRpcHandler
    def service(self, details):
        self.seen_metadata = dict(details.invocation_metadata)

        def answer(requests, context):
            for request in requests:
                if request == b"fail":
                    context.abort(grpc.StatusCode.PERMISSION_DENIED, "as asked")
                self.arrived.append(request)
                yield frame(DOWN, "heartbeat" if request[0] >> 3 == 4 else "ack", request[2:])
        return grpc.stream_stream_rpc_method_handler(answer)

    def said(self, *frames, method=LINK, metadata=()):
        """Sends these, each with a little time to itself, and gives what was answered."""
        def slowly():
            for one in frames:
                yield one
                time.sleep(0.05)
        call = self.channel.stream_stream(method)(slowly(), metadata=metadata, timeout=10)
        return list(call)

    def reports(self, *texts):
        return [frame(UP, "report", text) for text in texts]

    def acks(self, *texts):
        return [frame(DOWN, "ack", text) for text in texts]

    def test_frames_metadata_and_status_pass(self):
        self.assertEqual(self.said(*self.reports(b"a", b"b"), metadata=(("x-bourse-client-cert", "somebody"),)), self.acks(b"a", b"b"))
        self.assertEqual(self.seen_metadata["x-bourse-client-cert"], "somebody")
        with self.assertRaises(grpc.RpcError) as refused:
            self.said(b"fail")
        self.assertEqual((refused.exception.code(), refused.exception.details()), (grpc.StatusCode.PERMISSION_DENIED, "as asked"))

    def disturbed(self, direction, action, *texts):
        self.proxy.disturb(direction, action, random.Random(1))
        return self.said(*self.reports(*texts))

    def test_lose(self):
        self.assertEqual(self.disturbed(UP, "lose", b"a", b"b"), self.acks(b"b"))
        self.assertEqual(self.disturbed(DOWN, "lose", b"a", b"b"), self.acks(b"b"))
        self.assertEqual(self.arrived, self.reports(b"b", b"a", b"b"))

    def test_double(self):
        self.assertEqual(self.disturbed(UP, "double", b"a", b"b"), self.acks(b"a", b"a", b"b"))
        self.assertEqual(self.disturbed(DOWN, "double", b"a", b"b"), self.acks(b"a", b"a", b"b"))

    def test_swap(self):
        self.assertEqual(self.disturbed(UP, "swap", b"a", b"b", b"c"), self.acks(b"b", b"a", b"c"))
        self.assertEqual(self.disturbed(DOWN, "swap", b"a"), self.acks(b"a"), "with nothing to be swapped with it goes alone")

    def test_spoil(self):
        got = self.disturbed(UP, "spoil", b"a", b"b")
        self.assertEqual(len(self.arrived), 2)
        self.assertEqual(sum((a ^ b).bit_count() for a, b in zip(self.arrived[0], self.reports(b"a")[0])), 1)
        self.assertEqual(got[1], self.acks(b"b")[0])
        self.assertEqual(self.proxy.rules.done[("spoil", UP, "report")], 1)

    def test_heartbeats_and_other_methods_are_left_alone(self):
        self.proxy.disturb(UP, "lose", random.Random(1))
        self.assertEqual(self.said(frame(UP, "heartbeat", b"h")), [frame(DOWN, "heartbeat", b"h")])
        self.assertEqual(self.said(*self.reports(b"a"), method="/bourse.federation.v1.Membership/Begin"), self.acks(b"a"))
        self.assertEqual(self.said(*self.reports(b"a", b"b")), self.acks(b"b"), "the rule was still there")


class ScriptTest(unittest.TestCase):
    def test_a_seed_is_a_script(self):
        for seed in range(200):
            one, again = Run.of(3, seed, ["alpha", "beta"]), Run.of(3, seed, ["alpha", "beta"])
            self.assertEqual(one, again)
            self.assertTrue(one.disturbances and len(one.works) == 6, str(one))
        self.assertNotEqual(Run.of(1, 1, ["alpha", "beta"]), Run.of(1, 2, ["alpha", "beta"]))


if __name__ == "__main__":
    unittest.main()
