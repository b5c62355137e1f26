"""Signing in, from a browser and from the command line: the real gateway, Redis, nginx and OpenID provider; the broker is faked."""

import base64
import hashlib
import http.server
import json
import os
import secrets
import shutil
import sys
import threading
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lib import process, workdir  # noqa: E402
from lib.sign_in import Browser, SignInError, sign_in  # noqa: E402

PROGRAMS = os.environ["BOURSE_PROGRAMS"]
IDP = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "idp")
NODE = os.environ.get("BOURSE_NODE") or shutil.which("node")
PEOPLE = {"alice": ("alice's pass-word", ["researchers", "chess"]), "otto": ("0tto&<co>", ["operators"]), "nobody": ("x", [])}

NGINX = """{user} daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/nginx.log warn;
events {{ worker_connections 512; }}
http {{ access_log off; client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
  uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {dir}/tls.pem; ssl_certificate_key {dir}/tls.key;
    location / {{ proxy_pass http://unix:{dir}/gateway.sock; proxy_http_version 1.1; proxy_set_header Host $http_host; }} }} }}
"""

GATEWAY = """[listen]
socket = "{dir}/gateway.sock"
[broker]
market = "unix:{dir}/market.sock"
[redis]
socket = "{dir}/redis.sock"
[public]
url = "{url}"
[[issuer]]
name = "demo"
url = "{issuer}"
client_id = "bourse"
client_secret_file = "{dir}/secret"
tenant = "Demo University"
[issuer.roles]
researchers = "user"
operators = "operator"
"""


class World:
    """All the processes, once for the whole file."""

    def __init__(self):
        if not os.path.isdir(f"{IDP}/node_modules"):
            raise RuntimeError(f"the identity provider is not installed: npm ci --ignore-scripts in {IDP}")
        self.dir = workdir.fresh_dir("bourse-si-")
        port, idp_port = process.free_ports(2)
        self.url, self.issuer = f"https://127.0.0.1:{port}", f"http://127.0.0.1:{idp_port}"
        self.ca = f"{self.dir}/tls.pem"
        process.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test",
                     "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{self.dir}/tls.key", "-out", self.ca])
        workdir.write_file(f"{self.dir}/secret", "a secret: with +odd% characters\n", mode=0o600)
        workdir.write_file(f"{self.dir}/idp.json", json.dumps({
            "port": idp_port,
            "clients": [{"client_id": "bourse", "client_secret": "a secret: with +odd% characters", "redirect_uris": [f"{self.url}/auth/callback"]}],
            "users": {n: {"password": p, "name": n.capitalize(), "groups": g} for n, (p, g) in PEOPLE.items()}}), mode=0o600)
        workdir.write_file(f"{self.dir}/gateway.toml", GATEWAY.format(dir=self.dir, url=self.url, issuer=self.issuer))
        workdir.write_file(f"{self.dir}/nginx.conf", NGINX.format(dir=self.dir, port=port, user="user root;" if os.geteuid() == 0 else ""))
        self.idp = process.Process([NODE, f"{IDP}/idp.mjs", f"{self.dir}/idp.json"], f"{self.dir}/idp.log", name="identity provider")
        self.market = process.Process([f"{PROGRAMS}/bourse-fake-market", f"unix:{self.dir}/market.sock"], f"{self.dir}/market.log")
        self.start_redis()
        self.gateway = process.Process([f"{PROGRAMS}/bourse-gateway", "--config", f"{self.dir}/gateway.toml"], f"{self.dir}/gateway.log")
        self.nginx = process.Process(["/usr/sbin/nginx", "-c", f"{self.dir}/nginx.conf", "-e", f"{self.dir}/nginx.log"], f"{self.dir}/nginx.out")
        self.idp.wait_for_line("idp ready", 30)
        self.gateway.wait_for_line("bourse-gateway ready")
        self.nginx.wait_for_port(port)

    def start_redis(self):
        self.redis = process.Process(["/usr/bin/redis-server", "--port", "0", "--unixsocket", f"{self.dir}/redis.sock", "--save", "", "--dir", self.dir],
                                     f"{self.dir}/redis.log")
        self.redis.wait_for_socket(f"{self.dir}/redis.sock")

    def browser(self):
        return Browser(self.ca)

    def signed_in(self, name="alice"):
        browser = self.browser()
        browser.sign_in(f"{self.url}/auth/login", name, PEOPLE[name][0])
        return browser


