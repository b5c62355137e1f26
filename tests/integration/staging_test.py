"""Files in and out as a scientist meets them: at the command line, over the whole market, with kills in the middle of transfers."""

import hashlib
import json
import os
import signal
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from demo.case import MarketCase  # noqa: E402
from demo.centers import LocalCenter  # noqa: E402
from demo.market import CommandError  # noqa: E402
from lib import process  # noqa: E402

PEOPLE = {"alice": ("alice-pass", ["researchers"]), "bob": ("bob-pass", ["researchers"]), "fiona": ("fiona-pass", ["finance-office"]),
          "frank": ("frank-pass", ["finance-office"]), "otto": ("otto-pass", ["operators"]), "olga": ("olga-pass", ["operators"])}
LARGE = 48 << 20


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.sha256(file.read()).hexdigest()


class StagingTest(MarketCase):
    PREFIX, PEOPLE = "bourse-st-", PEOPLE

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.center = LocalCenter(cls.market, cls.dir, "gamma", 2, 1000, {"core_ms": ("6", "core-hour"), "node_ms": ("0", "node-hour"),
                                                                        "mem_mib_s": ("0", "gib-hour")}, 500)
        otto, olga = cls.people["otto"], cls.people["olga"]
        cls.center.join(otto, olga)
        cls.addClassCleanup(cls.center.stop)
        otto.propose(olga, "contract", "set", "gamma", "--margin-bps", 500, "--tax-bps", 600)
        prices = f"{cls.dir}/prices.json"
        with open(prices, "w", encoding="utf-8") as file:
            json.dump({"currency": "CNY", "rows": cls.center.price_rows()}, file)
        otto.propose(olga, "prices", "publish", prices)
        cls.center.start_connector()
        cls.center.wait_joined()
        cls.alice = cls.people["alice"]
        cls.wait_online()
        account = cls.alice.ask("wallet")["wallets"][0]["account"]
        cls.people["fiona"].propose(cls.people["frank"], "account", "fund", account, "50.00", "--bank-reference", "alice 50")

    @classmethod
    def wait_online(cls):
        process.wait_until(lambda: any(o["online"] for o in cls.alice.ask("offers")["offers"]), 60, "an offer")

    def submit(self, script, *more):
        return self.alice.ask("submit", "-", "--name", "files", "--time", "2m", "--memory", "128MiB", *more, stdin=script, timeout_s=300)["id"]

    def wait(self, job, state="ended", timeout_s=90):
        def seen():
            now = self.alice.ask("job", "show", job)
            if now["state"] in ("failed", "cancelled") and state == "ended":
                raise AssertionError(f"{now['state']}: {now.get('reason')}")
            return now if now["state"] == state else None
        return process.wait_until(seen, timeout_s, f"a job that {state}", interval_s=0.3)

    def handed_over(self, job, timeout_s=90):
        return process.wait_until(lambda: (now := self.alice.ask("job", "files", job))["state"] == "complete" and now, timeout_s, "the outputs", interval_s=0.3)

    def kill(self, component):
        done = self.market.bourse("status", "--state", self.market.state, "--json")
        pid = next(c["pid"] for c in json.loads(done.stdout)["components"] if c["name"] == component)
        os.kill(pid, signal.SIGKILL)

    def test_1_inputs_come_and_results_go(self):
        there = f"{self.dir}/mine"
        os.makedirs(f"{there}/params/deep")
        for path, text in (("data.csv", "3\n4\n"), ("params/factor", "10\n"), ("params/deep/tool.sh", "#!/bin/sh\necho ran a tool\n"), ("x=y", "odd\n")):
            with open(f"{there}/{path}", "w", encoding="utf-8") as file:
                file.write(text)
        os.chmod(f"{there}/params/deep/tool.sh", 0o755)
        job = self.submit("#!/bin/bash\nset -e\nmkdir -p results/more\nread f < params/factor\nwhile read n; do echo $((n * f)); done < data.csv > results/product\n"
                          "params/deep/tool.sh > results/more/tool\ncat x=y in/other > log.txt\nln -s /etc/passwd results/stolen\necho it said\nid -un\n",
                          "--input", f"{there}/data.csv", "--input", f"{there}/params/", "--input", f"{there}/x=y", "--input", f"{there}/data.csv=in/other",
                          "--out", "results/**", "--out", "log.txt", "--out", "nothing.txt")
        self.wait(job)
        files = self.handed_over(job)
        self.assertEqual([f["path"] for f in files["inputs"]], ["data.csv", "in/other", "params/deep/tool.sh", "params/factor", "x=y"])
        outputs = {f["path"]: f for f in files["outputs"]}
        self.assertEqual(set(outputs), {"results/product", "results/more/tool", "log.txt", "nothing.txt"})
        self.assertIn("no such file", outputs["nothing.txt"]["reason"])
        shown = self.alice.run("job", "files", job)
        self.assertIn("results/more/tool", shown)
        self.assertIn("30 days", shown)
        with self.assertRaises(CommandError) as refused:  # all that there is comes, and what doesn't is said
            self.alice.run("job", "fetch", job, "--to", f"{self.dir}/got")
        self.assertIn("nothing.txt", refused.exception.problem)
        for path, text in (("results/product", "30\n40\n"), ("results/more/tool", "ran a tool\n"), ("log.txt", "odd\n3\n4\n")):
            with open(f"{self.dir}/got/{path}", encoding="utf-8") as file:
                self.assertEqual(file.read(), text)
        self.alice.run("job", "fetch", job, "results/**", "--to", f"{self.dir}/got")  # again: nothing to do
        self.assertIn("bourse-job-", self.alice.run("logs", job))

        with self.subTest("nobody else's"), self.assertRaises(CommandError):
            self.people["bob"].run("job", "files", job)
        with self.subTest("whole files and ranges over HTTP"):
            with open(f"{self.alice.config}/token", encoding="utf-8") as file:
                token = file.read().strip()
            url = f"{self.market.url}/api/v1/jobs/{job}/files/content?path=results%2Fproduct"
            got = process.run(["curl", "-sS", "-i", "--http1.1", "--cacert", self.market.ca, "-H", f"Authorization: Bearer {token}", "-H", "Range: bytes=1-3", url]).stdout
            self.assertIn("206", got.splitlines()[0])
            self.assertIn("content-range: bytes 1-3/6", got.lower())
            self.assertTrue(got.endswith("0\n4"), got)

    def test_2_kills_in_the_middle_change_nothing(self):
        large = f"{self.dir}/large.bin"
        with open(large, "wb") as file:
            file.write(os.urandom(LARGE))
        env_argv = [f"{self.market.programs}/bourse", "--output", "json", "submit", f"{self.dir}/copy.sh", "--name", "large", "--time", "5m", "--memory", "256MiB",
                    "--input", large, "--out", "*.bin"]
        with open(f"{self.dir}/copy.sh", "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\ncp large.bin copy.bin\necho copied\n")
        uploading = process.Process(env_argv, f"{self.dir}/submit.log", env=self.alice.env, name="bourse submit")
        files = f"{self.market.state}/files"
        process.wait_until(lambda: any(name.endswith(f"-{LARGE}") for _, _, names in os.walk(files) for name in names), 30, "the upload's beginning", interval_s=0.01)
        self.kill("broker")  # in the middle of the upload
        code = uploading.wait(200)
        self.assertEqual(code, 0, uploading.output())
        job = json.loads(uploading.output()[uploading.output().index("{"):])["id"]
        jobs = f"{self.center.connector_dir}-jobs"

        def arriving():
            for where, _, names in os.walk(jobs):
                if "large.bin" in names:
                    return os.stat(f"{where}/large.bin").st_size > 0
            return False
        process.wait_until(arriving, 60, "the input's beginning", interval_s=0.005)
        self.center.connector.kill()  # in the middle of the pull, or just after it
        self.center.start_connector()
        self.center.wait_joined()
        self.wait(job, timeout_s=150)
        self.kill("broker")  # in the middle of the push, or just after it
        self.center.connector.kill()
        self.center.start_connector()
        self.wait_online()
        process.wait_until(lambda: self.files_or_nothing(job).get("state") == "complete", 120, "the outputs", interval_s=0.5)
        self.alice.run("job", "fetch", job, "copy.bin", "--to", f"{self.dir}/back", timeout_s=200)
        self.assertEqual(sha256(f"{self.dir}/back/copy.bin"), sha256(large))
        receipt = self.alice.ask("job", "show", job)
        self.assertEqual(receipt["attempts"], 1)
        self.assertEqual([n for _, _, names in os.walk(f"{files}") for n in names if "parts" in n], [])

    def files_or_nothing(self, job):
        try:
            return self.alice.ask("job", "files", job)
        except CommandError:
            return {}

    def test_3_logs_stay_when_the_center_has_gone(self):
        job = self.submit("#!/bin/sh\necho first words\nfor i in 1 2 3; do echo line $i; done\n")
        self.wait(job)
        live = self.alice.run("logs", job)
        process.wait_until(lambda: any(os.path.basename(path) == job for where, _, names in os.walk(f"{self.market.state}/files") for path in names), 30,
                           "the log's end", interval_s=0.2)
        self.center.connector.kill()
        try:
            process.wait_until(lambda: self.logs_or_nothing(job) == live, 60, "the log without its center", interval_s=0.5)
            self.assertIn("line 3", live)
        finally:
            self.center.start_connector()
            self.wait_online()

    def logs_or_nothing(self, job):
        try:
            return self.alice.run("logs", job)
        except CommandError:
            return ""

    def test_4_slips_cost_nothing(self):
        with open(f"{self.dir}/copy.sh", "a", encoding="utf-8"):
            pass
        for option, problem in ((f"{self.dir}/none.csv", "there is no file"), (f"{self.dir}/copy.sh=../out", "'..'"), (f"{self.dir}/copy.sh=output.log", "output.log")):
            with self.assertRaises(CommandError) as refused:
                self.submit("#!/bin/sh\ntrue\n", "--input", option)
            self.assertIn(problem, refused.exception.problem)
        with self.assertRaises(CommandError) as refused:
            self.submit("#!/bin/sh\ntrue\n", "--out", "/etc/**")
        self.assertIn("below the job's folder", refused.exception.problem)


if __name__ == "__main__":
    unittest.main()
