"""Everything that must hold after the trade, each checked from what the market itself gives out."""

import base64
import collections
import decimal
import json
import os

from demo.books import check_books
from demo.reconcile import check_reconciliation
from demo.reserve import check as check_reserved
from demo.verdict import Checks, program, text

Decimal = decimal.Decimal


def check_jobs(checks, centers, trade):
    states = collections.Counter(job["state"] for job in trade.final.values())
    states["refused"] = len(trade.refusals)
    by_center = collections.Counter(job["center_name"] for job in trade.final.values())
    checks.that(len(trade.jobs) + len(trade.refusals) >= 24, "at least 24 jobs were traded")
    checks.that(set(by_center) == {c.name for c in centers}, f"jobs landed on all three centers: {dict(by_center)}")
    checks.that(states["ended"] == len(trade.jobs) - 1, f"all but the cancelled one ended well: {dict(states)}")
    checks.that(all(job["center_name"] == "beta" for i, job in trade.final.items() if trade.jobs[i].kind == "gpu"),
                "jobs that need a card ran where the cards are")
    checks.that(all(w.kind == "refused" and "CNY" in r.problem for w, r in trade.refusals) and trade.refusals,
                "a budget too small is refused, with what would have been enough")
    cancelled = trade.final[trade.cancelled]
    charged, held = (Decimal(cancelled[field]["amount"]) for field in ("charged", "held"))
    checks.that(cancelled["state"] == "cancelled" and 0 < charged < held, "the cancelled job paid for what it used, and no more")
    survivors = [job for i, job in trade.final.items() if trade.jobs[i].kind == "survivor"]
    checks.that(survivors and all(job["state"] == "ended" and job["attempts"] == 1 for job in survivors),
                "the crashed center's jobs went on and were dispatched once")
    job_id, job = next((i, job) for i, job in trade.final.items() if trade.jobs[i].kind == "script")
    log = trade.owner(trade.jobs[job_id]).run("logs", job_id)
    checks.that((job["name"], job["spec"]["cores"], job["spec"]["mem_mib"], job["spec"]["walltime_ms"]) == ("wind-tunnel", 2, 384, 300_000)
                and "bought: 2 cores, 384 MiB, 300 s" in log and "lift" in log, "a Slurm script ran unchanged, with what its own #SBATCH lines ask for")
    return {"by_state": dict(states), "by_center": dict(by_center)}


def check_receipts(checks, trade):
    """Held, captured and released, summed over the receipts, and what packages paid; each receipt must agree with its job and its own lines."""
    held = captured = released = packaged = Decimal(0)
    agree = True
    for job_id, job in trade.final.items():
        receipt = trade.owner(trade.jobs[job_id]).ask("receipt", job_id)
        amounts = {field: Decimal(receipt[field]["amount"]) for field in ("held", "charged", "released")}
        lines = sum((Decimal(line["amount"]["amount"]) for line in receipt.get("lines", [])), Decimal(0))
        agree &= amounts["charged"] == lines == Decimal(job["charged"]["amount"])
        agree &= amounts["held"] == amounts["charged"] + amounts["released"]
        lots = receipt.get("lots", [])
        if "worth" in receipt:
            agree &= receipt["charged"]["currency"] == "DU" and receipt["worth"] == job["worth"]
            agree &= sum(Decimal(lot["money"]["amount"]) for lot in lots) == amounts["charged"]
            agree &= sum(Decimal(lot["worth"]["amount"]) for lot in lots) == Decimal(receipt["worth"]["amount"])
            packaged += Decimal(receipt["worth"]["amount"])
        else:
            held, captured, released = held + amounts["held"], captured + amounts["charged"], released + amounts["released"]
    checks.that(agree, "every receipt equals its job's charge and the sum of its lines, and held = charged + released")
    return (held, captured, released), packaged, agree


def check_payments(checks, fiona, payments):
    payouts = fiona.ask("payout", "list")["payouts"]
    ordered = sum((Decimal(p["money"]["amount"]) for p in payouts), Decimal(0))
    paid = sum((amount for _, _, amount in payments["paid"]), Decimal(0))
    checks.that(payouts and all(p["state"] == "paid" for p in payouts), f"the bank confirmed all {len(payouts)} payouts")
    checks.that(ordered == paid, f"the bank paid what was ordered: {text(paid)} CNY")
    periods = fiona.ask("statement", "list")["statements"]
    checks.that(sum(s["state"] == "paid" for s in periods) == len(payouts), "each center's closed period is paid")
    again = fiona.ask("payout", "list")["payouts"]
    checks.that(again == payouts, "the bank's file read twice changed nothing")


def check_package(checks, alice, trade, packaged):
    """What is left of alice's package, in 度 and in money, is what it was less what her job used."""
    account = alice.ask("wallet")["wallets"][0]
    left = next(lot for lot in alice.ask("account", "lots", account["account"])["lots"] if lot["id"] == trade.package["id"])
    used = sum(Decimal(job["charged"]["amount"]) for job in trade.final.values() if "worth" in job)
    checks.that(0 < used == Decimal(left["money"]["amount"]) - Decimal(left["left"]["amount"]) and account["du"]["held"] == "0.00",
                f"a job used {text(used)} DU of the package, and none is held")
    checks.that(Decimal(left["price"]["amount"]) - Decimal(left["deferred"]["amount"]) == packaged, f"that was worth {text(packaged)} CNY of its price")


