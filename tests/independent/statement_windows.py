"""Rows with weekly windows of a settlement statement, recomputed: docs/statement.md, "The arithmetic"."""
import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from statement_prices import exact

METERS = ("core_ms", "gpu_ms", "node_ms", "mem_mib_s")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MINUTE = 60_000


def instant(text):
    """RFC 3339 in UTC to Unix milliseconds."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", text):
        raise ValueError(f"not an instant: {text!r}")
    return (datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH) // timedelta(milliseconds=1)


def holds(row, minute):
    """Whether the row holds in that minute of Unix time."""
    if "windows" not in row:
        return True
    return in_windows(row["zone"], tuple((w["days"], w["from"], w["until"]) for w in row["windows"]), minute)


@lru_cache(maxsize=1 << 20)
def in_windows(zone, windows, minute):
    shown = (EPOCH + timedelta(minutes=minute)).astimezone(ZoneInfo(zone))
    now, today, yesterday = shown.hour * 60 + shown.minute, shown.weekday(), (shown.weekday() - 1) % 7
    for days, first, last in windows:
        if first < last:
            if days >> today & 1 and first <= now < last:
                return True
        elif (days >> today & 1 and now >= first) or (days >> yesterday & 1 and now < last):
            return True
    return False


def unit_price(row):
    return exact(row["price"]) * (10_000 - row.get("discount", {"bps": 0})["bps"]) / row["per"]


def meanwhile(rows, meter, since, until):
    """The meter's rows that held at some time of [since, until), each once, in the order in which they first did. Offsets and
    windows change at whole minutes only."""
    found = []
    for minute in range(since // MINUTE, max(since // MINUTE + 1, -(-until // MINUTE))):
        row = next(i for i, row in enumerate(rows) if row["meter"] == meter and holds(row, minute))
        if row not in found:
            found.append(row)
    return found


def check_rows(rows):
    for row in rows:
        windowed = any("windows" in other for other in rows if other["meter"] == row["meter"])
        last = [other for other in rows if other["meter"] == row["meter"]][-1]
        if windowed and ("windows" in last or any(key in row for key in ("tiers", "free", "minimum", "strategy"))):
            raise ValueError("rows with windows have one price, and one of them always holds")


def spread(line, field):
    """What fell to each row, cumulative."""
    rows = line[field]
    check_rows(rows)
    if "windowed" not in line:
        if any(line["charged"][meter] for meter in METERS):
            raise ValueError("windowed is missing, though a row has windows")
        return [0] * len(rows)
    begun = line["windowed"]
    quantities = list(begun[field])
    if len(quantities) != len(rows):
        raise ValueError("windowed is of other rows")
    for row in rows:
        if sum(q for q, other in zip(quantities, rows) if other["meter"] == row["meter"]) != begun["before"][row["meter"]]:
            raise ValueError("windowed is not what was charged before")
    at, before = instant(begun["since"]), begun["before"]
    taken = [(instant(r["at"]), {m: min(r["meters"][m], line["caps"][m]) for m in METERS}) for r in begun["readings"]]
    taken.append((max(at, instant(line["end"])), line["charged"]))
    for until, meters in taken:
        if until < at or any(meters[m] < before[m] for m in METERS):
            raise ValueError("the readings are not in order")
        for meter in METERS:
            if meters[meter] > before[meter]:
                held = meanwhile(rows, meter, at, until)
                quantities[min(held, key=lambda i: unit_price(rows[i]))] += meters[meter] - before[meter]
        at, before = until, meters
    return quantities


def check_windowed(line, before):
    """[(field, what is wrong)] of where a windowed line begins: where the attempt's line before it ended."""
    begun = line.get("windowed")
    if begun is None:
        return []
    if not any("windows" in row for row in line["rated"] + line.get("settled", [])):
        return [("since", "no price needs it")]
    if before is None and line["revision"] != 1:
        return []
    first = before is None or "windowed" not in before
    wrong = []
    since = instant(line["start"]) if first else max(instant(before["windowed"]["since"]), instant(before["end"]))
    if instant(begun["since"]) != since:
        wrong.append(("since", "is not where the attempt's record before ended"))
    if begun["before"] != (dict.fromkeys(METERS, 0) if first else before["charged"]):
        wrong.append(("before", "is not what the attempt's record before charged"))
    for field in ("rated", "settled"):
        if field in begun:
            earlier = [0] * len(begun[field]) if first else [row["quantity"] for row in before[field]]
            if begun[field] != earlier:
                wrong.append((field, "is not what the attempt's record before came to"))
    return wrong