class Terminal:
    """What `bourse login` does: a loopback listener, PKCE, and the exchange."""

    def __init__(self, world):
        self.world, self.verifier, self.state, self.got = world, secrets.token_urlsafe(32), secrets.token_urlsafe(8), []
        got = self.got

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                got.append(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.redirect = f"http://127.0.0.1:{self.server.server_port}/callback"

    def address(self, **changes):
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        query = {"client_id": "bourse-cli", "response_type": "code", "redirect_uri": self.redirect, "state": self.state,
                 "code_challenge": challenge, "code_challenge_method": "S256", **changes}
        return f"{self.world.url}/oauth/authorize?{urllib.parse.urlencode({k: v for k, v in query.items() if v is not None})}"

    def exchange(self, code, **changes):
        form = {"grant_type": "authorization_code", "client_id": "bourse-cli", "code": code, "redirect_uri": self.redirect,
                "code_verifier": self.verifier, **changes}
        status, _, text = self.world.browser().open(f"{self.world.url}/oauth/token", form)
        return status, json.loads(text)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def setUpModule():
    global WORLD
    WORLD = World()


class BrowserTest(unittest.TestCase):
    def me(self, browser):
        status, _, text = browser.open(f"{WORLD.url}/api/v1/me")
        return status, json.loads(text)

    def test_signs_in_with_roles_by_the_allow_list(self):
        browser = WORLD.browser()
        address, status, text = browser.sign_in(f"{WORLD.url}/auth/login?return_to=/?hello=1", "alice", PEOPLE["alice"][0])
        self.assertEqual((address, status), (f"{WORLD.url}/?hello=1", 200))
        self.assertIn("Alice", text)
        self.assertEqual(self.me(browser)[1], {"user": "usr_alice", "tenant": "ten_demo", "name": "Alice", "roles": ["user"], "accounts": ["acc_1"]})
        cookie = next(c for c in browser.cookies if c.name == "__Host-bourse")
        self.assertTrue(cookie.secure and cookie.path == "/" and cookie.has_nonstandard_attr("HttpOnly"))
        self.assertEqual(cookie.get_nonstandard_attr("SameSite"), "Lax")
        self.assertEqual(self.me(WORLD.signed_in("nobody"))[1]["roles"], [])

    def test_return_to_stays_on_this_site(self):
        for evil in ("https://evil.example/", "//evil.example/", "/\\evil.example/", "javascript:alert(1)", "/%0d%0aSet-Cookie:a=b\r\n"):
            address, _, _ = WORLD.browser().sign_in(f"{WORLD.url}/auth/login?{urllib.parse.urlencode({'return_to': evil})}", "alice", PEOPLE["alice"][0])
            self.assertTrue(address.startswith(WORLD.url + "/"), address)
            self.assertNotIn("evil", address)

    def test_wrong_password_and_unknown_provider(self):
        with self.assertRaises(SignInError):
            WORLD.browser().sign_in(f"{WORLD.url}/auth/login", "alice", "wrong")
        self.assertEqual(WORLD.browser().open(f"{WORLD.url}/auth/login?issuer=other")[0], 404)

    def test_a_change_by_cookie_must_come_from_our_own_page(self):
        browser = WORLD.signed_in()
        body = {"spec": "x"}
        for headers in ({}, {"Origin": WORLD.url}, {"X-Bourse-Request": "1"}, {"Origin": "https://evil.example", "X-Bourse-Request": "1"},
                        {"Origin": "null", "X-Bourse-Request": "1"}):
            status, _, text = browser.open(f"{WORLD.url}/api/v1/jobs", body, headers={**headers, "Idempotency-Key": "k"})
            self.assertEqual((status, json.loads(text)["code"]), (403, "forbidden"), headers)
        status, _, text = browser.open(f"{WORLD.url}/api/v1/jobs", body, headers={"Origin": WORLD.url, "X-Bourse-Request": "1", "Idempotency-Key": "k"})
        self.assertEqual((status, json.loads(text)["code"]), (415, "unsupported_media_type"))  # let in, then told that a form is not JSON

    def test_signs_out(self):
        browser = WORLD.signed_in()
        token = browser.cookie("__Host-bourse")
        self.assertEqual(browser.open(f"{WORLD.url}/auth/logout", {}, origin="https://evil.example")[0], 403)
        self.assertEqual(self.me(browser)[0], 200)
        self.assertEqual(browser.open(f"{WORLD.url}/auth/logout", {}, origin=WORLD.url)[0], 303)
        stolen = WORLD.browser().open(f"{WORLD.url}/api/v1/me", headers={"Cookie": f"__Host-bourse={token}"})
        self.assertEqual(stolen[0], 401)

    def test_each_sign_in_has_a_new_session_and_ends_the_old_one(self):
        browser = WORLD.signed_in()
        old = browser.cookie("__Host-bourse")
        browser.sign_in(f"{WORLD.url}/auth/login", "alice", PEOPLE["alice"][0])
        self.assertNotEqual(browser.cookie("__Host-bourse"), old)
        self.assertEqual(WORLD.browser().open(f"{WORLD.url}/api/v1/me", headers={"Cookie": f"__Host-bourse={old}"})[0], 401)

    def callback_of(self, browser):
        """Signs in up to the address that the provider sends the browser back to, without going there."""
        class Stop(Exception):
            pass

        plain = browser.open

        def watch(url, *rest):
            if url.startswith(f"{WORLD.url}/auth/callback"):
                raise Stop(url)
            return plain(url, *rest)

        browser.open = watch
        try:
            browser.sign_in(f"{WORLD.url}/auth/login", "alice", PEOPLE["alice"][0])
        except Stop as stop:
            return str(stop)
        finally:
            browser.open = plain
        return None

    def test_a_callback_works_once_and_in_its_own_browser(self):
        browser = WORLD.browser()
        back = self.callback_of(browser)
        self.assertEqual(WORLD.browser().open(back)[0], 403)  # login CSRF: another browser
        self.assertEqual(browser.open(back)[0], 400)          # and that try has used it up
        back = self.callback_of(browser)
        self.assertEqual(browser.open(back)[0], 303)
        self.assertEqual(browser.open(back)[0], 400)

    def test_hostile_callbacks(self):
        browser = WORLD.browser()
        back = self.callback_of(browser)
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(back).query)["state"][0]
        other = ("A" if state[0] != "A" else "B") + state[1:]
        for query in ("", "state=", f"state={other}&code=x", f"{urllib.parse.urlsplit(back).query}&state={state}", "state=%00&code=1",
                      f"state={'A' * 5000}", "state[]=1"):
            self.assertIn(browser.open(f"{WORLD.url}/auth/callback?{query}")[0], (400, 414), query)
        for query, status in ((f"state={state}&code=x&iss=https://evil.example", 401),):
            self.assertEqual(browser.open(f"{WORLD.url}/auth/callback?{query}")[0], status)
        back = self.callback_of(browser)
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(back).query)["state"][0]
        status, _, text = browser.open(f"{WORLD.url}/auth/callback?state={state}&error=<script>alert(1)</script>")
        self.assertEqual(status, 401)
        self.assertNotIn("<script>", text)
        back = self.callback_of(browser)
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(back).query)["state"][0]
        self.assertEqual(browser.open(f"{WORLD.url}/auth/callback?state={state}&code=made-up")[0], 401)

    def test_the_address_comes_from_the_configuration_whatever_a_request_claims(self):
        spoof = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-For": "127.0.0.1",
                 "X-Forwarded-Prefix": "//evil.example", "X-Original-URL": "/evil", "X-Rewrite-URL": "/evil", "Forwarded": "host=evil.example;proto=http"}
        status, headers, _ = WORLD.browser().open(f"{WORLD.url}/auth/login", headers=spoof)
        self.assertEqual(status, 303)
        self.assertTrue(headers["Location"].startswith(WORLD.issuer), headers["Location"])
        back = urllib.parse.parse_qs(urllib.parse.urlsplit(headers["Location"]).query)["redirect_uri"]
        self.assertEqual(back, [f"{WORLD.url}/auth/callback"])
        self.assertNotIn("evil", str(headers))
        # Nor do they make anybody: no session, and no page of ours for another's origin.
        self.assertEqual(WORLD.browser().open(f"{WORLD.url}/api/v1/me", headers={**spoof, "X-Forwarded-User": "usr_alice", "X-Remote-User": "usr_alice"})[0], 401)
        body, own = {"spec": "x"}, {"X-Bourse-Request": "1", "Idempotency-Key": "k"}
        self.assertEqual(WORLD.signed_in().open(f"{WORLD.url}/api/v1/jobs", body, headers={**spoof, **own, "Origin": "https://evil.example"})[0], 403)

    def test_pages_have_a_strict_policy(self):
        for path in ("/", "/auth/login?issuer=other"):
            _, headers, text = WORLD.browser().open(WORLD.url + path)
            policy = headers["Content-Security-Policy"]
            for part in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"):
                self.assertIn(part, policy)
            self.assertNotIn("unsafe", policy)
            style = text.split("<style>")[1].split("</style>")[0]
            self.assertIn(base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(), policy)
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")

    def test_without_redis_people_still_get_in(self):
        WORLD.redis.kill()
        try:
            browser = WORLD.signed_in()
            self.assertEqual(self.me(browser)[0], 200)
        finally:
            os.unlink(f"{WORLD.dir}/redis.sock")
            WORLD.start_redis()
        process.wait_until(lambda: self.me(WORLD.signed_in())[0] == 200, 10, "a sign-in with Redis back")


