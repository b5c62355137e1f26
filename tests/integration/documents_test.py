"""`bourse statement export` as a finance office runs it: each document is read back by a program of others, and must add up."""

import base64
import csv
import io
import json
import os
import re
import subprocess
import tempfile
import unittest
import zipfile
from decimal import Decimal
from xml.etree import ElementTree

PROGRAMS = os.environ["BOURSE_PROGRAMS"]
DOES_NOT_VERIFY, BAD_USAGE = 8, 2
MOVING = ("--lines", "30", "--late", "4", "--adjustments", "14", "--payouts", "5")
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
HOSTILE = "=HYPERLINK(\"x\")\r\n2026-01-01 * \"a\\\" ; b  | 北京　超算 <&>\t@"
MANDATORY = ("BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart ChargeCategory ChargeClass "
             "ChargeDescription ChargePeriodEnd ChargePeriodStart ContractedCost EffectiveCost InvoiceIssuerName ListCost PricingQuantity "
             "PricingUnit ProviderName PublisherName ServiceCategory ServiceName").split()


def run(*arguments, **options):
    """A missing program raises: no test passes without it."""
    return subprocess.run(arguments, capture_output=True, timeout=240, check=False, **options)


def sample(*arguments):
    done = run(PROGRAMS + "/bourse-sample-statement", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def export(statement, *arguments):
    return run(PROGRAMS + "/bourse", "statement", "export", "-", *arguments, input=statement)


def body_of(statement):
    return json.loads(base64.b64decode(json.loads(statement)["payload"]))


def shown(number):
    """A workbook's number as Excel reads and shows it: the double's first 15 digits. A longer one is text, and exact."""
    return Decimal(format(float(number), ".15g")) if len(number.replace(".", "").strip("-0")) <= 17 else Decimal(number)


class Workbook:
    """Sheets as {name: rows of {column letters: text}}, from the XML itself."""

    def __init__(self, data):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            self.core = archive.read("docProps/core.xml").decode()
            strings = ["".join(t.text or "" for t in item.iter(SHEET + "t")) for item in ElementTree.fromstring(archive.read("xl/sharedStrings.xml"))]
            names = [s.get("name") for s in ElementTree.fromstring(archive.read("xl/workbook.xml")).iter(SHEET + "sheet")]
            self.xml = {name: archive.read(f"xl/worksheets/sheet{i}.xml").decode() for i, name in enumerate(names, 1)}
        self.sheets = {name: [self.cells(row, strings) for row in ElementTree.fromstring(xml).iter(SHEET + "row")] for name, xml in self.xml.items()}

    @staticmethod
    def cells(row, strings):
        out = {}
        for cell in row:
            value = cell.find(SHEET + "v")
            if value is not None:
                out[re.sub(r"\d", "", cell.get("r"))] = strings[int(value.text)] if cell.get("t") == "s" else value.text
        return out

    def column(self, sheet, label):
        head, *rows = self.sheets[sheet]
        letter = next(key for key, text in head.items() if text.startswith(label))
        return [row.get(letter) for row in rows]


class DocumentsTest(unittest.TestCase):
    def good(self, statement, *arguments):
        done = export(statement, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout

    def checked(self, data, suffix, *command):
        with tempfile.NamedTemporaryFile(suffix=suffix) as file:
            file.write(data)
            file.flush()
            done = run(*[file.name if part == "FILE" else part for part in command])
        self.assertEqual((done.returncode, done.stderr.decode()), (0, ""), done.stdout.decode()[-2000:] + data.decode("utf-8", "replace")[:2000])
        return done.stdout.decode()

    def test_what_does_not_verify_is_refused(self):
        statement = bytearray(sample())
        place = statement.index(b'"payload":"') + 400
        statement[place] ^= 1
        for form in ("pdf", "csv", "hledger"):
            done = export(bytes(statement), "--format", form)
            self.assertEqual((done.returncode, done.stdout), (DOES_NOT_VERIFY, b""))
            self.assertIn(b"wrong: ", done.stderr)
        done = export(sample(), "--format", "csv", "--ack-key", "00" * 32)
        self.assertEqual(done.returncode, DOES_NOT_VERIFY)
        self.good(sample(), "--format", "csv", "--ack-key", sample("--key").decode().strip())

    def test_bad_usage_is_named(self):
        for arguments in (("--format", "doc"), (), ("--format", "csv", "--language", "fr"), ("--format", "csv", "--ack-key", "x")):
            self.assertEqual(export(sample(), *arguments).returncode, BAD_USAGE, arguments)

    def test_every_format_gives_the_same_bytes_again_and_leaves_only_its_file(self):
        statement = sample(*MOVING)
        for form in ("pdf", "xlsx", "csv", "focus", "hledger", "beancount", "json"):
            with self.subTest(form), tempfile.TemporaryDirectory() as folder:
                out = folder + "/out"
                self.assertEqual(self.good(statement, "--format", form, "--output", out), b"")
                with open(out, "rb") as file:
                    self.assertEqual(file.read(), self.good(statement, "--format", form))
                self.assertEqual(os.listdir(folder), ["out"])

    def test_journals_are_accepted_by_the_programs_they_are_for(self):
        for arguments in ((), ("--lines", "0"), ("--center-name", HOSTILE, "--market", HOSTILE), ("--opening", "-9000000000000000001"), ("--lines", "2000"), MOVING,
                          ("--lines", "0", "--adjustments", "2", "--payouts", "3", "--reason", HOSTILE), (*MOVING, "--charged")):
            with self.subTest(arguments):
                statement = sample(*arguments)
                body = body_of(statement)
                fee = sum(Decimal(one["amount"]) - Decimal(one["tax"]) for one in body.get("fees", []))
                hledger = self.good(statement, "--format", "hledger")
                self.checked(hledger, ".journal", "hledger", "-f", "FILE", "check", "--strict")
                total = self.checked(hledger, ".journal", "hledger", "-f", "FILE", "balance", "Income", "-N", "--format", "%(total)")
                self.assertEqual(Decimal((total.split() or ["0"])[0]), -Decimal(body["totals"]["margin"]) - Decimal(body["adjusted"]["margin"]) - fee)
                for account, balance in (("Center payable", -Decimal(body["closing"])), ("Dispute escrow", -Decimal(body["adjusted"]["escrow"])),
                                         ("Payout in transit", -Decimal(body["payout"]))):
                    total = self.checked(hledger, ".journal", "hledger", "-f", "FILE", "balance", account, "-N", "--format", "%(total)")
                    self.assertEqual(Decimal((total.split() or ["0"])[0]), balance, account)
                beancount = self.good(statement, "--format", "beancount")
                self.checked(beancount, ".beancount", "bean-check", "FILE")

    def test_a_wrong_journal_is_not_accepted(self):
        """Else the test above would prove nothing: one micro-unit off in an assertion."""
        for form, command in (("hledger", ("hledger", "-f", "FILE", "check", "--strict")), ("beancount", ("bean-check", "FILE"))):
            journal = self.good(sample(), "--format", form).decode()
            mark = "= " if form == "hledger" else "balance Income:Platform-CNY " if "Platform-CNY" in journal else "balance Income:Platform:CNY "
            at = journal.rindex(mark)
            wrong = journal[:at] + re.sub(r"(\d)(?= CNY| ~)", lambda m: str((int(m.group()) + 1) % 10), journal[at:], count=1)
            self.assertNotEqual(wrong, journal)
            with tempfile.NamedTemporaryFile("w", suffix="." + form) as file:
                file.write(wrong)
                file.flush()
                self.assertNotEqual(run(*[file.name if part == "FILE" else part for part in command]).returncode, 0, form)

    def test_csv_and_focus_add_up(self):
        statement = sample("--lines", "300", "--center-name", HOSTILE)
        body = body_of(statement)
        text = self.good(statement, "--format", "csv").decode()
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        self.assertEqual(len(rows), 300)
        for ours, theirs in (("gross", "gross"), ("center_share", "center"), ("margin", "margin"), ("tax", "tax")):
            self.assertEqual(sum(Decimal(row[ours]) for row in rows), Decimal(body["totals"][theirs]))
        self.assertTrue(all(row["center_name"].startswith("'=HYPER") for row in rows))
        focus = list(csv.DictReader(io.StringIO(self.good(statement, "--format", "focus").decode(), newline="")))
        self.assertEqual(set(MANDATORY) - set(focus[0]), set())
        invoices = {}
        for row in focus:
            invoices[row["InvoiceId"]] = invoices.get(row["InvoiceId"], 0) + Decimal(row["BilledCost"])
            self.assertEqual((row["ChargeCategory"], row["ChargeClass"]), ("Usage", ""))
            self.assertEqual(Decimal(row["PricingQuantity"]) * Decimal(row["ContractedUnitPrice"]), Decimal(row["ContractedCost"]))
            self.assertEqual(Decimal(row["PricingQuantity"]) * Decimal(row["ListUnitPrice"]), Decimal(row["ListCost"]))
        self.assertEqual(invoices, {body["period"]["id"]: Decimal(body["totals"]["center"])})
        empty = self.good(sample("--lines", "0"), "--format", "focus").decode()
        self.assertEqual(next(csv.reader(io.StringIO(empty))), list(focus[0]))

    def test_corrections_payouts_and_late_usage_are_in_every_file(self):
        statement = sample(*MOVING, "--reason", HOSTILE)
        body = body_of(statement)
        csvs = {table: list(csv.DictReader(io.StringIO(self.good(statement, "--format", "csv", "--table", table).decode(), newline="")))
                for table in ("lines", "adjustments", "payouts", "reports")}
        self.assertEqual({table: len(rows) for table, rows in csvs.items()},
                         {"lines": 30, "adjustments": 14, "payouts": 5, "reports": len(body["reports"])})
        for ours, theirs in (("user", "user"), ("center_share", "center"), ("margin", "margin"), ("tax", "tax"), ("escrow", "escrow")):
            self.assertEqual(sum(Decimal(row[ours]) for row in csvs["adjustments"]), Decimal(body["adjusted"][theirs]))
        self.assertEqual(sum(Decimal(row["amount"]) for row in csvs["payouts"]), Decimal(body["payout"]))
        self.assertEqual([row["adjusts"] or None for row in csvs["lines"]], [line["adjusts"] for line in body["lines"]])
        self.assertEqual(export(statement, "--format", "csv", "--table", "x").returncode, BAD_USAGE)
        focus = list(csv.DictReader(io.StringIO(self.good(statement, "--format", "focus").decode(), newline="")))
        self.assertEqual(sum(Decimal(row["BilledCost"]) for row in focus), Decimal(body["totals"]["center"]) + Decimal(body["adjusted"]["center"]))
        earlier = [one["adjusts"] not in (None, body["period"]["id"]) for one in body["lines"] + body["adjustments"]]
        self.assertEqual([row["ChargeClass"] == "Correction" for row in focus], earlier)
        for row in focus:
            # FOCUS: only a Correction may be usage without a quantity.
            self.assertTrue(row["ConsumedQuantity"] or row["ChargeClass"] == "Correction" or row["ChargeCategory"] == "Adjustment")
        book = Workbook(self.good(statement, "--format", "xlsx"))
        *center, total = book.column("Corrections", "To the center")
        self.assertEqual((len(center), shown(total)), (14, Decimal(body["adjusted"]["center"])))
        self.assertEqual(shown(book.column("Payouts", "Amount")[-1]), Decimal(body["payout"]))
        for language, words in (("en", ("Corrections", "dispute resolved", "earlier period", "returned by the bank", "What the corrections move")),
                                ("zh", ("更正明细", "争议裁定", "往期用量", "银行退回", "更正的资金去向"))):
            text = "\n".join(self.pages(self.good(statement, "--format", "pdf", "--language", language)))
            for word in words:
                self.assertIn(word, text)
            for one in body["adjustments"]:
                self.assertIn(one["job"], text)
                self.assertIn(f"{Decimal(one['parts']['center']):,.6f}", text)
            for name in ("opening", "payout", "closing"):
                self.assertIn(f"{Decimal(body[name]):,.6f} CNY", text)
            self.assertIn(f"{Decimal(body['adjusted']['center']):,.6f} CNY", text)

    def test_fixed_fees_are_in_every_file(self):
        statement = sample(*MOVING, "--charged")
        body = body_of(statement)
        rows = list(csv.DictReader(io.StringIO(self.good(statement, "--format", "csv", "--table", "fees").decode(), newline="")))
        self.assertEqual([row["contract"] for row in rows], [one["contract"] for one in body["fees"]])
        self.assertEqual(sum(Decimal(row["amount"]) for row in rows), Decimal(body["fee"]))
        focus = list(csv.DictReader(io.StringIO(self.good(statement, "--format", "focus").decode(), newline="")))
        self.assertEqual(sum(Decimal(row["BilledCost"]) for row in focus),
                         Decimal(body["totals"]["center"]) + Decimal(body["adjusted"]["center"]) - Decimal(body["fee"]))
        self.assertEqual([row["ChargeCategory"] for row in focus if row["ResourceType"] == "Contract"], ["Adjustment"] * 2)
        book = Workbook(self.good(statement, "--format", "xlsx"))
        self.assertEqual(shown(book.column("Fixed fees", "Fee")[-1]), Decimal(body["fee"]))
        for language, words in (("en", ("Fixed fees", "the contract's fixed fee")), ("zh", ("固定费用明细", "合同固定费用"))):
            text = "\n".join(self.pages(self.good(statement, "--format", "pdf", "--language", language)))
            for word in (*words, f"{Decimal(body['fee']):,.6f}", body["fees"][1]["contract"]):
                self.assertIn(word, text)

    def test_a_workbook_holds_exact_sums(self):
        statement = sample("--lines", "50", "--center-name", HOSTILE, "--opening", "1234567890123456789")
        body = body_of(statement)
        book = Workbook(self.good(statement, "--format", "xlsx"))
        self.assertEqual(list(book.sheets), ["Summary", "Captures", "Corrections", "Payouts", "Prices of the captures", "Signed usage reports", "Evidence"])
        self.assertIn(body["period"]["cut_off"], book.core)
        *gross, total = book.column("Captures", "Sold")
        self.assertEqual(sum(map(shown, gross)), shown(total))
        self.assertEqual(shown(total), Decimal(body["totals"]["gross"]))
        facts = {row.get("A"): row.get("B") for row in book.sheets["Summary"]}
        # More digits than Excel has: the exact text.
        self.assertEqual(facts["Owed to the center before this period"], "1234567890123.456789")
        self.assertTrue(facts["Name of the center"].startswith("=HYPERLINK"))
        for xml in book.xml.values():
            self.assertNotIn("<f>", xml)
        self.assertIn('state="frozen"', book.xml["Captures"])
        hashes = [row["B"] for row in book.sheets["Signed usage reports"][1:]]
        self.assertEqual(hashes, [report["sha256"] for report in body["reports"]])
        self.assertIn("结算单", str(Workbook(self.good(statement, "--format", "xlsx", "--language", "zh")).sheets["汇总"]))

    def test_json_has_the_model(self):
        statement = sample()
        document = json.loads(self.good(statement, "--format", "json", "--language", "zh"))
        self.assertEqual((document["format"], document["title"], document["language"]), ("bourse.document.v1", "结算单", "zh"))
        self.assertEqual(len(document["tables"][0]["rows"]), 5)

    def pages(self, pdf):
        return self.checked(pdf, ".pdf", "pdftotext", "-layout", "-enc", "UTF-8", "FILE", "-").split("\f")[:-1]

    def test_pdf_says_all_on_every_page(self):
        statement = sample("--lines", "120", "--center-name", "北京国家超级计算中心")
        body = body_of(statement)
        pdf = self.good(statement, "--format", "pdf")
        # No clock: the file is as old as the period's end.
        created = re.search(r"CreationDate: +(\S+)", self.checked(pdf, ".pdf", "pdfinfo", "-isodates", "FILE")).group(1)
        self.assertEqual(created[:19], body["period"]["cut_off"][:19])
        pages = self.pages(pdf)
        self.assertGreater(len(pages), 2)
        sha256 = json.loads(self.good(statement, "--format", "json"))["evidence"][0]["value"]
        for number, page in enumerate(pages, 1):
            self.assertIn(f"page {number} of {len(pages)}", page)
            self.assertIn(sha256, page)
            self.assertIn(json.loads(statement)["key"], page)
        text = "\n".join(pages)
        for line in body["lines"]:
            self.assertIn(line["job"], text)
            self.assertIn(f"{Decimal(line['added']['center']):,.6f}", text)
        for name in ("opening", "payout", "closing"):
            self.assertIn(f"{Decimal(body[name]):,.6f} CNY", text)
        self.assertGreaterEqual(text.count("Usage until"), 3)  # the table's head is repeated
        self.assertIn("北京国家超级计算中心", text)
        chinese = "\n".join(self.pages(self.good(statement, "--format", "pdf", "--language", "zh")))
        for word in ("结算单", "期末应付中心", "中心应得", "算力中心（签章）"):
            self.assertIn(word, chinese)

    def test_pdf_of_ten_thousand_lines_and_of_long_names(self):
        pages = self.pages(self.good(sample("--lines", "10000"), "--format", "pdf"))
        self.assertIn(f"page {len(pages)} of {len(pages)}", pages[-1])
        self.assertIn("10,000", "\n".join(pages[-3:]))
        name = "A very long name of a center " * 20 + "end-of-name"
        self.assertIn("end-of-name", re.sub(r"\s+", "", self.pages(self.good(sample("--center-name", name), "--format", "pdf"))[0]))
        self.pages(self.good(sample("--lines", "0", "--center-name", HOSTILE, "--market", HOSTILE), "--format", "pdf"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
