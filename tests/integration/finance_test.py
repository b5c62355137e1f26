"""A user's money on the whole market over HTTPS, with a center that runs real processes: who may spend the last of it, and
what becomes of a running job when there is none left."""

import concurrent.futures
import hashlib
import http.client
import json
import os
import ssl
import sys
import time
import unittest
from decimal import Decimal

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from demo.case import MarketCase  # noqa: E402
from demo.centers import LocalCenter  # noqa: E402
from demo.market import CommandError  # noqa: E402
from lib import process  # noqa: E402

PEOPLE = {"alice": ("alice-pass", ["researchers"]), "bob": ("bob-pass", ["researchers"]), "fiona": ("fiona-pass", ["finance-office"]),
          "frank": ("frank-pass", ["finance-office"]), "carla": ("carla-pass", ["center-office", "researchers"]), "otto": ("otto-pass", ["operators"]), "olga": ("olga-pass", ["operators"])}
SCRIPT = "#!/bin/bash\nwhile :; do date +%s; sleep 0.2; done\n"


class FinanceTest(MarketCase):
    PREFIX, PEOPLE = "bourse-fi-", PEOPLE

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # A core costs 60.00 an hour: 1.00 a minute.
        cls.center = LocalCenter(cls.market, cls.dir, "gamma", 2, 1000, {"core_ms": ("60", "core-hour"), "node_ms": ("0", "node-hour"),
                                                                        "mem_mib_s": ("0", "gib-hour")}, 500)
        cls.center.join(cls.people["otto"], cls.people["olga"])
        cls.addClassCleanup(cls.center.stop)
        cls.people["otto"].propose(cls.people["olga"], "contract", "set", "gamma", "--margin-bps", 500, "--tax-bps", 600)
        prices = f"{cls.dir}/prices.json"
        with open(prices, "w", encoding="utf-8") as file:
            json.dump({"currency": "CNY", "rows": cls.center.price_rows()}, file)
        cls.people["otto"].propose(cls.people["olga"], "prices", "publish", prices)
        cls.center.start_connector()
        cls.center.wait_joined()
        process.wait_until(lambda: any(o["online"] for o in cls.people["alice"].ask("offers")["offers"]), 30, "an offer")

    def wallet(self, name):
        return self.people[name].ask("wallet")["wallets"][0]

    def fund(self, name, amount):
        self.people["fiona"].propose(self.people["frank"], "account", "fund", self.wallet(name)["account"], amount,
                                     "--bank-reference", f"{name} {amount}")

    def job(self, job):
        return self.people["alice"].ask("job", "show", job["id"])

    def wait(self, job, what, good, timeout_s=60):
        return process.wait_until(lambda: (now := self.job(job)) and good(now) and now, timeout_s, what, interval_s=0.3)

    def log_size(self, job):
        return len(self.people["alice"].run("logs", job["id"]))

    def test_tomorrows_book_is_tried_on_the_months_usage_and_published(self):
        otto, olga, fiona = (self.people[name] for name in ("otto", "olga", "fiona"))
        bob = self.people["bob"]
        self.fund("bob", "5.00")
        job = bob.ask("submit", "-", "--name", "short", "--time", "1m", "--memory", "64MiB", stdin="#!/bin/sh\nsleep 1\n")
        process.wait_until(lambda: bob.ask("job", "show", job["id"])["state"] == "ended", 60, "an ended job")
        month = time.strftime("%Y-%m", time.gmtime())
        usage = fiona.run("usage", "export", "--month", month)
        charged = sum(Decimal(json.loads(line)["charged"]) for line in usage.splitlines())
        self.assertGreater(charged, 0)
        # The published book, in the form that is rated and published.
        now = json.loads(fiona.run("prices", "export"))
        mine = [row for row in now["rows"] if row["meter"] == "core_ms"][0]
        self.assertEqual((mine["price"], mine["per"], mine["scope"]["center"]), ("60", "core-hour", self.center.id))
        new = {**now, "rows": [{**row, "id": f"new-{n}", "price": str(Decimal(row["price"]) * 2), "valid_from": "2099-01-01T00:00:00Z"} for n, row in enumerate(now["rows"])]}
        path = f"{self.dir}/new.json"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(new, file)
        last = json.loads(fiona.run("--output", "json", "rate", "--book", path, "--as-of", "2099-01-01", "--usage", "-", stdin=usage).splitlines()[-1])
        total = last["total"]
        self.assertEqual((Decimal(total["charged"]), total["parked"]), (charged, 0))
        # Twice the price is twice the money, but for the rounding of each record.
        self.assertLessEqual(abs(Decimal(total["difference"]) - charged), len(usage.splitlines()) * Decimal("0.000001"))
        cores, = [row for row in last["summary"] if row["meter"] == "core_ms"]
        self.assertEqual((cores["center_name"], cores["difference"]), ("gamma", total["difference"]))
        current = f"{self.dir}/current.json"
        fiona.run("prices", "export", "--output", current)
        self.assertEqual(json.loads(fiona.run("--output", "json", "rate", "--book", current, "--summary", "--usage", "-", stdin=usage).splitlines()[-1])["total"]["difference"], "0.00")
        self.assertEqual(otto.propose(olga, "prices", "publish", path, "--note", "dearer from 2099")["state"], "approved")
        self.assertEqual(len(json.loads(fiona.run("prices", "export", "--at", "now"))["rows"]), len(now["rows"]))
        self.assertIn("120", fiona.run("prices", "list", "--at", "2099-01-01", "--center", "gamma"))
        self.assertIn("A100", fiona.run("prices", "factors"))
        self.assertIn("Nothing was set aside", otto.run("center", "quarantine", "gamma"))

    def test_the_last_money_is_spent_once(self):
        """Two hundred submissions at once on money for ten: ten holds, and everybody else is told why."""
        self.fund("bob", "100.00")
        bob = self.people["bob"]
        with open(f"{bob.config}/token", encoding="ascii") as file:
            token = file.read().strip()
        trust = ssl.create_default_context(cafile=self.market.ca)
        body = json.dumps({"spec": {"name": "race", "script": "#!/bin/sh\nsleep 600\n", "cores": 1, "mem_mib": 64, "walltime_ms": 600_000}})

        def submit(number):
            connection = http.client.HTTPSConnection("127.0.0.1", self.market.port, context=trust, timeout=60)
            connection.request("POST", "/api/v1/jobs", body, {"Authorization": f"Bearer {token}", "Content-Type": "application/json",
                                                              "Idempotency-Key": f"race-{number}"})
            answer = connection.getresponse()
            answered = json.loads(answer.read())
            connection.close()
            return answer.status, answered

        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(submit, range(200)))
            again = list(pool.map(submit, range(200)))
        taken = [a for status, a in answers if status == 202]
        refused = [a for status, a in answers if status == 402]
        self.assertEqual((len(taken), len(refused)), (10, 190), {status for status, _ in answers})
        self.assertEqual({a["code"] for a in refused}, {"insufficient_funds"})
        wallet = self.wallet("bob")
        self.assertEqual((wallet["held"], wallet["available"]), ("100.00", "0.00"))
        # The same keys get the same answers, and nothing more is held.
        self.assertEqual([(status, a.get("id"), a.get("code")) for status, a in again],
                         [(status, a.get("id"), a.get("code")) for status, a in answers])
        self.assertEqual(self.wallet("bob")["held"], "100.00")
        for job in taken:
            bob.run("cancel", job["id"])
        process.wait_until(lambda: self.wallet("bob")["held"] == "0.00", 60, "the holds of cancelled jobs back")

    def test_a_job_without_money_stands_still_until_there_is_some(self):
        alice = self.people["alice"]
        self.fund("alice", "1.50")
        said = alice.run("account", "policy", self.wallet("alice")["account"], "--when-empty", "pause", "--pause-limit", "1h")
        self.assertIn("paused, for 1 h 00 min", said)
        job = alice.ask("submit", "-", "--name", "ticker", "--time", "1h", "--hold-window", "1m", "--memory", "64MiB", stdin=SCRIPT)
        self.assertEqual(job["held"]["amount"], "1.00")
        self.wait(job, "running", lambda j: j["state"] == "running")
        forecast = self.wallet("alice")["forecast"]
        self.assertEqual((forecast["jobs"], forecast["an_hour"]), (1, "60.00"))
        short = self.wait(job, "short of money", lambda j: j["cover"].get("shortage"), 70)["cover"]
        self.assertEqual((short["shortage"], short["needed"]["amount"]), ("insufficient_funds", "1.00"))
        self.assertIn("could not be held", alice.run("job", "show", job["id"]))
        self.wait(job, "paused", lambda j: j["cover"].get("paused"), 40)
        before = self.log_size(job)
        time.sleep(3)
        self.assertLessEqual(self.log_size(job) - before, 12, "it stands still")
        charged = self.job(job)
        self.assertLess(Decimal(charged["charged"]["amount"]), Decimal("1.00"))

        self.fund("alice", "10.00")
        self.wait(job, "running again", lambda j: not j["cover"].get("paused") and not j["cover"].get("shortage"), 60)
        size = self.log_size(job)
        process.wait_until(lambda: self.log_size(job) > size, 20, "it goes on")
        alice.run("cancel", job["id"])
        done = self.wait(job, "cancelled", lambda j: j["state"] == "cancelled")
        trace = alice.run("trace", job["id"])
        for step in ("could not be held", "to be paused", "paused", "to go on", "resumed", "more held"):
            self.assertIn(step, trace)
        wallet = self.wallet("alice")
        self.assertEqual(wallet["held"], "0.00")
        self.assertEqual(Decimal(wallet["balance"]) + Decimal(done["charged"]["amount"]), Decimal("11.50"))

    def refused(self, name, *argv, stdin=""):
        """What the command says when it ends with an error."""
        with self.assertRaises(CommandError) as caught:
            self.people[name].run(*argv, stdin=stdin)
        return caught.exception.problem

    def test_a_shared_account_has_a_member_with_a_limit(self):
        carla, bob = self.people["carla"], self.people["bob"]
        account = carla.ask("account", "open", "--name", "shared", "--currency", "CNY")["account"]
        self.people["fiona"].propose(self.people["frank"], "account", "fund", account, "30.00", "--bank-reference", "for the group")
        user = bob.ask("whoami")["user"]
        job = ["submit", "-", "--account", account, "--name", "shared", "--time", "2m", "--memory", "64MiB"]
        script = "#!/bin/sh\nsleep 60\n"
        self.assertIn("not_found", self.refused("bob", *job, stdin=script))
        self.assertIn(user, carla.run("account", "member", "add", account, user))
        carla.run("account", "limit", account, user, "--total", "3.00")
        held = bob.ask(*job, stdin=script)
        self.assertEqual(held["held"]["amount"], "2.00")
        self.assertIn("member_limit", self.refused("bob", *job, stdin=script))
        self.assertEqual(len(carla.ask("account", "member", "list", account)["members"]), 2)
        carla.run("account", "member", "remove", account, user)
        self.assertIn("not_found", self.refused("bob", *job, stdin=script))
        self.assertEqual(carla.ask("job", "show", held["id"])["account"], account)  # it goes on
        carla.run("cancel", held["id"])

    def test_a_center_sets_its_own_price(self):
        carla, otto, olga = self.people["carla"], self.people["otto"], self.people["olga"]
        self.assertIn("not_found", self.refused("carla", "statement", "list", "--center", "gamma"))
        otto.run("center", "admin", "add", "gamma", carla.ask("whoami")["user"])
        self.assertIn("Carla", carla.run("center", "admin", "list", "gamma"))
        carla.run("statement", "list", "--center", "gamma")
        otto.propose(olga, "contract", "set", "gamma", "--margin-bps", 500, "--tax-bps", 600, "--sale-prices-by", "center")
        prices = f"{self.dir}/own-prices.json"
        with open(prices, "w", encoding="utf-8") as file:
            json.dump({"rows": [{"meter": "gpu_ms", "price": "7", "per": "gpu-hour", "unit": "CNY"}]}, file)
        carla.propose(olga, "prices", "publish", prices, "--for-center", "gamma")
        self.assertIn("leaves sale prices to the center", self.refused("otto", "prices", "publish", self.own_row(prices)))
        otto.propose(olga, "contract", "set", "gamma", "--margin-bps", 500, "--tax-bps", 600)
        otto.propose(olga, "prices", "publish", self.own_row(prices))

    def test_a_dispute_has_evidence_of_both_sides(self):
        bob, carla, fiona = self.people["bob"], self.people["carla"], self.people["fiona"]
        self.people["otto"].run("center", "admin", "add", "gamma", carla.ask("whoami")["user"])
        account = bob.ask("account", "open", "--name", "doubtful")["account"]
        fiona.propose(self.people["frank"], "account", "fund", account, "5.00", "--bank-reference", "doubtful")
        job = bob.ask("submit", "-", "--account", account, "--name", "doubtful", "--time", "2m", "--memory", "64MiB", stdin="#!/bin/sh\nsleep 3\n")["id"]
        process.wait_until(lambda: bob.ask("job", "show", job)["state"] in ("ended", "failed"), 60, "its end", interval_s=0.3)  # either way it is charged
        dispute = process.wait_until(lambda: self.opened(bob, job), 30, "a charge to dispute", interval_s=0.5)
        log, back = f"{self.dir}/slow node.log", f"{self.dir}/back.log"
        with open(log, "wb") as file:
            file.write(b"\x00\xff=cmd|' /C calc'!A0\n" * 100)
        given = bob.ask("dispute", "evidence", "add", dispute, log, "--note", "lines 1 to 100", "--media-type", "text/plain")
        self.assertEqual((given["side"], given["size"], given["file"]), ("user", 2100, "slow node.log"))
        with open(log, "rb") as file:
            self.assertEqual(given["sha256"], hashlib.sha256(file.read()).hexdigest())
        self.assertIn(given["sha256"], carla.run("dispute", "evidence", "list", dispute))
        carla.run("dispute", "evidence", "add", dispute, "-", "--name", "slurmctld.log", stdin="the node was fine\n")
        for person, which in ((carla, "1"), (fiona, given["sha256"])):
            person.run("dispute", "evidence", "get", dispute, which, "--save", back)
            with open(log, "rb") as sent, open(back, "rb") as got:
                self.assertEqual(sent.read(), got.read())
        self.assertIn("not_found", self.refused("alice", "dispute", "show", dispute))
        self.assertIn("not_found", self.refused("alice", "dispute", "evidence", "get", dispute, given["sha256"], "--save", back))
        self.assertIn("forbidden", self.refused("carla", "dispute", "resolve", dispute, "--to-user", "none", "--reason", "mine"))
        self.assertNotIn(account, carla.run("dispute", "list"))
        fiona.propose(self.people["frank"], "dispute", "resolve", dispute, "--to-user", "all", "--reason", "the log shows it")
        shown = bob.run("dispute", "show", dispute)
        for words in ("it was slow", "was in escrow", "slow node.log", "slurmctld.log", "lines 1 to 100", "accepted", "the log shows it"):
            self.assertIn(words, shown)
        self.assertIn("failed_precondition", self.refused("bob", "dispute", "evidence", "add", dispute, "-", "--name", "late.log", stdin="late"))

    def test_invoices_go_to_a_tax_system(self):
        fiona = self.people["fiona"]
        self.assertIn("Nothing is left to invoice", self.refused("bob", "invoice", "request", "--title", "某大学", "--email", "a@example.edu"))
        self.assertIn("line,month,item,name,name_en,net,tax_bps,tax,amount", fiona.run("invoice", "export"))
        self.assertEqual(json.loads(fiona.run("invoice", "export", "--state", "issued", "--format", "json")), {"invoices": []})
        self.assertIn("not_found", self.refused("bob", "invoice", "show", "inv_00000000000000000000000000"))

    def opened(self, person, job):
        """The dispute's id once there is a charge to dispute."""
        try:
            return person.ask("dispute", "open", job, "--reason", "it was slow")["id"]
        except CommandError:
            return None

    def test_a_center_pays_by_the_month(self):
        otto, olga = self.people["otto"], self.people["olga"]
        terms = ("contract", "set", "gamma", "--margin-bps", 500, "--tax-bps", 600, "--monthly-fee")
        self.assertIn("monthly fee", self.refused("otto", *terms[:-1], "--monthly-fee=-1"))
        self.assertIn("zone", self.refused("otto", *terms[:-1], "--zone", "Asia/Shanghai"))  # of neither a schedule nor a fee
        otto.propose(olga, *terms, "310", "--fee-tax-bps", 600, "--zone", "Asia/Shanghai")
        contract = next(c for c in otto.ask("center", "list")["centers"] if c["name"] == "gamma")["contracts"][-1]
        self.assertEqual((contract["monthly_fee"], contract["fee_tax_bps"], contract["zone"]), ("310.00", 600, "Asia/Shanghai"))

    def own_row(self, prices):
        """The same row as the platform's operator would publish it."""
        center = next(c for c in self.people["otto"].ask("center", "list")["centers"] if c["name"] == "gamma")["id"]
        with open(prices, encoding="utf-8") as file:
            rows = json.load(file)["rows"]
        name = f"{prices}.operator"
        with open(name, "w", encoding="utf-8") as file:
            json.dump({"rows": [dict(row, center=center) for row in rows]}, file)
        return name

    def test_a_wrong_top_up_is_taken_back_once(self):
        fiona, frank = self.people["fiona"], self.people["frank"]
        account = self.people["carla"].ask("account", "open", "--name", "by mistake")["account"]
        fiona.propose(frank, "account", "fund", account, "12.00", "--bank-reference", "meant for somebody else")
        top_up = fiona.ask("top-up", "list", "--account", account)["top_ups"][0]["id"]
        fiona.propose(frank, "top-up", "reverse", top_up, "--reason", "another account was meant")
        self.assertIn("once only", self.refused("fiona", "top-up", "reverse", top_up, "--reason", "again"))
        wallets = {w["account"]: w for w in self.people["carla"].ask("wallet")["wallets"]}
        self.assertEqual(wallets[account]["balance"], "0.00")
        self.assertIn("another account was meant", fiona.run("top-up", "list", "--account", account))


if __name__ == "__main__":
    unittest.main()
