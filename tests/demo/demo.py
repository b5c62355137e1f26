"""The whole market, once around: sign-in, three centers, a trade of real jobs, settlement, verification.

    demo.py          runs it, prints its story, and keeps the market open until Ctrl-C
    demo.py --once   runs it and exits 0 only if everything held

Leaves .run/demo/summary.json. Needs root (it switches users as a center does).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))

import demo.centers as centers  # noqa: E402
import demo.reserve as reserve  # noqa: E402
from demo.bank import Bank  # noqa: E402
from demo.checks import check_everything  # noqa: E402
from demo.market import CommandError, Market  # noqa: E402
from demo.story import Story  # noqa: E402
from demo.trade import Trade  # noqa: E402
from lib import process  # noqa: E402

PEOPLE = {"alice": ("alice-demo", ["researchers"]), "bob": ("bob-demo", ["researchers"]),
          "rita": ("rita-demo", ["researchers"]), "fiona": ("fiona-demo", ["finance-office"]), "frank": ("frank-demo", ["finance-office"]),
          "otto": ("otto-demo", ["operators"]), "olga": ("olga-demo", ["operators"])}


class Demo:
    def __init__(self, story, directory, out, programs):
        self.story, self.dir, self.out = story, directory, out
        self.market = Market(programs, directory, os.environ.get("BOURSE_NODE", "/usr/bin/node"),
                             os.path.join(ROOT, "tests/idp"), PEOPLE)
        self.database, self.centers = centers.three_centers(self.market, directory)
        self.people = {name: self.market.person(name) for name in PEOPLE}
        self.bank = Bank()
        self.seconds = {}

    def timed(self, what, action):
        began = time.monotonic()
        result = action()
        self.seconds[what] = round(time.monotonic() - began, 1)
        return result

    # ── chapters ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self):
        self.story.chapter("Opening the market")
        self.market.start_identity_provider()
        self.story.say(f"an identity provider (OpenID Connect) answers at http://127.0.0.1:{self.market.idp_port}")
        self.market.factors = centers.write_factors(f"{self.dir}/factors")
        self.story.say(self.market.up().strip())
        self.story.chapter("Signing in: OpenID Connect with PKCE, in a browser, for the command line")
        for person in self.people.values():
            person.login()
            me = person.ask("whoami")
            self.story.say(f"{person.name:<6} {', '.join(me.get('roles', [])):<10} {me['user']}")
        self.join_centers()

    def join_centers(self):
        self.story.chapter("Three centers join")
        self.database.start()
        otto = self.people["otto"]
        for center in self.centers:
            center.start_scheduler()
            fingerprint = center.join(otto, self.people["olga"])
            self.story.say(f"{center.name} joined; two operators compared its keys' fingerprint {fingerprint[:19]} … and let it in")
            otto.propose(self.people["olga"], "contract", "set", center.name, "--margin-bps", center.margin_bps, "--tax-bps", 600,
                         "--reservable", f"{center.pool}:node:1")
            center.start_connector()
        for center in self.centers:
            center.wait_joined()
            self.story.say(f"{center.name}: {type(center).__name__}, pool {center.pool}, the platform keeps {center.margin_bps / 100:g} %")
        for book in centers.write_books(self.centers, self.dir).values():
            otto.propose(self.people["olga"], "prices", "publish", book)
        self.wait_offers()

    def wait_offers(self):
        alice = self.people["alice"]
        wanted = {center.name for center in self.centers}
        process.wait_until(lambda: {o["center_name"] for o in alice.ask("offers")["offers"] if o.get("online")} >= wanted,
                           30, "offers of all centers", interval_s=0.2)
        self.story.say(alice.run("offers").rstrip())

    def fund(self):
        self.story.chapter("Money comes in: by the bank's statement, and by two people's word")
        fiona, frank = self.people["fiona"], self.people["frank"]
        code = self.people["alice"].ask("wallet")["wallets"][0]["claim_code"]
        self.bank.receive("50.00", "Alice's institute", f"for computing {code}")
        path = f"{self.out}/bank-1.xml"
        self.bank.statement(path)
        self.story.say(fiona.run("bank", "import", path).rstrip())
        account = self.people["bob"].ask("wallet")["wallets"][0]["account"]
        done = fiona.propose(frank, "account", "fund", account, "50.00", "--bank-reference", "DEMO-BOB-1")
        self.story.say(f"{done['text']}: proposed by fiona, {done['state']} by frank")

    def sell_package(self):
        """Finance puts 度 on sale, by two people, and alice buys a package with her own money."""
        self.story.chapter("A package of 度, the unit of normalised compute")
        fiona, frank, alice = self.people["fiona"], self.people["frank"], self.people["alice"]
        done = fiona.propose(frank, "package", "publish", "Starter", "--du", "2", "--price", "0.70", "--valid-days", "90")
        self.story.say(f"{done['text']}: proposed by fiona, {done['state']} by frank")
        product = alice.ask("package", "list")["products"][0]
        lot = alice.ask("package", "buy", product["id"])
        self.story.say(f"alice buys {lot['money']['amount']} DU for {lot['price']['amount']} {lot['price']['currency']}")
        self.story.say(alice.run("wallet").rstrip())
        return lot

    def trade(self):
        lot = self.sell_package()
        trade = Trade(self.story, self.market, self.people, {c.name: c for c in self.centers}, self.dir)
        trade.package = lot
        trade.run()
        return trade

    def settle(self):
        self.story.chapter("Settling the centers")
        fiona = self.people["fiona"]
        statements = []
        for center in self.centers:
            reply = fiona.ask("settle", center.name)
            path = f"{self.out}/statement-{center.name}.json"
            fiona.run("statement", "get", reply["period"], "--output", path)
            statements.append((center, reply, path))
            share = reply["statement"]["center_share"]
            self.story.say(f"{center.name}: {share['amount']} {share['currency']} to be paid out, statement {path}")
        return statements

    def dispute(self, trade):
        """A user doubts a charge of a period that is closed; finance gives half of it back."""
        self.story.chapter("A dispute over a charge of a closed period")
        fiona, frank = self.people["fiona"], self.people["frank"]
        job_id = max((i for i in trade.final if "worth" not in trade.final[i]), key=lambda i: Decimal(trade.final[i]["charged"]["amount"]))
        owner = trade.owner(trade.jobs[job_id])
        dispute = owner.ask("dispute", "open", job_id, "--reason", "a node was slow")
        self.story.say(f"{owner.name} disputes {dispute['amount']['amount']} CNY of {job_id}")
        half = f"{Decimal(dispute['amount']['amount']) / 2:.6f}"
        done = fiona.propose(frank, "dispute", "resolve", dispute["id"], "--to-user", half, "--reason", "it was, half of the time")
        self.story.say(f"{done['text']}: {done['state']} by frank")
        return {"owner": owner.name, "job": job_id, "refunded": half}

    def pay(self):
        self.story.chapter("Paying the centers: two people, the bank, and its answer")
        fiona, frank = self.people["fiona"], self.people["frank"]
        for center in self.centers:
            fiona.propose(frank, "payee", "set", center.name, "--name", f"Computing center {center.name}",
                          "--account", "DE89370400440532013000", "--bank", "COBADEFFXXX")
        for due in fiona.ask("payout", "due")["due"]:
            if Decimal(due["amount"]["amount"]) > 0:
                fiona.propose(frank, "payout", "order", due["center_name"])
            else:
                self.story.say(f"{due['center_name']}: {due['owed']['amount']} CNY stay owed, since banks pay whole cents")
        orders, answer = f"{self.out}/payments.xml", f"{self.out}/bank-2.xml"
        fiona.run("payout", "export", "--output", orders)
        file_id = fiona.ask("payout", "list")["payouts"][0]["file"]
        fiona.run("payout", "export", "--again", file_id, "--output", orders + ".again")
        with open(orders, "rb") as one, open(orders + ".again", "rb") as again:
            assert one.read() == again.read(), "the same payment file came out differently"
        paid = self.bank.execute(orders)
        self.bank.statement(answer)
        self.story.say(fiona.run("bank", "import", answer).rstrip())
        self.story.say(fiona.run("payout", "list").rstrip())
        return {"paid": paid, "again": fiona.ask("bank", "import", answer)}

    # ── whole ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, build_seconds):
        self.seconds["build"] = build_seconds
        self.timed("start", self.start)
        self.fund()
        trade = self.timed("trade", self.trade)
        reserved = self.timed("reserve", lambda: reserve.run(self.story, self.people, self.centers[-1], self.dir))
        statements = self.timed("settle", self.settle)
        dispute = self.dispute(trade)
        payments = self.timed("pay", self.pay)
        self.story.chapter("Verifying")
        summary, held = check_everything(self.story, ROOT, self.people, self.centers, trade, statements, dispute, payments,
                                         reserved, self.out)
        summary["seconds"] = self.seconds
        with open(f"{self.out}/summary.json", "w", encoding="utf-8") as file:
            json.dump(summary, file, indent=2)
        self.story.say(f"summary: {self.out}/summary.json")
        return held

    def stop(self):
        for center in self.centers:
            center.stop()
        self.market.down()
        self.database.stop()

    def save_logs(self):
        logs = f"{self.out}/logs"
        shutil.rmtree(logs, ignore_errors=True)
        os.makedirs(logs)
        for folder, _, names in os.walk(self.dir):
            for name in names:
                if name.endswith(".log") or name.endswith(".out"):
                    flat = os.path.relpath(os.path.join(folder, name), self.dir).replace("/", "_")
                    shutil.copy(os.path.join(folder, name), f"{logs}/{flat}")


def keep_open(demo):
    demo.story.chapter("The market stays open; Ctrl-C ends it")
    demo.story.say(f"browser           {demo.market.url}/   (trust anchor {demo.market.ca})")
    demo.story.say("people            " + ", ".join(f"{name}/{password}" for name, (password, _) in PEOPLE.items()))
    demo.story.say(f"command line      BOURSE_URL={demo.market.url} BOURSE_CA={demo.market.ca} "
                   f"BOURSE_CONFIG_DIR={demo.people['alice'].config} build/bin/bourse offers")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print()


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--once", action="store_true", help="stop when the story is told")
    parser.add_argument("--build-seconds", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        os.execvp("sudo", ["sudo", "--preserve-env=BOURSE_NODE,BOURSE_KEEP", sys.executable, *sys.argv])
    process.end_on_signals()
    out = os.path.join(ROOT, ".run/demo")
    os.makedirs(out, exist_ok=True)
    # Outside the checkout: the servers' users must be able to reach it.
    directory = tempfile.mkdtemp(prefix="bourse-demo-", dir="/tmp")
    os.chmod(directory, 0o755)
    story = Story()
    demo = Demo(story, directory, out, os.path.join(ROOT, "build/bin"))
    held = False
    try:
        held = demo.run(arguments.build_seconds)
        if not arguments.once:
            keep_open(demo)
    except (CommandError, process.StartError, TimeoutError, RuntimeError, subprocess.TimeoutExpired) as error:
        story.chapter("The demo failed")
        story.say(str(error))
        story.say(f"logs: {out}/logs")
    except KeyboardInterrupt:
        print()
    finally:
        demo.save_logs()
        demo.stop()
        centers.remove(directory)
    story.chapter("Everything held" if held else "NOT everything held")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
