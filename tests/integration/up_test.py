"""`bourse up`, `status` and `down` on a fresh machine's defaults: starts, heals, comes back after a crash, ends."""

import json
import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lib import process, workdir  # noqa: E402

BOURSE = os.environ["BOURSE_PROGRAMS"] + "/bourse"


class UpTest(unittest.TestCase):
    def setUp(self):
        self.dir = workdir.fresh_dir("bourse-up-")
        self.state = f"{self.dir}/state"
        self.port = process.free_port()
        self.addCleanup(self.bourse, "down", "--state", self.state, check=False)

    def bourse(self, *argv, check=True):
        return process.run([BOURSE, *argv], timeout_s=150, check=check)

    def up(self):
        return self.bourse("up", "--state", self.state, "--port", str(self.port))

    def status(self):
        done = self.bourse("status", "--state", self.state, "--json", check=False)
        return {c["name"]: c for c in json.loads(done.stdout)["components"]}

    def answers(self):
        done = process.run(["curl", "-sS", "--cacert", f"{self.state}/edge/root.pem", f"https://127.0.0.1:{self.port}/healthz"],
                           check=False)
        return done.returncode == 0

    def test_life(self):
        said = self.up().stdout
        self.assertIn(f"https://127.0.0.1:{self.port}", said)
        self.assertTrue(self.answers())
        self.assertEqual(set(self.status()), {"postgresql", "redis", "broker", "gateway", "nginx"})

        with self.subTest("a second start is refused"):
            again = self.bourse("up", "--state", self.state, "--port", str(self.port), check=False)
            self.assertNotEqual(again.returncode, 0)
            self.assertIn("already runs", again.stderr)

        with self.subTest("the servers are not root"):
            if os.geteuid() == 0:
                for name in ("postgresql", "redis", "broker", "gateway"):
                    self.assertNotEqual(os.stat(f"/proc/{self.status()[name]['pid']}").st_uid, 0, name)

        with self.subTest("what dies is started again"):
            for name in ("broker", "gateway", "redis", "nginx"):
                before = self.status()[name]["pid"]
                os.kill(before, signal.SIGKILL)
                process.wait_until(lambda name=name, before=before: self.status()[name]["pid"] not in (0, before)
                                   and self.status()[name]["state"] == "up", 40, f"a new {name}", interval_s=0.2)
            process.wait_until(self.answers, 30, "an answer after the restarts", interval_s=0.2)

        with self.subTest("after a crash of everything it comes back"):
            with open(f"{self.state}/run/supervisor.lock", encoding="ascii") as lock:
                supervisor = int(lock.read())
            pids = [c["pid"] for c in self.status().values()]
            for pid in [supervisor, *pids]:
                os.kill(pid, signal.SIGKILL)
            process.wait_until(lambda: not any(process.alive(pid) for pid in pids), 30, "the end of all")
            self.up()
            self.assertTrue(self.answers())

        self.bourse("down", "--state", self.state)
        self.assertNotEqual(self.bourse("status", "--state", self.state, check=False).returncode, 0)
        self.assertFalse(process.port_open(self.port))

    def test_bad_places(self):
        os.makedirs(f"{self.dir}/checkout/.git")
        for place, problem in ((f"{self.dir}/checkout/state", "inside a Git checkout"), ("/tmp/" + "x" * 80, "longer than 60")):
            refused = self.bourse("up", "--state", place, "--port", str(self.port), check=False)
            self.assertEqual(refused.returncode, 2, refused.stderr)
            self.assertIn(problem, refused.stderr)


if __name__ == "__main__":
    unittest.main()
