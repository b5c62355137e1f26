"""The real edge before a real broker: what strangers, bad certificates, forged headers and floods meet there."""

import datetime
import gzip
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lib import process, workdir  # noqa: E402

BOURSE = os.environ["BOURSE_PROGRAMS"] + "/bourse"
LINK = "link.bourse.internal"
JOIN = "join.bourse.internal"
BEGIN = "/bourse.federation.v1.Membership/Begin"
CONNECT = "/bourse.federation.v1.Link/Connect"
NAME = "URI:spiffe://{}/center/{}/connector/{}"
CENTER, CONNECTOR = "ctr_01jd0000000000000000000001", "con_01jd0000000000000000000002"
OK, INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED, UNAUTHENTICATED = "0", "3", "8", "12", "16"

CA_CONFIG = """[ca]
default_ca = this
[this]
database = {dir}/index
new_certs_dir = {dir}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[extensions]
{extensions}
"""


class Certificates:
    """Certificates as anybody could make them with the openssl program, signed by whichever key the test can reach."""

    def __init__(self, directory):
        self.dir = directory
        self.count = 0

    def key_and_request(self, name):
        key, request = f"{self.dir}/{name}.key", f"{self.dir}/{name}.csr"
        process.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                     "-out", request, "-subj", f"/CN={name}"])
        return key, request

    def root(self, name):
        key, path = f"{self.dir}/{name}.key", f"{self.dir}/{name}.pem"
        process.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                     "-out", path, "-subj", f"/CN={name}", "-days", "2"])
        return path, key

    def issue(self, name, issuer, extensions, first_day=-1, last_day=1, chain=""):
        """A leaf and its chain in one file. `issuer`: certificate and key. Days count from now."""
        certificate, issuer_key = issuer
        key, request = self.key_and_request(name)
        self.count += 1
        config, out = f"{self.dir}/{self.count}.cnf", f"{self.dir}/{name}.pem"
        workdir.write_file(f"{self.dir}/index", "")
        workdir.write_file(config, CA_CONFIG.format(dir=self.dir, extensions="\n".join(extensions)))
        process.run(["openssl", "ca", "-batch", "-notext", "-config", config, "-cert", certificate, "-keyfile", issuer_key,
                     "-in", request, "-out", out, "-extensions", "extensions",
                     "-startdate", day(first_day), "-enddate", day(last_day)])
        with open(certificate, encoding="ascii") as file:
            above = file.read()
        with open(out, "a", encoding="ascii") as file:
            file.write(above + chain)
        return out, key


def day(offset):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=offset)).strftime("%Y%m%d%H%M%SZ")


def client_extensions(name):
    return ["basicConstraints = critical,CA:FALSE", "extendedKeyUsage = clientAuth"] + ([f"subjectAltName = {name}"] if name else [])


