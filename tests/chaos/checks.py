"""What must hold after each run, and after many: from what the market gives out, and from the schedulers' own accounting."""

import datetime
import json
from decimal import Decimal

from chaos.world import TOP_UP
from demo.reconcile import accounting_of, reconcile
from demo.verdict import program


class Broken(AssertionError):
    """A promise that was not kept."""


def must(held, what):
    if not held:
        raise Broken(what)


def check_job(trade, work, job):
    """Dispatched once, charged for what it used, once. Returns what it was charged."""
    alice, starts = trade.alice, trade.starts(work)
    receipt = alice.ask("receipt", job["id"])
    held, charged, released = (Decimal(receipt[field]["amount"]) for field in ("held", "charged", "released"))
    lines = sum((Decimal(line["amount"]["amount"]) for line in receipt.get("lines", [])), Decimal(0))
    must(len(starts) <= 1, f"{work.name} ({job['id']}) was started {len(starts)} times: {starts}")
    must(job["state"] != "ended" or len(starts) == 1, f"{work.name} ({job['id']}) ended and was started {len(starts)} times")
    must(job["state"] != "ended" or job.get("exit_code", 0) == 0, f"{work.name} ended with {job.get('exit_code')}")
    must(charged == 0 or len(starts) == 1, f"{work.name} was charged {charged} and never started")
    must(charged == lines == Decimal(job["charged"]["amount"]), f"{work.name}: charged {job['charged']['amount']}, receipt {charged}, lines {lines}")
    must(held == charged + released, f"{work.name}: held {held} is not charged {charged} + released {released}")
    return charged


def check_run(trade):
    """All jobs of a run. Returns how many ended in which state, and what they were charged."""
    states, charged = {}, Decimal(0)
    for work in trade.run.works:
        job = trade.final.get(work.name)
        state = "refused" if job is None else job["state"]
        states[state] = states.get(state, 0) + 1
        if job is None:
            must(not trade.starts(work), f"{work.name} was refused and yet started")
        else:
            charged += check_job(trade, work, job)
    return states, charged


def check_wallet(world, charged):
    """All that was ever charged is what is missing, and nothing is held."""
    wallet = world.people["alice"].ask("wallet")["wallets"][0]
    must(Decimal(wallet["held"]) == 0, f"{wallet['held']} are still held")
    must(Decimal(wallet["balance"]) == Decimal(TOP_UP) - charged, f"the wallet has {wallet['balance']}, {TOP_UP} less {charged} were right")


def check_centers(world):
    for center in world.people["otto"].ask("center", "list")["centers"]:
        must(center["state"] == "active", f"{center['name']} is {center['state']}")
        must(not int(center.get("quarantined", 0)), f"{center['quarantined']} records of {center['name']} were set aside: "
             + json.dumps(world.people["otto"].ask("center", "quarantine", center["name"]).get("records", []))[:600])


def check_rating(world, jobs):
    """Each job's charge is what its usage costs by the market's own book, worked out again by the offline program."""
    fiona = world.people["fiona"]
    month = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m")
    book = f"{world.dir}/exported-book.json"
    fiona.run("prices", "export", "--unit", "CNY", "--output", book)
    lines = [line for line in fiona.run("usage", "export", "--month", month).splitlines() if json.loads(line)["job"] in jobs]
    if not lines:
        return 0
    rated = [json.loads(line) for line in
             fiona.run("--output", "json", "rate", "--book", book, "--usage", "-", stdin="\n".join(lines) + "\n").splitlines()]
    must(len(rated) == len(lines), f"{len(rated)} of {len(lines)} attempts could be rated")
    for line, again in zip(map(json.loads, lines), rated):
        must(Decimal(line["charged"]) == Decimal(again["amount"]), f"{line['job']}: charged {line['charged']}, its usage costs {again['amount']}")
    return len(lines)


def check_ledger(world):
    verdict = world.people["fiona"].ask("ledger", "verify")
    for promise in ("balanced", "chain_ok", "projections_match", "state_match"):
        must(verdict.get(promise), f"ledger verify: not {promise}: {json.dumps(verdict)[:600]}")


def check_schedulers(world):
    """Every run that a scheduler accounted for is in the books with the same figures, and no other is."""
    agreed = 0
    for center in world.centers.values():
        code, reply = reconcile(world.people["fiona"], center, accounting_of(center))
        must(code == 0 and reply.get("findings") == 0 and reply.get("accounted") == reply.get("agreed"), f"sacct of {center.name}: {json.dumps(reply)[:600]}")
        agreed += int(reply.get("agreed", 0))
    return agreed


def check_statements(world, root):
    """Each center's period is closed; its statement, with all reports since the beginning, verifies here and elsewhere."""
    fiona = world.people["fiona"]
    for center in world.centers.values():
        reply = fiona.ask("settle", center.name)
        path = f"{world.dir}/statement-{center.name}.json"
        fiona.run("statement", "get", reply["period"], "--output", path)
        for argv in ([f"{world.market.programs}/bourse", "verify", path],
                     ["/usr/bin/python3", f"{root}/tests/independent/verify_statement.py", path]):
            good, said = program(argv)
            must(good, f"{argv[0]} {argv[1]} on {center.name}'s statement: {said[:600]}")