def check_wallets(checks, people, captured):
    spent = Decimal(0)
    clear = True
    for name in ("alice", "bob"):
        wallet = people[name].ask("wallet")["wallets"][0]
        spent += Decimal("50.00") - Decimal(wallet["balance"])
        clear &= Decimal(wallet["held"]) == 0
    checks.that(clear, "no hold is left on any wallet")
    return checks.that(spent == captured, f"the wallets paid exactly what the receipts say and the package cost, less the refund: {text(spent)} CNY")


def check_statements(checks, root, statements, bourse):
    settlements, gross = [], collections.Counter()
    for center, reply, path in statements:
        ours, said = program([bourse, "verify", path])
        independent, objection = program(["/usr/bin/python3", f"{root}/tests/independent/verify_statement.py", path])
        checks.that(ours, f"{center.name}: bourse verify accepts the statement" + ("" if ours else f": {said}"))
        checks.that(independent, f"{center.name}: an independent program accepts it" + ("" if independent else f": {objection}"))
        statement = reply["statement"]
        for field in ("gross", "center_share", "margin", "tax"):
            gross[field] += Decimal(statement[field]["amount"])
        with open(path, encoding="utf-8") as file:
            body = json.loads(base64.b64decode(json.load(file)["payload"]))
        gross["earned"] += Decimal(body.get("accrued", {"gross": "0"})["gross"])
        settlements.append({"center": center.name, "total": statement["center_share"]["amount"], "verified": ours and independent})
    return settlements, gross


def check_evidence(checks, fiona, centers, trade, bourse, out):
    """One job's signed report in its center's tree; and that both sides count the centers' days."""
    path = f"{out}/proof.json"
    fiona.run("evidence", "proof", next(i for i, job in trade.final.items() if job["state"] == "ended"), "--output", path)
    holds, said = program([bourse, "verify", "--proof", path])
    checks.that(holds, "a job's usage report is proven to be in its center's evidence tree" + ("" if holds else f": {said}"))
    for center in centers:
        days = fiona.ask("center", "days", center.name)
        checks.that(days.get("offered") and not days.get("open"), f"{center.name}: says its days, and none of them is open")


def check_ledger(checks, fiona, out):
    verdict = fiona.ask("ledger", "verify")
    balanced = bool(verdict.get("balanced")) and bool(verdict.get("chain_ok"))
    match = bool(verdict.get("projections_match")) and bool(verdict.get("state_match"))
    checks.that(balanced, f"the journal's chain of {verdict.get('rows')} rows verifies and Σ debits = Σ credits")
    checks.that(match, "replayed state and all projections match" + ("" if match else f": {verdict.get('differences')}"))
    path = f"{out}/ledger.journal"
    fiona.run("ledger", "export", "--format", "hledger", "--output", path)
    accepted, said = program(["hledger", "-f", path, "check", "--strict"])
    checks.that(accepted, "hledger check --strict accepts the exported ledger" + ("" if accepted else f": {said}"))
    return balanced, match, accepted


def check_everything(story, root, people, centers, trade, statements, dispute, payments, reserved, out):
    """Returns the summary and whether everything held."""
    checks = Checks(story)
    jobs = check_jobs(checks, centers, trade)
    (held, captured, released), packaged, receipts_agree = check_receipts(checks, trade)
    price = Decimal(trade.package["price"]["amount"])
    wallets_agree = check_wallets(checks, people, captured + price - Decimal(dispute["refunded"]))
    check_package(checks, people["alice"], trade, packaged)
    earned = check_reserved(checks, people, reserved)
    check_payments(checks, people["fiona"], payments)
    settlements, sums = check_statements(checks, root, statements, os.path.join(root, "build/bin/bourse"))
    check_evidence(checks, people["fiona"], centers, trade, os.path.join(root, "build/bin/bourse"), out)
    statements_agree = checks.that(sums["gross"] == captured + packaged, "the statements' gross is what the users paid, by money and by packages")
    checks.that(sums["gross"] == sums["center_share"] + sums["margin"] + sums["tax"], "gross = centers + margin + tax, to the last micro")
    balanced, match, hledger_ok = check_ledger(checks, people["fiona"], out)
    check_books(checks, people, centers, trade, (captured, packaged, price), out)
    check_reconciliation(checks, people, centers)
    checks.that(sums["earned"] == earned, f"the statements show what the reservation earned: {text(earned)} CNY")
    summary = {
        "jobs": jobs,
        "money": {"currency": "CNY", "held": text(held), "captured": text(captured), "released": text(released),
                  "platform_margin": text(sums["margin"])},
        "packages": {"sold": text(price), "used": text(packaged)},
        "settlements": settlements,
        "ledger": {"balanced": balanced},
        "projections": {"match": match},
        "hledger": {"ok": hledger_ok},
        "charges_equal_receipts": receipts_agree and wallets_agree and statements_agree,
        "statements_verified": all(s["verified"] for s in settlements),
        "failures": checks.failures,
    }
    story.say(json.dumps(summary["money"]))
    return summary, not checks.failures