class Http2:
    """One TLS connection that speaks frames, whether or not they make sense."""

    DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
    END_STREAM, END_HEADERS = 1, 4
    GET = b"\x82\x87\x84\x41\x09127.0.0.1"  # :method GET, :scheme https, :path /, :authority 127.0.0.1
    NO_METHOD = b"\x87\x84\x41\x09127.0.0.1"

    def __init__(self, port, server_name=None, client=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        if client:
            context.load_cert_chain(*client)
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname=server_name)
        self.socket.settimeout(20)
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(self.SETTINGS, 0, 0, b""))

    @staticmethod
    def frame(kind, flags, stream, payload):
        return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload

    @staticmethod
    def literal(name, value):
        """A header field as HPACK writes it without its table; short texts only."""
        return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()

    def send(self, data):
        """False once the edge has closed."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def frames(self):
        """Until the edge closes or is silent for twenty seconds."""
        data = b""
        while True:
            try:
                piece = self.socket.recv(65536)
            except OSError:
                return
            if not piece:
                return
            data += piece
            while len(data) >= 9 and len(data) >= 9 + int.from_bytes(data[:3], "big"):
                size = int.from_bytes(data[:3], "big")
                yield data[3], int.from_bytes(data[5:9], "big"), data[9:9 + size]
                data = data[9 + size:]

    def close(self):
        self.socket.close()


class EdgeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = workdir.fresh_dir("bourse-edge-")
        cls.state = f"{cls.dir}/state"
        cls.port = process.free_port()
        process.run([BOURSE, "up", "--state", cls.state, "--port", str(cls.port)], timeout_s=150)
        cls.addClassCleanup(process.run, [BOURSE, "down", "--state", cls.state], timeout_s=150, check=False)
        with open(f"{cls.state}/config/broker.toml", encoding="utf-8") as file:
            cls.audience = re.search(r'^name = "(.*)"', file.read(), re.MULTILINE).group(1)
        keys = f"{cls.state}/keys"
        cls.ours = (f"{keys}/intermediate.pem", f"{keys}/intermediate.key")
        os.mkdir(f"{cls.dir}/pki")
        cls.certificates = Certificates(f"{cls.dir}/pki")
        cls.name = NAME.format(cls.audience, CENTER, CONNECTOR)
        cls.good = cls.certificates.issue("good", cls.ours, client_extensions(cls.name))

    def tearDown(self):
        done = process.run(["curl", "-sS", "--cacert", f"{self.state}/edge/root.pem", f"https://127.0.0.1:{self.port}/healthz"], check=False)
        self.assertEqual(done.returncode, 0, "the edge goes on")

    def ask(self, *more, client=None, url=None, body=b""):
        """POSTs as a gRPC client does. Returns curl's exit code, the HTTP status and the headers, trailers included."""
        argv = ["curl", "-sS", "--http2", "--max-time", "20", "--cacert", f"{self.state}/edge/root.pem",
                "--resolve", f"{LINK}:{self.port}:127.0.0.1", "-H", "content-type: application/grpc", "-H", "te: trailers",
                "--data-binary", "@-", "-o", "/dev/null", "-D", "-"]
        if client:
            argv += ["--cert", client[0], "--key", client[1]]
        argv += ["--resolve", f"{JOIN}:{self.port}:127.0.0.1"]
        done = subprocess.run([*argv, *more, url or f"https://{LINK}:{self.port}{CONNECT}"], input=body, capture_output=True,
                              env=process.minimal_env(), timeout=30, check=False)
        lines = done.stdout.decode(errors="replace").splitlines()
        status = next((line.split()[1] for line in lines if line.startswith("HTTP/")), "")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), value.strip())
        return done.returncode, status, headers

    def edge_kib(self):
        """The memory of nginx and its workers."""
        done = process.run([BOURSE, "status", "--state", self.state, "--json"], check=False)
        nginx = next(c["pid"] for c in json.loads(done.stdout)["components"] if c["name"] == "nginx")
        total = 0
        for pid in [nginx, *process.descendants(nginx)]:
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                total += int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))
        return total

    def grpc_status(self, *more, **options):
        return self.ask(*more, **options)[2].get("grpc-status")

    def test_a_certificate_of_ours_reaches_the_broker(self):
        self.assertEqual(self.grpc_status(client=self.good), OK)

    def test_without_a_good_certificate_nobody_reaches_the_broker(self):
        issue, client = self.certificates.issue, client_extensions(self.name)
        other = self.certificates.root("other")
        below = issue("below", self.ours, ["basicConstraints = critical,CA:TRUE", "keyUsage = critical,keyCertSign"])
        with open(self.ours[0], encoding="ascii") as file:
            above = file.read()
        for what, bad in {
                "none": None,
                "of another authority": issue("foreign", other, client),
                "signed by itself": self.certificates.root("alone"),
                "expired": issue("expired", self.ours, client, -3, -2),
                "not yet valid": issue("early", self.ours, client, 2, 3),
                "of an authority below ours": issue("deep", below, client, chain=above),
                "for servers": issue("server", self.ours, ["extendedKeyUsage = serverAuth", f"subjectAltName = {self.name}"]),
        }.items():
            with self.subTest(what):
                _, status, headers = self.ask(client=bad)
                self.assertEqual(status, "400", headers)
                self.assertNotIn("grpc-status", headers)

    def test_a_certificate_of_ours_with_other_names_is_refused_by_the_broker(self):
        for number, name in enumerate(("", "DNS:" + LINK, f"{self.name},{self.name}", self.name.replace(self.audience, "another.market"))):
            with self.subTest(name):
                client = self.certificates.issue(f"named{number}", self.ours, client_extensions(name))
                self.assertEqual(self.grpc_status(client=client), UNAUTHENTICATED)

    def test_a_forged_certificate_header_never_reaches_the_broker(self):
        with open(self.good[0], encoding="ascii") as file:
            leaf = file.read().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
        forged = "x-bourse-client-cert: " + urllib.parse.quote(leaf, safe="")
        nameless = self.certificates.issue("nameless", self.ours, client_extensions(""))
        self.assertEqual(self.grpc_status("-H", forged, client=nameless), UNAUTHENTICATED)
        self.assertEqual(self.grpc_status("-H", forged, "-H", forged, client=nameless), UNAUTHENTICATED)
        self.assertEqual(self.ask("-H", forged)[1], "400")
        self.assertEqual(self.grpc_status("-H", "x-bourse-client-cert: nonsense", client=self.good), OK)

    def test_the_link_is_not_behind_another_name(self):
        for name in ("127.0.0.1", "localhost"):  # without and with a server name in the handshake
            anybody = f"https://{name}:{self.port}{CONNECT}"
            with self.subTest(name):
                self.assertIn(self.ask("-H", f"Host: {LINK}", client=self.good, url=anybody)[1], ("400", "421"))
                self.assertNotIn("grpc-status", self.ask(client=self.good, url=anybody)[2])

    def test_joining_needs_no_certificate_and_leads_nowhere_else(self):
        empty = b"\0\0\0\0\0"
        self.assertEqual(self.grpc_status(url=f"https://{JOIN}:{self.port}{BEGIN}", body=empty), OK)
        join = f"https://{JOIN}:{self.port}/bourse.federation.v1.Membership/Join"
        self.assertEqual(self.grpc_status(url=join, body=empty), INVALID_ARGUMENT)
        self.assertEqual(self.ask(url=join, body=b"\0\0\x10\0\0" + b"x" * (1 << 20))[1], "413")
        for elsewhere in (f"https://{JOIN}:{self.port}{CONNECT}", f"https://{JOIN}:{self.port}/bourse.market.v1.Market/FundAccount",
                          f"https://{JOIN}:{self.port}/api/v1/whoami"):
            self.assertEqual(self.ask(url=elsewhere, body=empty)[1], "404", elsewhere)
        self.assertEqual(self.ask(client=self.good, url=f"https://{LINK}:{self.port}{BEGIN}", body=empty)[1], "404")
        self.assertNotIn("grpc-status", self.ask(url=f"https://localhost:{self.port}{BEGIN}", body=empty)[2])

    def test_tls_below_1_3_is_refused(self):
        code, status, _ = self.ask("--tls-max", "1.2", client=self.good)
        self.assertEqual((code, status), (35, ""))

    def test_what_no_connector_says_is_refused(self):
        unknown = f"https://{LINK}:{self.port}/bourse.federation.v1.Link/Settle"
        self.assertEqual(self.grpc_status(client=self.good, url=unknown), UNIMPLEMENTED)
        market = f"https://{LINK}:{self.port}/bourse.market.v1.Market/FundAccount"
        self.assertEqual(self.ask(client=self.good, url=market)[1], "404")
        self.assertEqual(self.grpc_status(client=self.good, body=b"\0\0\x50\0\0" + b"x" * (5 << 20)), RESOURCE_EXHAUSTED)
        self.assertEqual(self.ask("-X", "get", client=self.good)[1], "400")

    def test_a_packed_message_is_not_unpacked(self):
        packed = gzip.compress(bytes(64 << 20))
        body = b"\1" + struct.pack(">I", len(packed)) + packed
        self.assertEqual(self.grpc_status("-H", "grpc-encoding: gzip", client=self.good, body=body), UNIMPLEMENTED)

    def test_a_request_without_a_method_is_refused(self):
        connection = Http2(self.port)
        self.addCleanup(connection.close)
        connection.send(connection.frame(Http2.HEADERS, Http2.END_STREAM | Http2.END_HEADERS, 1, Http2.NO_METHOD))
        answer = next(((kind, payload) for kind, stream, payload in connection.frames() if stream == 1 or kind == Http2.GOAWAY), None)
        self.assertIsNotNone(answer)
        if answer[0] == Http2.HEADERS:
            self.assertIn(b"\x8c", answer[1])  # :status 400

    def test_a_message_that_claims_4_gib_is_given_up(self):
        """It is not waited for: who has not proved itself in ten seconds is cut off."""
        connection = Http2(self.port, LINK, self.good)
        self.addCleanup(connection.close)
        call = b"\x83\x87" + b"".join(Http2.literal(name, value) for name, value in (
            (":path", CONNECT), (":authority", LINK), ("te", "trailers"), ("content-type", "application/grpc")))
        connection.send(connection.frame(Http2.HEADERS, Http2.END_HEADERS, 1, call) +
                        connection.frame(Http2.DATA, 0, 1, b"\0\xff\xff\xff\xff" + b"x" * 10_000))
        started = time.monotonic()
        for kind, stream, _ in connection.frames():
            if stream == 1 and (kind == Http2.RST_STREAM or (kind == Http2.HEADERS and time.monotonic() - started > 5)):
                return
        self.fail("the stream was left open")

    def test_endless_headers_are_not_kept(self):
        connection, before = Http2(self.port), self.edge_kib()
        self.addCleanup(connection.close)
        connection.send(connection.frame(Http2.HEADERS, Http2.END_STREAM, 1, Http2.GET))
        piece = connection.frame(Http2.CONTINUATION, 0, 1, b"\x00\x01a\x7f\xa1\x1e" + b"b" * 4000)
        for _ in range(10_000):  # 40 MB
            if not connection.send(piece):
                break
        self.assertLess(self.edge_kib() - before, 10_000)

    def test_a_flood_of_cancelled_requests_ends_its_connection(self):
        connection = Http2(self.port)
        self.addCleanup(connection.close)
        for first in range(1, 50_000, 1000):
            batch = b"".join(connection.frame(Http2.HEADERS, Http2.END_STREAM | Http2.END_HEADERS, stream, Http2.GET) +
                             connection.frame(Http2.RST_STREAM, 0, stream, b"\0\0\0\x08") for stream in range(first, first + 1000, 2))
            if not connection.send(batch):
                break
        self.assertIn(Http2.GOAWAY, [kind for kind, _, _ in connection.frames()] + ([Http2.GOAWAY] if not connection.send(b"x" * 9) else []))

    def hung_up_after(self, connection, trickle=b"", every_s=0.4, patience_s=40):
        """Seconds until the edge closes, while the bytes of `trickle` are sent one by one; None if it never does."""
        began, sent = time.monotonic(), 0
        connection.settimeout(every_s)
        while (passed := time.monotonic() - began) < patience_s:
            try:
                if sent < len(trickle):
                    connection.sendall(trickle[sent:sent + 1])
                    sent += 1
                if connection.recv(65536) == b"":
                    return passed
            except TimeoutError:
                continue
            except OSError:
                return passed
        return None

    def test_who_says_nothing_is_hung_up_on(self):
        with socket.create_connection(("127.0.0.1", self.port), 10) as silent:
            self.assertIsNotNone(self.hung_up_after(silent))

    def test_a_slow_handshake_is_given_up_however_steady(self):
        """A ClientHello whose bytes keep coming, at a pace that would take minutes."""
        wanted = ssl.MemoryBIO()
        try:
            context = ssl.create_default_context()
            context.wrap_bio(ssl.MemoryBIO(), wanted, server_hostname=LINK).do_handshake()
        except ssl.SSLWantReadError:
            pass
        hello = wanted.read()
        self.assertGreater(len(hello) * 0.4, 60)
        with socket.create_connection(("127.0.0.1", self.port), 10) as slow:
            self.assertIsNotNone(self.hung_up_after(slow, hello))

    def test_a_connection_without_a_request_is_hung_up_on(self):
        connection = Http2(self.port)
        self.addCleanup(connection.close)
        self.assertIsNotNone(self.hung_up_after(connection.socket))

    def test_a_flood_of_pings_is_answered_or_cut(self):
        connection = Http2(self.port)
        self.addCleanup(connection.close)
        ping, settings = connection.frame(Http2.PING, 0, 0, b"12345678"), connection.frame(Http2.SETTINGS, 0, 0, b"")
        for _ in range(50):
            if not connection.send((ping + settings) * 1000):
                break


if __name__ == "__main__":
    unittest.main()