class CommandLineTest(unittest.TestCase):
    def setUp(self):
        self.terminal = Terminal(WORLD)
        self.addCleanup(self.terminal.close)

    def token(self, terminal=None):
        terminal = terminal or self.terminal
        sign_in(terminal.address(), "otto", PEOPLE["otto"][0], ca_file=WORLD.ca)
        return terminal.exchange(terminal.got[-1]["code"])

    def me(self, token):
        return WORLD.browser().open(f"{WORLD.url}/api/v1/me", headers={"Authorization": f"Bearer {token}"})[0]

    def test_signs_in(self):
        status, reply = self.token()
        self.assertEqual(status, 200)
        self.assertEqual((reply["token_type"], reply["expires_in"]), ("Bearer", 43200))
        self.assertRegex(reply["access_token"], r"^bat_[0-9a-hjkmnp-tv-z]{58}$")
        self.assertEqual(self.terminal.got, [{"code": self.terminal.got[0]["code"], "state": self.terminal.state}])
        self.assertEqual(self.me(reply["access_token"]), 200)
        self.assertEqual(self.me(reply["access_token"][:-1] + "!"), 401)

    def test_a_code_works_once_and_its_second_use_ends_the_token(self):
        _, reply = self.token()
        self.assertEqual(self.me(reply["access_token"]), 200)
        status, again = self.terminal.exchange(self.terminal.got[0]["code"])
        self.assertEqual((status, again["error"]), (400, "invalid_grant"))
        self.assertEqual(self.me(reply["access_token"]), 401)

    def test_a_code_is_of_use_to_its_owner_only(self):
        for changes, error in (({"code_verifier": "x" * 43}, "invalid_grant"), ({"redirect_uri": "http://127.0.0.1:1/callback"}, "invalid_grant"),
                               ({"code_verifier": "short"}, "invalid_request"), ({"client_id": "other"}, "invalid_client"),
                               ({"grant_type": "password"}, "unsupported_grant_type")):
            terminal = Terminal(WORLD)
            sign_in(terminal.address(), "otto", PEOPLE["otto"][0], ca_file=WORLD.ca)
            status, reply = terminal.exchange(terminal.got[-1]["code"], **changes)
            terminal.close()
            self.assertEqual(reply.get("error"), error, changes)
            self.assertIn(status, (400, 401))

    def test_forms_that_could_be_read_in_two_ways_are_refused(self):
        form = {"grant_type": "authorization_code", "client_id": "bourse-cli", "code": "A" * 43, "code_verifier": "x" * 43, "token": "A" * 62}
        for path in ("/oauth/token", "/oauth/revoke"):
            for hostile, headers, status in (([*form.items(), ("code", "B" * 43)], {}, 400), ({**form, "code": "A" * 42 + "\0"}, {}, 400),
                                             ({**form, "code": "A" * 5000}, {}, 413), (form, {"Content-Type": "application/json"}, 400),
                                             (form, {"Content-Encoding": "gzip"}, 415)):
                got, _, text = WORLD.browser().open(WORLD.url + path, hostile, headers=headers)
                self.assertEqual(got, status, (path, hostile, headers, text))
                self.assertIsInstance(json.loads(text), dict)

    def bourse(self, *arguments):
        _, reply = self.token()
        env = process.minimal_env(BOURSE_URL=WORLD.url, BOURSE_CA=WORLD.ca, BOURSE_TOKEN=reply["access_token"], BOURSE_CONFIG_DIR=f"{WORLD.dir}/cli")
        return lambda *more: process.run([f"{PROGRAMS}/bourse", *arguments, *more], env=env, check=False)

    def test_what_is_typed_for_an_id_leads_nowhere_else(self):
        show = self.bourse("job", "show")
        self.assertEqual(show("job_1").returncode, 0)
        for typed in ("..", ".", "../wallets", "job_1/../../me", "%2e%2e", "a\nb", "", "job_1?x=1", "é", "a" * 5000):
            done = show(typed)
            self.assertRegex(done.stderr, r"^bourse: the path (has|ends)|\((not_found|too_large)\)", typed)
            self.assertEqual(done.stdout, "")

    def test_jobs_that_cant_be_meant_are_not_sent(self):
        script, empty = f"{WORLD.dir}/job.sh", f"{WORLD.dir}/nul.sh"
        workdir.write_file(script, "#!/bin/sh\n")
        workdir.write_file(empty, "\0\0")
        submit = self.bourse("submit")
        for wrong in ("--nodes=0", "--nodes=-1", f"--nodes={2**31}", "--nodes=1e3", "--cores=0", "--gpus=-1", "--time=0", "--time=UNLIMITED", "--memory=0G",
                      "--budget=1,5", "--budget=-0", "--deadline=tomorrow", "--objective=free", "--name=a\nb", "--name=a\x1b[2J", "--name=\x7f"):
            done = submit(script, wrong)
            self.assertEqual((done.returncode, done.stdout), (2, ""), (wrong, done.stderr))
            self.assertNotIn("\x1b", done.stderr)
        self.assertEqual(submit(empty).returncode, 2)

    def test_sbatch_and_bsub_answer_like_themselves(self):
        script = f"{WORLD.dir}/slurm.sh"
        workdir.write_file(script, "#!/bin/sh\n#SBATCH -n 2\n")
        sbatch, bsub = self.bourse("sbatch"), self.bourse("bsub")
        self.assertEqual(sbatch(script).stdout, "Submitted batch job job_1\n")
        self.assertEqual(sbatch("-o", "out.%j", "-N2", "--job-name", "jobs", "-Hn", "4", script).stdout, "Submitted batch job job_1\n")
        self.assertEqual(sbatch("--parsable", "--wrap", "sleep 1").stdout, "job_1\n")
        self.assertRegex(bsub("-n", "4", "sleep", "1").stdout, r"^Job <job_1> is submitted to queue <.*>\.\n$")
        for wrong in ((script, "argument"), ("--wrap", "true", script), (f"{WORLD.dir}/nowhere.sh",)):
            done = sbatch(*wrong)
            self.assertEqual((done.returncode, done.stdout), (2, ""), (wrong, done.stderr))

    def test_revoked(self):
        _, reply = self.token()
        for token in (reply["access_token"], reply["access_token"], "unknown"):
            self.assertEqual(WORLD.browser().open(f"{WORLD.url}/oauth/revoke", {"token": token})[0], 200)
        self.assertEqual(self.me(reply["access_token"]), 401)

    def test_only_loopback_and_only_s256(self):
        browser = WORLD.signed_in()
        for redirect in ("https://evil.example/callback", "http://127.0.0.1.evil.example:1/callback", "http://127.0.0.1:80@evil.example/callback",
                         "http://localhost:9/callback", "http://127.0.0.1/callback", "http://127.0.0.1:99999/callback", "http://127.0.0.1:9/callback?x=1", None):
            self.assertEqual(browser.open(self.terminal.address(redirect_uri=redirect))[0], 400, redirect)
        self.assertEqual(browser.open(self.terminal.address(client_id="other"))[0], 400)
        for changes in ({"code_challenge_method": "plain"}, {"code_challenge_method": None}, {"code_challenge": "short"}, {"code_challenge": None}):
            status, headers, _ = browser.open(self.terminal.address(**changes))
            self.assertEqual(status, 303)
            self.assertTrue(headers["Location"].startswith(self.terminal.redirect + "?error=invalid_request&state="), headers["Location"])

    def consent(self, browser):
        status, headers, text = browser.open(self.terminal.address())
        self.assertEqual(status, 200)
        self.assertIn(f"form-action 'self' http://127.0.0.1:{self.terminal.server.server_port}", headers["Content-Security-Policy"])
        return text.split('name="request" value="')[1].split('"')[0]

    def decide(self, browser, request, decision="allow", origin=None):
        return browser.open(f"{WORLD.url}/oauth/authorize", {"request": request, "decision": decision}, origin=origin or WORLD.url)

    def test_consent(self):
        browser = WORLD.signed_in()
        request = self.consent(browser)
        self.assertEqual(self.decide(WORLD.signed_in("otto"), self.consent(browser))[0], 400)  # another person's answer
        self.assertEqual(self.decide(browser, request, origin="https://evil.example")[0], 403)
        status, headers, _ = self.decide(browser, request, "deny")
        self.assertEqual((status, headers["Location"]), (303, f"{self.terminal.redirect}?error=access_denied&state={self.terminal.state}"))
        self.assertEqual(self.decide(browser, request)[0], 400)  # answered once


if __name__ == "__main__":
    unittest.main(verbosity=2)
