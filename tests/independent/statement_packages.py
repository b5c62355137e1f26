"""What packages of 度 gave for a line of a settlement statement, recomputed: docs/statement.md, "Packages"."""
from fractions import Fraction

from statement_prices import micros, rounded


def package_money(one):
    """Of the package's price, what goes with its 度 up to `used_after`, less what went before."""
    amount, price, moved = micros(one["amount"]), micros(one["price"]), micros(one["moved_before"])
    before, after = micros(one["used_before"]), micros(one["used_after"])
    if not 0 <= before < after <= amount or not 0 < price or not 0 <= moved <= price:
        raise ValueError("a package gave what it hasn't")
    if after == amount:
        return price - moved
    return min(max(rounded(Fraction(price * after, amount)) - moved, 0), price - moved)


def check_packages(line, rated, before):
    """(field, what is wrong) of a line that packages paid; `rated`: micro-度 that its rows come to; `before`: the attempt's line before."""
    du, wrong = line["du"], []
    if micros(du["cumulative"]) != rated:
        wrong.append(("cumulative", f"says {du['cumulative']}, computes to {rated} micro-DU"))
    if micros(du["added"]) != rated - micros(du["previous"]):
        wrong.append(("added", "is not cumulative less previous"))
    previous = micros(before["du"]["cumulative"]) if before is not None else 0
    if (before is not None or line["revision"] == 1) and micros(du["previous"]) != previous:
        wrong.append(("previous", "is not what the attempt's record before came to"))
    if len({one["lot"] for one in du["lots"]}) != len(du["lots"]):
        wrong.append(("lots", "lists one twice"))
    for i, one in enumerate(du["lots"]):
        if micros(one["money"]) != package_money(one):
            wrong.append((f"lots[{i}].money", f"says {one['money']}, computes to {package_money(one)} micro-units"))
    if sum(micros(one["used_after"]) - micros(one["used_before"]) for one in du["lots"]) != micros(du["added"]):
        wrong.append(("lots", "gave other than what was added"))
    if sum(micros(one["money"]) for one in du["lots"]) != micros(line["added"]["gross"]):
        wrong.append(("lots", "are not the money that was added"))
    return wrong
