"""The bank's files, from outside: `bourse bank` as an officer runs it, and the payment files of bank/testdata, which the
writer reproduces byte for byte (bank/payment_writer_test.cc), by rules of pain.001.001 written down here a second time."""

import decimal
import json
import os
import re
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree

BOURSE = os.environ["BOURSE_PROGRAMS"] + "/bourse"
TESTDATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bank", "testdata")
BAD_INPUT, WRONG = 2, 8

# A sequence is a list of (element, at least, at most, inside); inside is such a list, a pattern of the text, or ANY for
# elements that we never write. CHOICE in front: exactly one of the list.
MANY, ANY, CHOICE = 10**9, None, ("CHOICE",)
ID, NAME, COUNT = r".{1,35}", r".{1,140}", r"[0-9]{1,15}"
DAY, TIME = r"\d{4}-\d\d-\d\d", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?"
DECIMAL = r"\d{1,18}(\.\d{1,5})?"
IBAN = r"[A-Z]{2}[0-9]{2}[a-zA-Z0-9]{1,30}"
BIC = {"03": r"[A-Z]{6}[A-Z2-9][A-NP-Z0-9]([A-Z0-9]{3})?", "09": r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?"}
SWIFT = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]+")


def schema(version):
    new = version == "09"
    party = [("Nm", 0, 1, NAME), ("PstlAdr", 0, 1, ANY), ("Id", 0, 1, ANY), ("CtryOfRes", 0, 1, ANY), ("CtctDtls", 0, 1, ANY)]
    clearing = [("ClrSysId", 0, 1, [CHOICE, ("Cd", 0, 1, r".{1,5}"), ("Prtry", 0, 1, ID)]), ("MmbId", 1, 1, ID)]
    bank = [("FinInstnId", 1, 1, [("BICFI" if new else "BIC", 0, 1, BIC[version]), ("ClrSysMmbId", 0, 1, clearing)] + ([("LEI", 0, 1, ANY)] if new else []) +
             [("Nm", 0, 1, NAME), ("PstlAdr", 0, 1, ANY), ("Othr", 0, 1, ANY)]), ("BrnchId", 0, 1, ANY)]
    account = [("Id", 1, 1, [CHOICE, ("IBAN", 0, 1, IBAN), ("Othr", 0, 1, [("Id", 1, 1, r".{1,34}"), ("SchmeNm", 0, 1, ANY), ("Issr", 0, 1, ANY)])]),
               ("Tp", 0, 1, ANY), ("Ccy", 0, 1, r"[A-Z]{3}"), ("Nm", 0, 1, r".{1,70}")]
    payment_id = [("InstrId", 0, 1, ID), ("EndToEndId", 1, 1, ID)] + ([("UETR", 0, 1, ANY)] if new else [])
    transfer = [("PmtId", 1, 1, payment_id), ("PmtTpInf", 0, 1, ANY), ("Amt", 1, 1, [CHOICE, ("InstdAmt", 0, 1, DECIMAL), ("EqvtAmt", 0, 1, ANY)]),
                ("XchgRateInf", 0, 1, ANY), ("ChrgBr", 0, 1, r"DEBT|CRED|SHAR|SLEV")] + ([("MndtRltdInf", 0, 1, ANY)] if new else []) + \
               [("ChqInstr", 0, 1, ANY), ("UltmtDbtr", 0, 1, ANY), ("IntrmyAgt1", 0, 1, ANY), ("IntrmyAgt1Acct", 0, 1, ANY), ("CdtrAgt", 0, 1, bank),
                ("CdtrAgtAcct", 0, 1, ANY), ("Cdtr", 0, 1, party), ("CdtrAcct", 0, 1, account), ("UltmtCdtr", 0, 1, ANY), ("InstrForCdtrAgt", 0, MANY, ANY),
                ("Purp", 0, 1, ANY), ("RgltryRptg", 0, 10, ANY), ("Tax", 0, 1, ANY), ("RltdRmtInf", 0, 10, ANY),
                ("RmtInf", 0, 1, [("Ustrd", 0, MANY, r".{1,140}"), ("Strd", 0, MANY, ANY)])]
    day = [CHOICE, ("Dt", 0, 1, DAY), ("DtTm", 0, 1, TIME)] if new else DAY
    block = [("PmtInfId", 1, 1, ID), ("PmtMtd", 1, 1, r"CHK|TRF|TRA"), ("BtchBookg", 0, 1, r"true|false|0|1"), ("NbOfTxs", 0, 1, COUNT), ("CtrlSum", 0, 1, DECIMAL),
             ("PmtTpInf", 0, 1, ANY), ("ReqdExctnDt", 1, 1, day), ("PoolgAdjstmntDt", 0, 1, ANY), ("Dbtr", 1, 1, party), ("DbtrAcct", 1, 1, account),
             ("DbtrAgt", 1, 1, bank), ("DbtrAgtAcct", 0, 1, ANY), ("UltmtDbtr", 0, 1, ANY), ("ChrgBr", 0, 1, r"DEBT|CRED|SHAR|SLEV"), ("ChrgsAcct", 0, 1, ANY),
             ("ChrgsAcctAgt", 0, 1, ANY), ("CdtTrfTxInf", 1, MANY, transfer)]
    header = [("MsgId", 1, 1, ID), ("CreDtTm", 1, 1, TIME), ("Authstn", 0, 2, ANY), ("NbOfTxs", 1, 1, COUNT), ("CtrlSum", 0, 1, DECIMAL), ("InitgPty", 1, 1, party),
              ("FwdgAgt", 0, 1, ANY)]
    return [("CstmrCdtTrfInitn", 1, 1, [("GrpHdr", 1, 1, header), ("PmtInf", 1, MANY, block), ("SplmtryData", 0, MANY, ANY)])]


