"""The prices of a settlement statement, recomputed: docs/statement.md, "The arithmetic". Integers and fractions only."""
import re
from decimal import Decimal
from fractions import Fraction


def micros(text):
    """'12.5' to 12500000; plain decimals with at most six places."""
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]{1,6})?", text):
        raise ValueError(f"not an amount: {text!r}")
    return int(Decimal(text).scaleb(6))


def rounded(value):
    """A non-negative fraction to the nearest integer, halves up."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def exact(text):
    if not re.fullmatch(r"[0-9]+(\.[0-9]{1,12})?", text):
        raise ValueError(f"not a price: {text!r}")
    return Fraction(text)


def list_price(row, billed):
    """Billed ticks at the row's price, or at its tiers', in micro-units, rounded once."""
    steps = [(0, exact(row["price"]))]
    tiers = row.get("tiers", {"mode": "graduated", "steps": []})
    for step in tiers["steps"]:
        if step["above"] <= steps[-1][0]:
            raise ValueError("tiers don't rise")
        steps.append((step["above"], exact(step["price"])))
    reached = [(above, price) for above, price in steps if billed > above] or steps[:1]
    if tiers["mode"] == "volume":
        total = billed * reached[-1][1]
    elif tiers["mode"] == "graduated":
        ends = [above for above, _ in reached[1:]] + [billed]
        total = sum((end - above) * price for (above, price), end in zip(reached, ends))
    else:
        raise ValueError("tiers are graduated or by volume")
    if "factor" in row:
        total *= exact(row["factor"]["value"])
    return rounded(total * 10**6 / row["per"])


def discounted(row, price, billed):
    discount = row.get("discount")
    if discount is None:
        return price
    if not 1 <= discount["bps"] <= 10_000:
        raise ValueError("not a discount")
    due = price - rounded(Fraction(price * discount["bps"], 10_000))
    return max(due, min(price, micros(row.get("minimum", "0")))) if billed else due


def rate_meter(row, quantity):
    """(quantity, micro-units) of a cumulative reading."""
    billed = quantity - min(quantity, row.get("free", 0))
    price, minimum = list_price(row, billed), micros(row.get("minimum", "0"))
    if billed > 0:
        price = max(price, minimum)
    return quantity, discounted(row, price, billed > 0)


def ceiling(a, b):
    return -(-a // b)


def scow_amount(strategy, held, pool):
    if strategy == "scow:cpusAlloc":
        return held["cores"]
    if strategy == "scow:gpu":
        return held["gpus"]
    if strategy == "scow:max-cpusAlloc-mem":
        return max(held["cores"], ceiling(held["mem_mib"] * pool["cores"], pool["mem_mib"]))
    if strategy == "scow:max-gpu-cpusAlloc":
        return max(held["gpus"], ceiling(held["cores"] * pool["gpus"], pool["cores"]))
    raise ValueError(f"no strategy: {strategy!r}")


def rate_scow(row, line):
    """(amount-hours in units of the last place, micro-units) of a whole job."""
    places, price, minimum = row["places"], exact(row["price"]), micros(row.get("minimum", "0"))
    if not 0 <= places <= 4 or row["per"] != 3_600_000 or "tiers" in row or "free" in row:
        raise ValueError("not a price by strategy")
    seconds = line["charged"]["node_ms"] // line["held"]["nodes"] // 1000
    amount = scow_amount(row["strategy"], line["held"], line.get("pool"))
    if price == 0 or seconds == 0:
        return 0, 0
    hours = rounded(Fraction(seconds * 10**20, 3600))  # to twenty places
    quantity = amount * hours // 10**(20 - places)
    product = quantity * price  # in units of the last place
    charge = rounded(product) * 10**(6 - places) if product * 10**(6 - places) > minimum else minimum
    return quantity, discounted(row, charge, charge > 0)


def split(gross, terms):
    """Prices include tax: tax is its share rounded down, margin of the rest rounded down, the center gets what is left."""
    tax = gross * terms["tax_bps"] // (10_000 + terms["tax_bps"])
    margin = (gross - tax) * terms["margin_bps"] // 10_000
    return {"gross": gross, "center": gross - tax - margin, "margin": margin, "tax": tax}


def split_settled(gross, settled, terms):
    """The same where the center gets what its own prices come to; only with permission more than the sale leaves."""
    tax = gross * terms["tax_bps"] // (10_000 + terms["tax_bps"])
    center = settled if terms.get("may_subsidise", False) else min(settled, gross - tax)
    return {"gross": gross, "center": center, "margin": gross - tax - center, "tax": tax}
