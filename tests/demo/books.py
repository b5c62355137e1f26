"""The books that accounts and finance keep: each is added up by another program, or another way, and must come to the same."""

import csv
import datetime
import decimal
import io
import json

from demo.verdict import program, text

Decimal = decimal.Decimal


def accepted(checks, form, path, what):
    argv = ["hledger", "-f", path, "check", "--strict"] if form == "hledger" else ["bean-check", path]
    good, said = program(argv)
    checks.that(good, f"{argv[0]} accepts {what}" + ("" if good else f": {said[:300]}"))


def check_account(checks, person, out):
    """A user's month: bill, statement of account, and both as files. Returns what his charges came to, less corrections."""
    wallet = person.ask("wallet")["wallets"][0]
    account, balance = wallet["account"], Decimal(wallet["balance"])
    bills = person.ask("bill", "list", account)["bills"]
    checks.that(Decimal(bills[0]["closing"]) == balance, f"{person.name}'s bills end with what the wallet holds")
    spent = Decimal(0)
    for bill in bills:
        whole = person.ask("bill", "show", account, bill["month"])
        lines = sum(Decimal(line["amount"]) for line in whole.get("lines", []))
        checks.that(lines == Decimal(whole["charges"]), f"{person.name}'s bill of {bill['month']}: Σ lines = charges {text(lines)}")
        spent += lines - Decimal(whole["corrections"])
        focus = person.run("bill", "export", account, bill["month"], "--format", "focus")
        billed = sum(Decimal(row["BilledCost"]) for row in csv.DictReader(io.StringIO(focus)))
        checks.that(billed == lines - Decimal(whole["corrections"]), "its FOCUS file bills the same")
        for language in ("zh", "en"):
            person.run("bill", "export", account, bill["month"], "--format", "pdf", "--language", language, "--output", f"{out}/bill-{person.name}-{language}.pdf")
        person.run("bill", "export", account, bill["month"], "--format", "xlsx", "--output", f"{out}/bill-{person.name}.xlsx")
    for form in ("hledger", "beancount"):
        path = f"{out}/account-{person.name}.{form}"
        person.run("account", "export", account, "--format", form, "--output", path)
        accepted(checks, form, path, f"{person.name}'s own account")
    return spent


def check_usage(checks, people, centers, captured, out):
    """The month rated again with the market's own prices, by the offline program."""
    fiona = people["fiona"]
    month = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m")
    usage = fiona.ask("usage", "--from", month + "-01", "--to", datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"), "--by", "day,project,center")
    charged = sum(Decimal(row["charged"]["amount"]) for row in usage["rows"])
    checks.that(charged == captured, f"usage by day, project and center comes to what was captured: {text(charged)} CNY")
    lines = fiona.run("usage", "export", "--month", month).splitlines()
    tables = f"{out}/du-factors.json"
    fiona.run("prices", "factors", "--table", "demo", "--output", tables)
    for currency in ("CNY", "DU"):
        path = f"{out}/book-{currency}.json"
        fiona.run("prices", "export", "--unit", currency, "--output", path)
        factors = ["--factors", tables] if currency == "DU" else []
        asked = [line for line in lines if json.loads(line)["currency"] == currency]
        rated = [json.loads(line) for line in fiona.run("--output", "json", "rate", "--book", path, "--usage", "-", *factors, stdin="\n".join(asked) + "\n").splitlines()]
        same = len(rated) == len(asked) and all(Decimal(r["amount"]) == Decimal(json.loads(a)["charged"]) for r, a in zip(rated, asked))
        checks.that(same and rated, f"rating the {len(rated)} attempts in {currency} again with the market's own book makes no difference")
        total = json.loads(fiona.run("--output", "json", "rate", "--book", path, "--usage", "-", "--as-of", "now", *factors, stdin="\n".join(asked) + "\n").splitlines()[-1])
        checks.that(Decimal(total["total"]["difference"]) == 0 and all(Decimal(row["difference"]) == 0 for row in total["summary"]),
                    f"nor does their sum by center and meter at today's prices: {total['total']['amount']} {currency}")


def check_finance(checks, fiona, spent, out):
    for form in ("hledger", "beancount"):
        path = f"{out}/journal.{form}"
        fiona.run("ledger", "journal", "--format", form, "--output", path)
        accepted(checks, form, path, "the ledger's journal")
    rows = fiona.ask("report", "revenue")["revenue"]
    gross = sum(Decimal(row["gross"]["amount"]) for row in rows)
    checks.that(gross == spent, f"the month's revenue is what the wallets paid, packages as they were used: {text(gross)} CNY")
    checks.that(not fiona.ask("report", "holds").get("holds"), "no hold is left to grow old")


def check_books(checks, people, centers, trade, money, out):
    spent = sum((check_account(checks, people[name], out) for name in ("alice", "bob", "rita")), Decimal(0))
    captured, packaged, price = money
    check_usage(checks, people, centers, captured + packaged, out)
    # A package is paid for when it is bought, and earned when it is used.
    check_finance(checks, people["fiona"], spent - price + packaged, out)
    job_id = next(iter(trade.final))
    trade.owner(trade.jobs[job_id]).run("receipt", job_id, "--format", "pdf", "--language", "zh", "--file", f"{out}/receipt.pdf")
