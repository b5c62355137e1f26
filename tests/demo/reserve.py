"""A group reserves a node by the month: its jobs there cost nothing, and what it paid is earned day by day."""

import decimal
import json

from lib import process

Decimal = decimal.Decimal


class Reserved:
    """What became of it, for the checks."""

    def __init__(self, bought, job, ended):
        self.bought, self.job, self.ended = bought, job, ended


def offer(people, center, directory):
    """Two people publish what a node costs by the month; how many may be reserved is in the center's contract."""
    path = f"{directory}/reserved-prices.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"prices": [{"center": center.name, "pool": center.pool, "what": "node", "term": "month",
                               "price": {"amount": "20", "currency": "CNY"}, "early_end_bps": 1000}]}, file)
    return people["otto"].propose(people["olga"], "reservation", "publish", path)


def run(story, people, center, directory):
    story.chapter("A group reserves a node by the month")
    done = offer(people, center, directory)
    story.say(f"{done['text']}: {done['state']} by olga")
    rita, fiona, frank = (people[name] for name in ("rita", "fiona", "frank"))
    account = rita.ask("wallet")["wallets"][0]["account"]
    fiona.propose(frank, "account", "fund", account, "50.00", "--bank-reference", "DEMO-RITA-1")
    bought = rita.ask("reservation", "buy", center.name, center.pool, "--price", "20")
    story.say(rita.run("reservation", "show", bought["id"]).rstrip())
    job = rita.ask("submit", "-", "--name", "reserved", "--cores", "1", "--memory", "256MiB", "--time", "5m",
                   stdin="#!/bin/bash\necho on our own node\n")
    story.say(job["decision"]["why"])
    job_id = job["id"]
    process.wait_until(lambda: rita.ask("job", "show", job_id)["state"] in ("ended", "failed", "cancelled"), 60, "the reserved job's end",
                       interval_s=0.3)
    job = rita.ask("job", "show", job_id)
    ended = rita.ask("reservation", "end", bought["id"])
    story.say(f"ended early: {ended['earned']['amount']} CNY are earned, {ended['returned']['amount']} CNY went back")
    return Reserved(bought, job, ended)


def check(checks, people, reserved):
    rita, bought, job, ended = people["rita"], reserved.bought, reserved.job, reserved.ended
    checks.that(job["state"] == "ended" and job["reservation"] == bought["id"], "the group's job ran on what it had reserved")
    receipt = rita.ask("receipt", job["id"])
    checks.that(Decimal(receipt["charged"]["amount"]) == 0 and receipt["reservation"] == bought["id"],
                "it cost nothing, and its receipt says by which reservation")
    earned, returned = (Decimal(ended[field]["amount"]) for field in ("earned", "returned"))
    checks.that(earned + returned == Decimal(bought["price"]["amount"]) and 0 < earned,
                f"a day and the early end's fee are earned, the rest went back: {earned} + {returned}")
    checks.that(Decimal(rita.ask("wallet")["wallets"][0]["balance"]) == Decimal("50.00") - earned, "the wallet paid what was earned")
    steps = [step["kind"] for step in rita.ask("trace", bought["id"])["steps"]]
    checks.that(steps[0] == "reservation" and steps[-1] == "closed" and "accrual" in steps, f"its trace tells it: {', '.join(steps)}")
    deferred = people["fiona"].ask("report", "accrual").get("deferred") or []
    checks.that(not any(row.get("center") for row in deferred), "no revenue of reservations is deferred any more")
    return earned
