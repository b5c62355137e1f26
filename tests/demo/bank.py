"""The market's bank, as far as its files go: takes payment orders (pain.001), gives statements of account (camt.053)."""

import datetime
import decimal
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape

Decimal = decimal.Decimal


class Bank:
    """One account, with its entries since the last statement. `account` is what `bourse up` names as the market's own."""

    def __init__(self, account="TRIAL-ACCOUNT", currency="CNY"):
        self.account, self.currency = account, currency
        self.balance, self.entries, self.statements = Decimal(0), [], 0

    def receive(self, amount, payer, text):
        """Somebody pays in, with that remittance text."""
        self._book(Decimal(amount), "CRDT", f"<RltdPties><Dbtr><Nm>{escape(payer)}</Nm></Dbtr></RltdPties>"
                                            f"<RmtInf><Ustrd>{escape(text)}</Ustrd></RmtInf>", "NOTPROVIDED")

    def execute(self, path):
        """Pays every transfer of a payment file; returns (end-to-end id, creditor, amount) of each."""
        paid = []
        for transfer in ElementTree.parse(path).getroot().findall(".//{*}CdtTrfTxInf"):
            value = {name: transfer.find(f".//{{*}}{name}").text for name in ("EndToEndId", "InstdAmt")}
            creditor = transfer.find("./{*}Cdtr/{*}Nm").text
            self._book(-Decimal(value["InstdAmt"]), "DBIT", f"<RltdPties><Cdtr><Nm>{escape(creditor)}</Nm></Cdtr></RltdPties>",
                       value["EndToEndId"])
            paid.append((value["EndToEndId"], creditor, Decimal(value["InstdAmt"])))
        return paid

    def _book(self, amount, side, details, end_to_end):
        today = datetime.date.today().isoformat()
        self.entries.append((amount, lambda n: f"""
      <Ntry>
        <Amt Ccy="{self.currency}">{abs(amount):.2f}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts>BOOK</Sts>
        <BookgDt><Dt>{today}</Dt></BookgDt><ValDt><Dt>{today}</Dt></ValDt>
        <AcctSvcrRef>DEMO-{self.statements}-{n}</AcctSvcrRef><BkTxCd/>
        <NtryDtls><TxDtls><Refs><EndToEndId>{escape(end_to_end)}</EndToEndId></Refs>{details}</TxDtls></NtryDtls>
      </Ntry>"""))

    def statement(self, path):
        """Writes what was booked since the last one."""
        self.statements += 1
        opening, closing = self.balance, self.balance + sum(amount for amount, _ in self.entries)
        now = datetime.datetime.now(datetime.timezone.utc)

        def balance(code, amount):
            side = "CRDT" if amount >= 0 else "DBIT"
            return (f"""<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="{self.currency}">{abs(amount):.2f}</Amt>"""
                    f"<CdtDbtInd>{side}</CdtDbtInd><Dt><Dt>{now.date().isoformat()}</Dt></Dt></Bal>")

        entries = "".join(render(n) for n, (_, render) in enumerate(self.entries, 1))
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">
  <BkToCstmrStmt>
    <GrpHdr><MsgId>DEMO-{self.statements}</MsgId><CreDtTm>{now.isoformat(timespec="seconds")}</CreDtTm></GrpHdr>
    <Stmt>
      <Id>DEMO-{self.statements}</Id><CreDtTm>{now.isoformat(timespec="seconds")}</CreDtTm>
      <Acct><Id><Othr><Id>{self.account}</Id></Othr></Id><Ccy>{self.currency}</Ccy></Acct>
      {balance("OPBD", opening)}
      {balance("CLBD", closing)}{entries}
    </Stmt>
  </BkToCstmrStmt>
</Document>
""")
        self.balance, self.entries = closing, []
