"""A center's way in and out, over the whole market: invited, compared, admitted; certificates of a minute that renew themselves; revoked."""

import json
import os
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from demo.case import MarketCase  # noqa: E402
from demo.centers import LocalCenter  # noqa: E402
from demo.market import CommandError  # noqa: E402
from lib import process  # noqa: E402

PEOPLE = {"otto": ("otto-pass", ["operators"]), "olga": ("olga-pass", ["operators"]), "alice": ("alice-pass", ["researchers"])}


class JoinTest(MarketCase):
    PREFIX, PEOPLE = "bourse-jo-", PEOPLE
    UP = ("--certificate-minutes", "1")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.otto, cls.olga = cls.people["otto"], cls.people["olga"]

    def local(self, name):
        center = LocalCenter(self.market, self.dir, name, 2, 1000, {"core_ms": ("1", "core-hour")}, 500)
        self.addCleanup(center.stop)
        return center

    def seen(self, name):
        return next(c for c in self.otto.ask("center", "list")["centers"] if c["name"] == name)

    def connector(self, *argv, check=True):
        return process.run([f"{self.market.programs}/bourse-connector", *argv], check=check)

    def test_a_wrong_fingerprint_lets_nobody_in(self):
        bundle, folder = f"{self.dir}/south.json", f"{self.dir}/south"
        self.otto.run("center", "invite", "south", "--output", bundle)
        self.assertEqual(os.stat(bundle).st_mode & 0o777, 0o600)
        with self.assertRaises(CommandError):
            self.otto.run("center", "admit", "south", "--fingerprint", "0" * 64)  # nobody has joined
        waiting = self.connector("join", bundle, "--dir", folder, "--no-wait", check=False)
        self.assertNotEqual(waiting.returncode, 0)
        self.assertIn("has not been admitted yet", waiting.stderr)
        with self.assertRaises(CommandError) as refused:
            self.otto.run("center", "admit", "south", "--fingerprint", "0" * 64)
        self.assertIn("fingerprint", refused.exception.problem)
        run = self.connector("run", "--dir", folder, "--config", os.devnull, check=False)
        self.assertNotEqual(run.returncode, 0)
        self.otto.run("center", "withdraw", "south")
        again = self.connector("join", "--dir", folder, "--no-wait", check=False)
        self.assertIn("no such invitation", again.stderr)

    def test_certificates_renew_themselves_and_a_revoked_center_is_cut_off(self):
        north = self.local("north")
        north.join(self.otto, self.olga)
        north.start_connector()
        north.wait_joined()
        with open(f"{north.connector_dir}/credentials.json", encoding="utf-8") as file:
            first = json.load(file)
        self.assertEqual(first["generation"], 1)
        # The stream ends with its certificate, and the next one opens with the next: also the second time over.
        process.wait_until(lambda: self.seen("north")["certificate_generation"] >= 3, 150, "the third certificate", interval_s=1)
        process.wait_until(lambda: self.seen("north")["online"], 30, "the center online", interval_s=0.5)
        with open(f"{north.connector_dir}/credentials.json", encoding="utf-8") as file:
            newest = json.load(file)
        self.assertNotEqual(newest["tls_key_pem"], first["tls_key_pem"])
        self.assertNotIn("recovered", north.connector.output())
        self.otto.run("center", "revoke", "north", "--reason", "the contract ended", "--yes")
        process.wait_until(lambda: not self.seen("north")["online"], 5, "the cut", interval_s=0.1)
        self.assertEqual(self.seen("north")["state"], "revoked")


if __name__ == "__main__":
    unittest.main()
