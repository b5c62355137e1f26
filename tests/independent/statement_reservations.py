"""Reservations in a settlement statement: what they earned, and the jobs that they carried. docs/statement.md."""
from fractions import Fraction

from statement_prices import micros, rounded, split, split_settled

PARTS = ("gross", "center", "margin", "tax")
CLOCKS_APART_MS = 300_000  # a center's clock from the broker's, at most
LOCKED = ("account", "pool", "what", "quantity", "price_row", "price", "days", "terms", "settlement")


def parts(document):
    return {part: micros(document[part]) for part in PARTS}


def earned_gross(accrual, before):
    """What a reservation has earned after an accrual: its price in a straight line, or a part of the rest when it ended early."""
    price, days = micros(accrual["price"]), accrual["days"]
    if not 0 <= before <= price or days < 1:
        raise ValueError("not a reservation's accrual")
    if "fee_bps" in accrual:
        if not 0 <= accrual["fee_bps"] <= 10_000 or "days_over" in accrual:
            raise ValueError("not an early end's fee")
        return before + rounded(Fraction((price - before) * accrual["fee_bps"], 10_000))
    if not 0 <= accrual["days_over"] <= days:
        raise ValueError("more days are over than there are")
    return rounded(Fraction(price * accrual["days_over"], days))


def earned_parts(accrual, gross):
    """Whose the first `gross` of a reservation is."""
    if "settlement" not in accrual:
        return split(gross, accrual["terms"])
    settled = rounded(Fraction(micros(accrual["settlement"]) * gross, micros(accrual["price"])))
    return split_settled(gross, settled, accrual["terms"])


def check_accruals(statement):
    """What all of them earned for the center, and the differences."""
    out = []

    def same(place, said, computed):
        if said != computed:
            out.append(f"{place}: says {said}, computes to {computed}")

    if "accruals" not in statement:
        return 0, out
    sums, newest = dict.fromkeys(PARTS, 0), {}
    for i, one in enumerate(statement["accruals"]):
        place, before = f"accruals[{i}]", newest.get(one["reservation"])
        cumulative, previous, added = parts(one["cumulative"]), parts(one["previous"]), parts(one["added"])
        if one["what"] not in ("node", "card"):
            out.append(f"{place}.what: is neither a node nor a card")
        same(place + ".previous", previous, earned_parts(one, previous["gross"]))
        same(place + ".cumulative", cumulative, earned_parts(one, earned_gross(one, previous["gross"])))
        same(place + ".added", added, {part: cumulative[part] - previous[part] for part in PARTS})
        if added["gross"] < 0:
            out.append(f"{place}.added: is below zero")
        if before is not None:
            same(place + ".previous", previous, parts(before["cumulative"]))
            for key in LOCKED:
                same(f"{place}.{key}", one.get(key), before.get(key))
            if "fee_bps" in before or one.get("days_over", one["days"] + 1) <= before["days_over"]:
                out.append(f"{place}: does not go on from the accrual before")
        newest[one["reservation"]] = one
        sums = {part: sums[part] + added[part] for part in PARTS}
    same("accrued", parts(statement["accrued"]), sums)
    return sums["center"], out


def check_carried(statement, unix_ms):
    """The differences of lines that cost nothing because a reservation of this center and of their account carried them."""
    known, out = {one["id"]: one for one in statement.get("reservations", [])}, []
    carried = [(f"lines[{i}]", line) for i, line in enumerate(statement["lines"]) if "reservation" in line or "account" in line]
    if (known or carried or "accruals" in statement) and statement["format"] not in ("bourse.statement.v4", "bourse.statement.v5"):
        out.append("format: versions before 4 have no reservations")
    ids = [one["id"] for one in statement.get("reservations", [])]
    if ids != sorted(set(ids)):
        out.append("reservations: one is there twice, or they are out of order")
    for one in known.values():
        if one["center"] != statement["center"]["id"]:
            out.append(f"reservations: {one['id']} is another center's")
        if one["quantity"] < 1 or unix_ms(one["until"]) <= unix_ms(one["from"]) or one["what"] not in ("node", "card"):
            out.append(f"reservations: {one['id']} is none")
        if not any(line["reservation"] == one["id"] for _, line in carried):
            out.append(f"reservations: no line names {one['id']}")
    for place, line in carried:
        carrier = known.get(line["reservation"])
        if carrier is None:
            out.append(f"{place}.reservation: is not among the reservations")
            continue
        if line["account"] != carrier["account"]:
            out.append(f"{place}.account: the reservation is another account's")
        if any(line["charged"].values()) and unix_ms(line["start"]) + CLOCKS_APART_MS < unix_ms(carrier["from"]):
            out.append(f"{place}.reservation: begins later than this usage")
        free = all(Fraction(row["price"]) == 0 and micros(row["amount"]) == 0 for row in line["rated"])
        if not free or "settled" in line or micros(line["cumulative"]["gross"]) != 0:
            out.append(f"{place}: is not free, though a reservation carried it")
    for i, one in enumerate(statement.get("accruals", [])):
        carrier = known.get(one["reservation"])
        if carrier and any(carrier[key] != one[key] for key in ("account", "pool", "what", "quantity")):
            out.append(f"accruals[{i}]: is not what is said of its reservation")
    return out
