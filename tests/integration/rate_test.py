"""`bourse rate` as a center's administrator runs it: files in, amounts out, and an exit code that means something."""

import json
import os
import subprocess
import tempfile
import unittest

BOURSE = os.environ["BOURSE_PROGRAMS"] + "/bourse"
BOOK = {"currency": "CNY", "rows": [
    {"id": "p1", "scope": {"center": "c1", "pool": "cpu", "qos": "normal"}, "meter": "core_ms", "strategy": "scow:cpusAlloc", "price": "0.04",
     "per": "core-hour", "precision": 2, "minimum": "0.01", "valid_from": "2026-01-01T00:00:00Z"}]}
USAGE = {"id": "u1", "tenant": "t1", "center": "c1", "pool": "cpu", "qos": "normal", "start": "2026-03-01T00:00:00Z", "end": "2026-03-01T02:21:05Z",
         "alloc": {"cores": 96, "gpus": 0, "mem_mib": 1024, "nodes": 1}, "pool_totals": {"cores": 960, "gpus": 0, "mem_mib": 3932160}}
NO_PRICE, BAD_INPUT = 3, 2


class RateTest(unittest.TestCase):
    def rate(self, lines, *options, book=None):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(book or BOOK, file)
            file.flush()
            return subprocess.run([BOURSE, "rate", "--book", file.name, "--usage", "-", *options], input="\n".join(lines), text=True,
                                  capture_output=True, timeout=30, check=False)

    def test_a_record_a_line(self):
        done = self.rate([json.dumps(USAGE), "", json.dumps({**USAGE, "id": "u2", "end": "2026-03-01T00:00:01Z"})], "--output", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        first, second = map(json.loads, done.stdout.splitlines())
        self.assertEqual((first["id"], first["amount"], first["currency"]), ("u1", "9.03", "CNY"))
        self.assertEqual(first["lines"], [{"row": "p1", "strategy": "scow:cpusAlloc", "price": "0.04", "hours": "225.73", "amount": "9.03"}])
        self.assertEqual((second["id"], second["amount"]), ("u2", "0.01"))

    def test_what_cant_be_rated_is_named_and_the_rest_goes_on(self):
        lines = [json.dumps({**USAGE, "pool": "gpu"}), "nonsense", json.dumps(USAGE)]
        done = self.rate(lines, "--output", "json")
        self.assertEqual(done.returncode, NO_PRICE)
        unpriced, nonsense, fine = map(json.loads, done.stdout.splitlines())
        self.assertEqual((unpriced["id"], unpriced["error"]["code"]), ("u1", "no_price"))
        self.assertEqual((nonsense["line"], nonsense["error"]["code"]), (2, "invalid_argument"))
        self.assertEqual(fine["amount"], "9.03")
        shown = self.rate(lines)
        self.assertEqual(shown.returncode, NO_PRICE)
        self.assertIn("9.03", shown.stdout)
        self.assertIn("2 of 3 lines could not be rated", shown.stderr)

    def test_an_endless_line_is_one_wrong_line(self):
        done = self.rate(["x" * 70_000, "y" * 65_537, "z" * 1_000_000, json.dumps(USAGE)], "--output", "json")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([line.get("error", {}).get("code") for line in lines], ["too_large", "too_large", "too_large", None])
        self.assertEqual(lines[3]["amount"], "9.03")

    def test_a_book_that_is_wrong_rates_nothing(self):
        done = self.rate([json.dumps(USAGE)], book={"currency": "CNY", "rows": [{**BOOK["rows"][0], "valid_til": "2027-01-01T00:00:00Z"}]})
        self.assertEqual((done.returncode, done.stdout), (BAD_INPUT, ""))
        self.assertIn("rows[0].valid_til: there is no such field", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
