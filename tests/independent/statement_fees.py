"""The fixed fees of a settlement statement: docs/statement.md, "The arithmetic"."""
from calendar import monthrange
from datetime import datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from statement_prices import micros, rounded
from statement_windows import EPOCH, instant

MOST = 10**15  # a fee, in micro-units


def day_begun(zone, ms):
    """The newest day that has begun by then, by the clock of the zone."""
    where, at = ZoneInfo(zone or "UTC"), EPOCH + timedelta(milliseconds=ms)
    day = at.astimezone(where).date()
    tomorrow = datetime.combine(day + timedelta(days=1), time(), tzinfo=where)
    return tomorrow.date() if tomorrow <= at else day


def fee_before(monthly, day):
    """What the months before the day's cost, and of its own month the days before it."""
    months = 12 * day.year + day.month - 1
    return monthly * months + rounded(Fraction(monthly * (day.day - 1), monthrange(day.year, day.month)[1]))


def check_fees(statement):
    """What all of them come to, and the differences."""
    out, total, reached, seen = [], 0, None, set()
    if "fees" not in statement:
        return 0, ["fee: is there without fees"] if "fee" in statement else []
    if not statement["fees"]:
        out.append("fees: is there without any")
    if statement["format"] != "bourse.statement.v5":
        out.append("format: versions before 5 have no fees")
    end = instant(statement["period"]["opened_at"])
    for i, one in enumerate(statement["fees"]):
        place, monthly, amount = f"fees[{i}]", micros(one["monthly_fee"]), micros(one["amount"])
        since, until = instant(one["from"]), instant(one["until"])
        if since < end or until <= since or until > instant(statement["period"]["cut_off"]):
            out.append(f"{place}: is not of this period, or begins before the end of the one before")
        if one["contract"] in seen or not 0 < monthly <= MOST or not 0 <= one["tax_bps"] <= 10_000:
            out.append(f"{place}: is no contract's fee, or its second")
        first, last = day_begun(one["zone"], since), day_begun(one["zone"], until)
        if reached is not None and first < reached:
            out.append(f"{place}.from: is on a day that is charged already")
        if amount <= 0 or amount != fee_before(monthly, last) - fee_before(monthly, first):
            out.append(f"{place}.amount: is not what that time costs")
        if micros(one["tax"]) != amount * one["tax_bps"] // (10_000 + one["tax_bps"]):
            out.append(f"{place}.tax: is not the tax in it")
        end, reached, total = until, last, total + amount
        seen.add(one["contract"])
    if micros(statement["fee"]) != total:
        out.append("fee: is not the sum of the fees")
    return total, out