def shape(element, inside, path, wrong):
    """Order, number and text of all below `element`."""
    tag = element.tag.split("}")[1]
    path += "/" + tag
    if inside is ANY:
        return
    if isinstance(inside, str):
        if len(element) or not re.fullmatch(inside, element.text or ""):
            wrong.append(f"{path}: '{element.text}'")
        return
    choice = inside[0] is CHOICE
    inside = inside[1:] if choice else inside
    names = [child.tag.split("}")[1] for child in element]
    order = [name for name, *_ in inside]
    if any(name not in order for name in names):
        wrong.append(f"{path}: has {names}")
        return
    if names != sorted(names, key=order.index) or (choice and len(names) != 1) or not names:
        wrong.append(f"{path}: order or choice of {names}")
    for name, least, most, below in inside:
        children = [child for child in element if child.tag.endswith("}" + name)]
        if not least <= len(children) <= most:
            wrong.append(f"{path}/{name}: {len(children)} times")
        for child in children:
            shape(child, below, path, wrong)


def payment_file_faults(text):
    root = ElementTree.fromstring(text.encode())
    found = re.fullmatch(r"\{urn:iso:std:iso:20022:tech:xsd:pain\.001\.001\.(03|09)\}Document", root.tag)
    if not found:
        return [f"root {root.tag}"]
    wrong = []
    shape(root, schema(found.group(1)), "", wrong)
    names = {"p": root.tag.split("}")[0][1:]}
    scopes = [root.find(".//p:GrpHdr", names), *root.findall(".//p:PmtInf", names)]
    for scope in scopes:
        transfers = (root if scope is scopes[0] else scope).findall(".//p:CdtTrfTxInf", names)
        amounts = [decimal.Decimal(a.text) for t in transfers for a in t.findall("p:Amt/p:InstdAmt", names)]
        if scope.findtext("p:NbOfTxs", namespaces=names) != str(len(transfers)):
            wrong.append("NbOfTxs")
        if decimal.Decimal(scope.findtext("p:CtrlSum", "0", namespaces=names)) != sum(amounts):
            wrong.append("CtrlSum")
    for amount in root.iterfind(".//p:InstdAmt", names):
        if not re.fullmatch(r"[A-Z]{3}", amount.get("Ccy", "")) or decimal.Decimal(amount.text) <= 0 or not re.fullmatch(r"\d+\.\d\d", amount.text):
            wrong.append(f"InstdAmt {amount.attrib} {amount.text}")
    ids = [e.text for e in root.iterfind(".//p:EndToEndId", names)]
    if len(set(ids)) != len(ids):
        wrong.append("EndToEndId twice")
    for name in ("MsgId", "PmtInfId", "EndToEndId"):
        for element in root.iterfind(f".//p:{name}", names):
            if not SWIFT.fullmatch(element.text) or element.text[0] == "/" or element.text[-1] == "/" or "//" in element.text:
                wrong.append(f"{name} {element.text}")
    for iban in root.iterfind(".//p:IBAN", names):
        if int("".join(str(int(c, 36)) for c in iban.text[4:] + iban.text[:4])) % 97 != 1:
            wrong.append(f"IBAN {iban.text}")
    return wrong


def sample(name):
    with open(os.path.join(TESTDATA, name), encoding="utf-8") as file:
        return file.read()


