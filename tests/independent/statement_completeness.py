"""The days of a settlement statement: docs/statement.md, "Completeness"."""
import base64
import hashlib
from datetime import date

SUMS = ("attempts", "finals", "core_ms", "gpu_ms", "node_ms", "mem_mib_s")
DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1)


def signed_days(statement, fields, one):
    """{(report sha256, day, revision): what the center signed of it}."""
    said = {}
    for report in statement["reports"]:
        payload = one(fields(base64.b64decode(report["envelope"])), 1, b"")
        for record in (value for number, value in fields(payload) if number == 10):
            day = one(fields(record), 3, None)
            if day is None:
                continue
            day = fields(day)
            total = fields(one(day, 3, b""))
            words = {name: one(total, number, 0) for number, name in enumerate(SUMS, 1)}
            words["digest"] = one(total, 7, b"").hex()
            said[hashlib.sha256(payload).hexdigest(), one(day, 1, 0), one(day, 2, 0)] = words
    return said


def check_completeness(statement, opened_ms, cut_off_ms, fields, one):
    """What is wrong with it."""
    if "completeness" not in statement:
        return []
    if statement["format"] == "bourse.statement.v2":
        return ["completeness: version 2 doesn't have it"]
    closed, wrong = statement["completeness"], []
    agreed = all(day["agreed"] for day in closed["days"])
    expected = {"not_offered": not closed["days"], "complete": agreed, "incomplete": not agreed}
    if not expected[closed["state"]]:
        wrong.append("completeness.state: is not what its days say")
    if (closed["state"] == "incomplete") == (not closed["reason"]):
        wrong.append("completeness.reason: is missing, or not of this state")
    said, before = signed_days(statement, fields, one), None
    for i, day in enumerate(closed["days"]):
        place, number = f"completeness.days[{i}]", (date.fromisoformat(day["day"]) - EPOCH).days
        if before is not None and number != before + 1:
            wrong.append(f"{place}.day: doesn't follow the day before")
        before = number
        if not opened_ms < (number + 1) * DAY_MS <= cut_off_ms:
            wrong.append(f"{place}.day: didn't end in this period")
        if "report" not in day:
            if day["agreed"]:
                wrong.append(f"{place}.agreed: the center hasn't said it")
            continue
        if said.get((day["report"], number, day["revision"])) != day["said"]:
            wrong.append(f"{place}.said: is not what the center signed")
        if day["agreed"] and day["said"] != day["booked"]:
            wrong.append(f"{place}.booked: agreed on, but not what the center said")
    if before is not None and (before + 2) * DAY_MS <= cut_off_ms:
        wrong.append("completeness.days: a day that ended in this period is missing")
    return wrong
