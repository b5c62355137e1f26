"""The installed sbatch and `bourse directives` read the same scripts, and must agree: on what they mean, and on what is wrong."""

import json
import os
import random
import re
import subprocess
import tempfile
import unittest

PROGRAMS = os.environ.get("BOURSE_PROGRAMS", "build/bin")
SBATCH = "/usr/bin/sbatch"

# Nobody listens there: sbatch says how it understood the script before it looks for a controller.
SLURM_CONF = """ClusterName=nowhere
SlurmctldHost=localhost
SlurmctldPort=1
AuthType=auth/none
NodeName=localhost CPUs=1
PartitionName=p Nodes=ALL
"""

# Lines on which both must agree in full.
GOOD = [
    "#SBATCH --ntasks=4", "#SBATCH -n 2 -n 4", "#SBATCH -N2", "#SBATCH -N 2-5 -n 9", "#SBATCH -N 4 -n 2", "#SBATCH --nodes=1k", "#SBATCH --ntasks=+3",
    "#SBATCH -n5 -c3", "#SBATCH --cpus-per-task 2 --ntasks 3", "#SBATCH -N 3 -c 2", "#SBATCH -t 5", "#SBATCH -t 0:30", "#SBATCH -t 10:01", "#SBATCH --time=90:30:10",
    "#SBATCH --time=1-2", "#SBATCH --time=1-2:3", "#SBATCH --time=1-2:3:4", "#SBATCH --time=1-", "#SBATCH -J 'a \"b\" c'", "#SBATCH -J \"a\\\"b\"", "#SBATCH -J 'a\\ b'",
    "#SBATCH -J a#b -n 3", "#SBATCH --job-name\n#SBATCH split", "#SBATCH--ntasks=3", " #SBATCH --ntasks=3\n#SBATCH -J x", "#SBATCH # -n 3\n#SBATCH -J y", "#SBATCH -n 3 \\",
    "#SBATCH --part=x --job=5", "#SBATCH --tasks-per-node=3 -N 2", "date\n#SBATCH -n 9", "\n  \n\t# z\n#SBATCH -n 2", "#SBATCH -n 2 -N1 --mem=4GB", "#SBATCH --mem=5k",
    "#SBATCH --mem=500", "#SBATCH --mail-type=ALL --nice --comment=x -o out -e err -A acct -p a,b -Q", "##SBATCH -n 3",
]
# What both refuse.
BAD = [
    "#SBATCH --bogus=3", "#SBATCH -Z", "#SBATCH --tim=5", "#SBATCH -n0", "#SBATCH -n=3", "#SBATCH -n1k", "#SBATCH -c0", "#SBATCH --nodes=4-2", "#SBATCH --nodes=2,4", "#SBATCH --ntasks",
    "#SBATCH --mem=4MiB", "#SBATCH --mem=1.5G", "#SBATCH --time=1:2:3:4", "#SBATCH --time=5x", "#SBATCH --time=:30", "#SBATCH --time=10:", "#SBATCH foo", "#SBATCH -N 2 -- -n 3",
    "#SBATCH -J 'open", "#SBATCH -J a\\ b", "#SBATCH : -n 2", "#SBATCH --mem=4G --mem-per-cpu=2G", "#SBATCH -n 2\r\n#SBATCH -c 2\r",
]


def minutes(text):
    days, _, rest = text.rpartition("-")
    hours, mins, seconds = (int(part) for part in rest.split(":"))
    return (int(days or 0) * 24 + hours) * 60 + mins + (seconds > 0)


class Directives(unittest.TestCase):
    def setUp(self):
        if not os.path.exists(SBATCH):
            self.skipTest("no sbatch here")
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        with open(f"{self.dir.name}/slurm.conf", "w", encoding="utf-8") as file:
            file.write(SLURM_CONF)
        self.path = f"{self.dir.name}/script.sh"

    def write(self, lines):
        with open(self.path, "w", encoding="utf-8", newline="") as file:
            file.write(f"#!/bin/sh\n{lines}\ntrue\n")

    def slurm(self):
        """What sbatch took it for, as {option: value}; None where it refused."""
        env = {"PATH": "/usr/bin:/bin", "SLURM_CONF": f"{self.dir.name}/slurm.conf"}
        options, begun = {}, False
        with subprocess.Popen([SBATCH, "-v", "--test-only", self.path], env=env, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, errors="replace") as sbatch:
            for line in sbatch.stderr:
                if "end of defined options" in line:
                    sbatch.kill()
                    return options
                begun = begun or "defined options" in line
                pair = re.fullmatch(r"sbatch: ([a-z-]+) *: (.*)\n", line)
                if begun and pair:
                    options[pair[1]] = pair[2]
        # Where nothing is defined there is no such list, and it went on to look for a controller.
        return None

    def bourse(self):
        done = subprocess.run([f"{PROGRAMS}/bourse", "--output", "json", "directives", self.path], capture_output=True, text=True, timeout=60, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def compare(self, lines):
        self.write(lines)
        slurm, ours = self.slurm(), self.bourse()
        self.assertIsNotNone(slurm, lines)
        self.assertIsNotNone(ours, lines)
        nodes = int(slurm.get("nodes", "1").split("-")[0])
        tasks = int(slurm.get("ntasks", nodes * int(slurm.get("ntasks-per-node", 1))))
        self.assertEqual(ours.get("nodes", 1), nodes, lines)
        self.assertEqual(ours.get("cores", 1), tasks * int(slurm.get("cpus-per-task", 1)), lines)
        self.assertEqual(ours.get("name", "script.sh"), slurm.get("job-name", "script.sh"), lines)
        self.assertEqual(ours.get("walltime_ms"), minutes(slurm["time"]) * 60_000 if "time" in slurm else None, lines)
        memory = re.fullmatch(r"(\d+)([MGT]?)", slurm["mem"]) if "mem" in slurm else None
        scale = {"": 1, "M": 1, "G": 1024, "T": 1024 * 1024}
        self.assertEqual(ours.get("mem_mib"), int(memory[1]) * scale[memory[2]] * nodes if memory else None, lines)

    def test_what_is_good(self):
        for lines in GOOD:
            with self.subTest(lines=lines):
                self.compare(lines)

    def test_what_is_bad(self):
        for lines in BAD:
            with self.subTest(lines=lines):
                self.write(lines)
                self.assertIsNone(self.slurm(), lines)
                self.assertIsNone(self.bourse(), lines)

    def test_words_at_random(self):
        seed = int(os.environ.get("BOURSE_SEED", random.randrange(1 << 32)))
        print(f"seed {seed}")
        rng = random.Random(seed)
        words = ["a", "b c", "'", '"', "\\", "#", "x#y", "'q r'", '"s\\"t"', "\\ u", " ", "  ", "\t", "v"]
        for _ in range(60):
            lines = "#SBATCH -n 2 -J " + "".join(rng.choice(words) for _ in range(rng.randint(1, 6)))
            self.write(lines)
            slurm, ours = self.slurm(), self.bourse()
            with self.subTest(lines=lines, seed=seed):
                if slurm is not None and "\t" in slurm.get("job-name", ""):  # sbatch takes it; a job here has no control characters in its name
                    self.assertIsNone(ours, lines)
                    continue
                self.assertEqual(slurm is None, ours is None, lines)
                if slurm is not None and slurm.get("job-name"):
                    self.assertEqual(slurm["job-name"], ours["name"], lines)


if __name__ == "__main__":
    unittest.main()