class PaymentFileTest(unittest.TestCase):
    def test_the_files_keep_the_rules(self):
        for name in ("pain.001.001.03.xml", "pain.001.001.09.xml"):
            self.assertEqual(payment_file_faults(sample(name)), [], name)

    def test_the_rules_find_what_is_wrong(self):
        for old, new in (("<NbOfTxs>2<", "<NbOfTxs>3<"), ("<CtrlSum>1234567.90<", "<CtrlSum>1234567.89<"), ("per-2026-10-B", "per-2026-10-A"),
                         ("<PmtMtd>TRF</PmtMtd>\n", ""), ("DE89370400440532013000", "DE88370400440532013000"), ("ICBKCNBJ", "ICBKCN1J"), ("Ccy=\"EUR\"", "Ccy=\"Eur\""),
                         ("<BIC>ICBKCNBJ</BIC>", "<BICFI>ICBKCNBJ</BICFI>"), ("<Ustrd>", "<Ustrd>" + "x" * 140), ("<MsgId>", "<MsgId>/"), (">0.01<", ">0.011<"),
                         ("<ReqdExctnDt>2026-11-30<", "<ReqdExctnDt><Dt>2026-11-30</Dt><"), ("<ChrgBr>SHAR<", "<ChrgBr>SHARE<"), ("<Cdtr>", "<Cdtr><Id/>"),
                         ("<BtchBookg>false</BtchBookg>\n      <NbOfTxs>2</NbOfTxs>", "<NbOfTxs>2</NbOfTxs>\n      <BtchBookg>false</BtchBookg>"), ("T08:30:00Z", " 08:30")):
            text = sample("pain.001.001.03.xml")
            self.assertIn(old, text)
            self.assertNotEqual(payment_file_faults(text.replace(old, new, 1)), [], new)
        self.assertNotEqual(payment_file_faults(sample("pain.001.001.03.xml").replace("001.001.03", "001.001.09")), [])


class BankCommandTest(unittest.TestCase):
    def bank(self, *arguments, text=None):
        return subprocess.run([BOURSE, "bank", *arguments], input=None if text is None else text.encode(), capture_output=True, timeout=60, check=False)

    def file(self, name):
        return os.path.join(TESTDATA, name)

    def test_show_for_people(self):
        done = self.bank("show", self.file("camt.053.001.08.xml"))
        shown = done.stdout.decode()
        self.assertEqual(done.returncode, 0, done.stderr)
        for words in ("算力交易所有限公司", "0200004509200123456", "9000.123456", "北京大学（计算中心）", "USD-7", "2 payments", "All sums and references hold."):
            self.assertIn(words, shown)

    def test_show_for_programs(self):
        done = self.bank("show", self.file("camt.053.001.02.xml"), "--output", "json")
        report = json.loads(done.stdout)
        self.assertEqual((done.returncode, report["ok"], report["format"], report["differences"]), (0, True, "camt.053.001.02", []))
        (statement,) = report["statements"]
        self.assertEqual((statement["opening"], statement["closing"], statement["currency"]), ("1000.00", "1268.45", "EUR"))
        booked = [decimal.Decimal(entry["amount"]) for entry in statement["entries"] if entry["status"] == "BOOK"]
        self.assertEqual(decimal.Decimal("1000.00") + sum(booked), decimal.Decimal("1268.45"))
        self.assertEqual(statement["entries"][4]["details"][0]["return_reason"], "AC04")
        self.assertEqual(len({entry["identity"] for entry in statement["entries"]}), 6)

    def test_check_ends_with_what_it_found(self):
        good = self.bank("check", self.file("camt.053.001.02.xml"))
        self.assertEqual(good.returncode, 0, good.stderr)
        self.assertIn("The file holds", good.stdout.decode())
        wrong = sample("camt.053.001.02.xml").replace(">1268.45<", ">1268.44<")
        done = self.bank("check", "-", text=wrong)
        self.assertEqual(done.returncode, WRONG)
        self.assertIn("make 1268.45, but the closing balance is 1268.44 (difference -0.01)", done.stdout.decode())
        report = json.loads(self.bank("check", "-", "--output", "json", text=wrong).stdout)
        self.assertEqual((report["ok"], len(report["differences"])), (False, 1))
        self.assertEqual(self.bank("show", "-", text=wrong).returncode, 0)

    def test_what_is_no_statement_is_bad_input(self):
        laughs = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><a>&b;</a>'
        for text, words in (("", "empty"), ("<a>", "line 1"), (laughs, "DOCTYPE"), (sample("pain.001.001.03.xml"), "this is pain.001.001.03"),
                            (sample("camt.053.001.02.xml").replace("999.00", "999.0000001"), "at most 6 places")):
            for command in ("show", "check"):
                done = self.bank(command, "-", text=text)
                self.assertEqual((done.returncode, done.stdout), (BAD_INPUT, b""), words)
                self.assertIn(words, done.stderr.decode())
        self.assertEqual(self.bank("check", "/nowhere").returncode, BAD_INPUT)


if __name__ == "__main__":
    unittest.main(verbosity=2)
