"""Arrays and jobs that wait for others, over the whole market with two centers that run real processes."""

import json
import os
import sys
import unittest
from decimal import Decimal

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from demo.case import MarketCase  # noqa: E402
from demo.centers import LocalCenter  # noqa: E402
from demo.market import CommandError  # noqa: E402
from lib import process  # noqa: E402

PEOPLE = {"alice": ("alice-pass", ["researchers"]), "fiona": ("fiona-pass", ["finance-office"]), "frank": ("frank-pass", ["finance-office"]),
          "otto": ("otto-pass", ["operators"]), "olga": ("olga-pass", ["operators"])}
FREE = {"node_ms": ("0", "node-hour"), "mem_mib_s": ("0", "gib-hour")}
OPTIONS = ("--time", "1m", "--memory", "64MiB")


class ArraysTest(MarketCase):
    PREFIX, PEOPLE = "bourse-ar-", PEOPLE

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.alice = cls.people["alice"]
        otto, olga = cls.people["otto"], cls.people["olga"]
        for name, price in (("north", "0.6"), ("south", "0.9")):
            center = LocalCenter(cls.market, cls.dir, name, 4, 1000, {"core_ms": (price, "core-hour"), **FREE}, 500)
            center.join(otto, olga)
            cls.addClassCleanup(center.stop)
            otto.propose(olga, "contract", "set", name, "--margin-bps", 500, "--tax-bps", 600)
            prices = f"{cls.dir}/{name}.json"
            with open(prices, "w", encoding="utf-8") as file:
                json.dump({"currency": "CNY", "rows": center.price_rows()}, file)
            otto.propose(olga, "prices", "publish", prices)
            center.start_connector()
            center.wait_joined()
        process.wait_until(lambda: sum(o["online"] for o in cls.alice.ask("offers")["offers"]) == 2, 30, "two offers")
        account = cls.alice.ask("wallet")["wallets"][0]["account"]
        cls.people["fiona"].propose(cls.people["frank"], "account", "fund", account, "50.00", "--bank-reference", "one")

    def submit(self, name, script, *options):
        return self.alice.ask("submit", "-", "--name", name, *OPTIONS, *options, stdin=script)

    def seen(self, job):
        return self.alice.ask("job", "show", job)

    def states(self, array):
        return {each["state"]: each["count"] for each in self.seen(array)["elements"]["states"]}

    def wait(self, job, state, timeout_s=60):
        return process.wait_until(lambda: (now := self.seen(job))["state"] == state and now, timeout_s, f"{job} {state}", interval_s=0.3)

    def held(self):
        return Decimal(self.alice.ask("wallet")["wallets"][0]["held"])

    def test_an_array_runs_so_many_at_once_and_each_element_knows_its_index(self):
        log = f"{self.dir}/running"
        os.makedirs(log)
        os.chmod(log, 0o777)
        script = f"""#!/bin/bash
#SBATCH --array=1-39:2%3
touch {log}/$SLURM_ARRAY_TASK_ID
ls {log} | wc -l
echo $SLURM_ARRAY_TASK_ID of $SLURM_ARRAY_TASK_COUNT by $SLURM_ARRAY_TASK_STEP from $SLURM_ARRAY_TASK_MIN to $SLURM_ARRAY_TASK_MAX in $SLURM_ARRAY_JOB_ID
sleep 0.3
rm {log}/$SLURM_ARRAY_TASK_ID
"""
        array = self.submit("wave", script)
        after = self.submit("after", "#!/bin/sh\necho all done\n", "--dependency", f"afterok:{array['id']}", "--center", "south")
        self.assertEqual(after["state"], "waiting")
        self.assertEqual((array["elements"]["count"], array["elements"]["at_once"]), (20, 3))
        self.assertIn("wave", self.alice.run("jobs"))
        self.assertEqual(self.seen(after["id"])["state"], "waiting")
        process.wait_until(lambda: self.states(array["id"]) == {"ended": 20}, 150, "all elements", interval_s=0.5)
        for index in (1, 7, 39):
            element = f"{array['id']}_{index}"
            most, said = self.alice.run("logs", element).splitlines()
            self.assertLessEqual(int(most), 3)
            self.assertEqual(said, f"{index} of 20 by 2 from 1 to 39 in {array['id']}")
            self.assertGreater(Decimal(self.seen(element)["charged"]["amount"]), 0)
        self.assertEqual(self.wait(after["id"], "ended")["center_name"], "south")
        self.assertEqual(len(self.alice.ask("jobs", "--array", array["id"])["jobs"]), 20)
        self.assertEqual(self.alice.run("logs", after["id"]), "all done\n")

    def test_a_chain_over_two_centers_goes_on_or_is_given_up(self):
        first = self.submit("first", "#!/bin/sh\nsleep 1\n", "--center", "north")
        second = self.submit("second", "#!/bin/sh\nexit 3\n", "--center", "south", "--dependency", f"afterok:{first['id']}")
        third = self.submit("third", "#!/bin/sh\ntrue\n", "--dependency", f"afterok:{second['id']}")
        mend = self.submit("mend", "#!/bin/sh\ntrue\n", "--dependency", f"afternotok:{second['id']}")
        self.assertEqual(self.wait(second["id"], "failed")["center_name"], "south")
        given_up = self.wait(third["id"], "cancelled")
        self.assertIn(f"afterok:{second['id']}", given_up["reason"])
        self.assertEqual(given_up["attempts"], 0)
        ended = self.wait(mend["id"], "ended")
        first_ended = self.seen(first["id"])["ended_at"]
        self.assertGreaterEqual(self.seen(second["id"])["started_at"][:19], first_ended[:19])
        self.assertGreaterEqual(ended["started_at"][:19], self.seen(second["id"])["started_at"][:19])
        with self.assertRaises(CommandError):
            self.submit("late", "#!/bin/sh\ntrue\n", "--dependency", f"afterok:{second['id']}")

    def test_some_elements_are_cancelled_and_the_money_comes_back(self):
        array = self.submit("long", "#!/bin/sh\nsleep 60\n", "--array", "0-9%2")
        process.wait_until(lambda: self.states(array["id"]).get("running") == 2, 60, "two that run", interval_s=0.3)
        self.alice.run("cancel", f"{array['id']}[4,6-9]")
        process.wait_until(lambda: self.states(array["id"]).get("cancelled") == 5, 30, "five cancelled", interval_s=0.3)
        self.alice.run("cancel", array["id"])
        process.wait_until(lambda: self.states(array["id"]) == {"cancelled": 10}, 60, "all cancelled", interval_s=0.3)
        process.wait_until(lambda: self.held() == 0, 60, "no hold", interval_s=0.3)


if __name__ == "__main__":
    unittest.main()
