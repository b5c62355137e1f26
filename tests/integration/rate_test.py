"""`bourse rate` as a center's administrator runs it: files in, amounts out, and an exit code that means something."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest
from decimal import ROUND_HALF_UP, Decimal

BOURSE = os.environ["BOURSE_PROGRAMS"] + "/bourse"
BOOK = {"currency": "CNY", "rows": [
    {"id": "p1", "scope": {"center": "c1", "pool": "cpu", "qos": "normal"}, "meter": "core_ms", "strategy": "scow:cpusAlloc", "price": "0.04",
     "per": "core-hour", "precision": 2, "minimum": "0.01", "valid_from": "2026-01-01T00:00:00Z"}]}
USAGE = {"id": "u1", "tenant": "t1", "center": "c1", "pool": "cpu", "qos": "normal", "start": "2026-03-01T00:00:00Z", "end": "2026-03-01T02:21:05Z",
         "alloc": {"cores": 96, "gpus": 0, "mem_mib": 1024, "nodes": 1}, "pool_totals": {"cores": 960, "gpus": 0, "mem_mib": 3932160}}
NO_PRICE, BAD_INPUT = 3, 2
FACTORS = pathlib.Path(__file__).resolve().parents[2] / "config" / "du_factors.v1.json"
PLAIN = {"id": "p", "meter": "core_ms", "price": "1", "per": "core-hour", "valid_from": "2026-01-01T00:00:00Z"}


def book_of(*rows, currency="CNY", **more):
    return {"currency": currency, "rows": list(rows), **more}


def usage(start, end, name="u", tenant="t1", **alloc):
    return json.dumps({"id": name, "tenant": tenant, "start": start, "end": end, "alloc": alloc or {"cores": 1}})


class RateTest(unittest.TestCase):
    def rate(self, lines, *options, book=None, compare=None):
        with tempfile.TemporaryDirectory() as folder:
            for name, content in (("book", book or BOOK), ("compare", compare)):
                pathlib.Path(folder, name).write_text(json.dumps(content), encoding="utf-8")
            more = ["--compare", folder + "/compare"] if compare else []
            return subprocess.run([BOURSE, "rate", "--book", folder + "/book", "--usage", "-", *more, *options], input="\n".join(lines), text=True,
                                  capture_output=True, timeout=30, check=False)

    def records(self, lines, *options, **books):
        done = self.rate(lines, "--output", "json", *options, **books)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def diff(self, before, after, *options):
        with tempfile.TemporaryDirectory() as folder:
            for name, content in (("a", before), ("b", after)):
                pathlib.Path(folder, name).write_text(json.dumps(content), encoding="utf-8")
            done = subprocess.run([BOURSE, "rate", "--diff", folder + "/a", folder + "/b", *options], text=True, capture_output=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

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

    def test_day_and_night_on_the_days_when_the_clock_is_set(self):
        night = {**PLAIN, "id": "night", "price": "0.5", "windows": [{"from": "22:00", "to": "06:00"}], "zone": "Europe/Berlin"}
        # The same wall clock, noon to noon: the night of 29 March has an hour less, that of 25 October one more.
        for start, end, at_night in (("2026-03-28T11:00:00Z", "2026-03-29T10:00:00Z", 7), ("2026-10-24T10:00:00Z", "2026-10-25T11:00:00Z", 9),
                                     ("2026-06-01T10:00:00Z", "2026-06-02T10:00:00Z", 8)):
            record, = self.records([usage(start, end)], book=book_of(night, PLAIN))
            hours = {line["row"]: line["quantity"] // 3_600_000 for line in record["lines"]}
            self.assertEqual(hours, {"night": at_night, "p": 16})
            self.assertEqual(Decimal(record["amount"]), 16 + Decimal(at_night) / 2)

    def test_a_window_that_nothing_follows_parks_the_record(self):
        done = self.rate([usage("2026-03-02T07:00:00Z", "2026-03-02T09:00:00Z")], "--output", "json",
                         book=book_of({**PLAIN, "windows": [{"from": "08:00", "to": "22:00"}], "zone": "UTC"}))
        self.assertEqual((done.returncode, json.loads(done.stdout)["error"]["code"]), (NO_PRICE, "no_price"))

    def test_a_month_is_shared_by_a_tenants_records_and_ends_by_the_rows_zone(self):
        row = {**PLAIN, "free": "10", "free_scope": "month", "tiers": [{"above": "20", "price": "0.5"}], "tier_mode": "graduated", "tier_scope": "month",
               "zone": "Asia/Shanghai"}
        lines = [usage("2026-03-02T00:00:00Z", "2026-03-02T20:00:00Z", "first"), usage("2026-03-03T00:00:00Z", "2026-03-03T20:00:00Z", "second"),
                 usage("2026-03-03T00:00:00Z", "2026-03-03T20:00:00Z", "other", "t2"), usage("2026-03-31T12:00:00Z", "2026-04-01T04:00:00Z", "end")]
        first, second, other, end = self.records(lines, book=book_of(row))
        self.assertEqual([r["amount"] for r in (first, second, other)], ["10.00", "15.00", "10.00"])
        self.assertEqual([(one["month"]["month"], one["amount"]) for one in end["lines"]], [("2026-03", "2.00"), ("2026-04", "2.00")])
        again = self.records(lines[::-1], book=book_of(row))
        self.assertEqual(sum(Decimal(r["amount"]) for r in again), sum(Decimal(r["amount"]) for r in (first, second, other, end)), "in any order")

    def test_a_new_price_leaves_a_running_job_alone(self):
        dearer = {**PLAIN, "id": "p2", "price": "2", "valid_from": "2026-03-02T12:00:00Z"}
        before, after = self.records([usage("2026-03-02T11:00:00Z", "2026-03-02T13:00:00Z"), usage("2026-03-02T12:00:00Z", "2026-03-02T13:00:00Z")],
                                     book=book_of(PLAIN, dearer))
        self.assertEqual((before["amount"], after["amount"]), ("2.00", "2.00"))

    def test_a_tenants_price_and_discount(self):
        theirs = {**PLAIN, "id": "theirs", "scope": {"tenant": "t1"}, "price": "0.8"}
        off = {"id": "d", "name": "spring", "scope": {"tenant": "t2"}, "off_bps": 1500, "valid_from": "2026-03-01T00:00:00Z", "valid_until": "2026-04-01T00:00:00Z"}
        times = ("2026-03-02T00:00:00Z", "2026-03-02T10:00:00Z")
        ours, spring, april = self.records([usage(*times), usage(*times, tenant="t2"), usage("2026-04-01T00:00:00Z", "2026-04-01T10:00:00Z", tenant="t2")],
                                           book=book_of(PLAIN, theirs, discounts=[off]))
        self.assertEqual((ours["amount"], spring["amount"], april["amount"]), ("8.00", "8.50", "10.00"))
        self.assertEqual((spring["lines"][0]["list"], spring["lines"][0]["discount"]["name"]), ("10.00", "spring"))

    def test_du_with_money_beside_it(self):
        row = {"id": "h", "meter": "gpu_ms", "per": "gpu-hour", "factor": {"table": "v1", "chip": "H100 SXM", "precision": "fp16"}, "valid_from": "2026-01-01T00:00:00Z"}
        book = book_of(row, currency="DU", du_price={"currency": "CNY", "price": "6.5"})
        line = usage("2026-03-02T00:00:00Z", "2026-03-02T02:00:00Z", gpus=8, cores=64, nodes=1, mem_mib=1024)
        record, = self.records([line], "--factors", str(FACTORS), book=book)
        self.assertEqual((record["amount"], record["currency"], record["money"]), ("50.7184", "DU", {"amount": "329.6696", "currency": "CNY", "price": "6.5"}))
        included = [(one["meter"], one["amount"]) for one in record["lines"] if one.get("included")]
        self.assertEqual(included, [("core_ms", "0.00"), ("node_ms", "0.00"), ("mem_mib_s", "0.00")])
        self.assertIn("329.6696", self.rate([line], "--factors", str(FACTORS), book=book).stdout)
        without = self.rate([line], book=book)
        self.assertEqual((without.returncode, "--factors" in without.stderr), (BAD_INPUT, True))

    def test_the_published_factors_are_what_they_say(self):
        for factor in json.loads(FACTORS.read_text(encoding="utf-8"))["factors"]:
            exact = Decimal(factor["tflops"]) / 312
            self.assertEqual(factor["factor"], str(exact.quantize(Decimal("0.0001"), ROUND_HALF_UP)), factor["chip"])

    def test_what_another_book_would_have_charged(self):
        lines = [usage("2026-03-02T00:00:00Z", "2026-03-02T10:00:00Z", f"u{n}") for n in range(3)]
        dearer = book_of({**PLAIN, "price": "1.25"})
        *records, total = self.records(lines, book=book_of(PLAIN), compare=dearer)
        self.assertEqual([(r["amount"], r["compare"]["amount"], r["difference"]) for r in records], [("10.00", "12.50", "2.50")] * 3)
        self.assertEqual(total["total"], {"amount": "30.00", "compare": "37.50", "difference": "7.50", "currency": "CNY", "rated": 3, "parked": 0})
        self.assertIn("7.50", self.rate(lines, book=book_of(PLAIN), compare=dearer).stdout)
        *_, same = self.records(lines, book=dearer, compare=dearer)
        self.assertEqual(same["total"]["difference"], "0.00", "rated again")
        missing = self.rate(lines, "--output", "json", book=book_of(PLAIN), compare=book_of({**PLAIN, "meter": "gpu_ms", "per": "gpu-hour"}))
        self.assertEqual(missing.returncode, NO_PRICE)
        self.assertEqual(json.loads(missing.stdout.splitlines()[0])["compare"]["error"]["code"], "no_price")
        self.assertEqual(json.loads(missing.stdout.splitlines()[-1])["total"]["rated"], 0)
        other = self.rate(lines, book=book_of(PLAIN), compare=book_of(PLAIN, currency="EUR"))
        self.assertEqual((other.returncode, "CNY and EUR" in other.stderr), (BAD_INPUT, True))

    def settled(self, lines, book, settlement, *options):
        with tempfile.TemporaryDirectory() as folder:
            for name, content in (("book", book), ("settlement", settlement)):
                pathlib.Path(folder, name).write_text(json.dumps(content), encoding="utf-8")
            return subprocess.run([BOURSE, "rate", "--book", folder + "/book", "--settlement", folder + "/settlement", "--usage", "-", *options], input="\n".join(lines),
                                  text=True, capture_output=True, timeout=30, check=False)

    def test_both_of_scows_prices(self):
        tenants = {"currency": "CNY", "rows": [{**BOOK["rows"][0], "id": "t1", "price": "0.03"}]}
        done = self.settled([json.dumps(USAGE)], BOOK, tenants, "--output", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        record = json.loads(done.stdout)
        self.assertEqual((record["amount"], record["settlement"]["amount"]), ("9.03", "6.77"))  # 225.73 × 0.03 = 6.7719
        self.assertEqual(record["settlement"]["lines"][0]["row"], "t1")
        shown = self.settled([json.dumps(USAGE)], BOOK, tenants).stdout
        self.assertIn("6.77", shown)
        self.assertIn("settlement", shown)
        lacking = self.settled([json.dumps(USAGE)], BOOK, {"currency": "CNY", "rows": []}, "--output", "json")
        self.assertEqual((lacking.returncode, json.loads(lacking.stdout)["settlement"]["error"]["code"]), (NO_PRICE, "no_price"))
        other = self.settled([json.dumps(USAGE)], BOOK, {**tenants, "currency": "EUR"})
        self.assertEqual((other.returncode, "CNY and EUR" in other.stderr), (BAD_INPUT, True))
        both = self.settled([json.dumps(USAGE)], BOOK, tenants, "--compare", "/dev/null")
        self.assertEqual((both.returncode, "give one of them" in both.stderr), (BAD_INPUT, True))

    def test_a_book_of_a_date_to_come_against_what_was_charged(self):
        def charged(name, center, amount, currency="CNY"):
            return json.dumps({**json.loads(usage("2026-03-02T00:00:00Z", "2026-03-02T10:00:00Z", name)), "center": "ctr_" + center, "center_name": center,
                               "charged": amount, "currency": currency, "charged_by_meter": {"core_ms": amount}})
        book = book_of({**PLAIN, "price": "1.5", "valid_from": "2027-01-01T00:00:00Z"})
        lines = [charged("a", "north", "10.00"), charged("b", "north", "9.00"), charged("c", "south", "8.00"), charged("d", "south", "4.00", "DU"), usage(
            "2026-03-02T00:00:00Z", "2026-03-02T10:00:00Z", "silent")]
        self.assertEqual(self.rate(lines, book=book).returncode, NO_PRICE)
        *records, last = self.records(lines, "--as-of", "2027-01-01", book=book)
        self.assertEqual([r["amount"] for r in records], ["15.00"] * 5)
        self.assertEqual(last["total"], {"amount": "45.00", "charged": "27.00", "difference": "18.00", "currency": "CNY", "rated": 3, "parked": 0, "passed_over": 2})
        sums = {(row["center_name"], row["meter"]): (row["amount"], row["charged"], row["difference"]) for row in last["summary"]}
        self.assertEqual(sums[("north", "core_ms")], ("30.00", "19.00", "11.00"))
        self.assertEqual(sums[("south", "core_ms")], ("15.00", "8.00", "7.00"))
        self.assertIn("18.00", self.rate(lines, "--as-of", "2027-01-01", book=book).stdout)
        self.assertEqual(self.rate(lines, "--as-of", "soon", book=book).returncode, BAD_INPUT)
        named = book_of({**PLAIN, "scope": {"center": "north"}})
        self.assertEqual([json.loads(line).get("amount") for line in self.rate(lines[:3], "--output", "json", book=named).stdout.splitlines()], ["10.00", "10.00", None],
                         "a book may know centers by name")

    def test_what_changed_between_two_books(self):
        before = book_of(PLAIN, {**PLAIN, "id": "gone"})
        after = book_of({**PLAIN, "price": "2"}, {**PLAIN, "id": "new"})
        changes = [json.loads(line) for line in self.diff(before, after, "--output", "json").splitlines()]
        self.assertEqual([(c["change"], c["row"]) for c in changes], [("removed", "gone"), ("added", "new"), ("changed", "p")])
        self.assertEqual(changes[2]["fields"], {"price": {"before": "1", "after": "2"}})
        self.assertIn("changed", self.diff(before, after))
        self.assertEqual(self.diff(before, before), "no difference\n")

    def test_half_a_command_says_what_is_missing(self):
        done = subprocess.run([BOURSE, "rate", "--book", "/dev/null"], text=True, capture_output=True, timeout=30, check=False)
        self.assertEqual((done.returncode, "--usage" in done.stderr), (BAD_INPUT, True))


if __name__ == "__main__":
    unittest.main(verbosity=2)
