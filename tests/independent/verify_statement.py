#!/usr/bin/python3
"""Verifies a settlement statement without a line of Bourse's own code.

usage: verify_statement.py FILE [--ack-key HEX]

Written from docs/statement.md and the protobuf contract alone, with Python's standard library and PyNaCl (Debian:
python3-nacl), integer and decimal arithmetic only. Exit code 0: the statement holds. 1: it doesn't, with every difference
found on stderr. 2: usage.
"""
import argparse
import base64
import hashlib
import json
import re
import sys
from datetime import datetime, timezone

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from statement_completeness import check_completeness
from statement_evidence import check_evidence
from statement_fees import check_fees
from statement_packages import check_packages
from statement_prices import micros, rate_meter, rate_scow, split, split_settled
from statement_reservations import check_accruals, check_carried
from statement_windows import check_windowed, spread

METERS = ("core_ms", "gpu_ms", "node_ms", "mem_mib_s")
PARTS = ("gross", "center", "margin", "tax")
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

differences = []


def differ(place, what):
    differences.append(f"{place}: {what}")


def same(place, said, computed):
    if said != computed:
        differ(place, f"says {said}, computes to {computed}")


# ---- texts to values -------------------------------------------------------------------------------------------------

def unix_ms(text):
    fraction = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{3}))?Z", text)
    if not fraction:
        raise ValueError(f"not an instant: {text!r}")
    moment = datetime.strptime(fraction.group(1), "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    seconds = (moment - datetime(1970, 1, 1, tzinfo=timezone.utc))
    return (seconds.days * 86400 + seconds.seconds) * 1000 + int(fraction.group(2) or 0)


def id_bytes(text, prefix):
    """'job_01J…' to its 16 bytes: 26 characters of Crockford's base 32, most significant first."""
    kind, _, digits = text.partition("_")
    if kind != prefix or len(digits) != 26:
        raise ValueError(f"not a {prefix} id: {text!r}")
    value = 0
    for digit in digits.upper():
        value = value * 32 + CROCKFORD.index(digit)
    return value.to_bytes(17, "big")[-16:]


# ---- signatures ------------------------------------------------------------------------------------------------------

def pae(kind, payload):
    kind = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def verifies(key, kind, payload, signature):
    try:
        VerifyKey(key).verify(pae(kind, payload), signature)
        return True
    except (BadSignatureError, ValueError, TypeError):
        return False


# ---- protobuf, by hand -----------------------------------------------------------------------------------------------

def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a varint is too long")


def fields(data):
    """[(number, value)]: integers for varints, bytes for what has a length."""
    at, out = 0, []
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        elif tag & 7 == 2:
            size, at = varint(data, at)
            value = data[at:at + size]
            if len(value) != size:
                raise ValueError("a field is cut short")
            at += size
        else:
            raise ValueError(f"wire type {tag & 7} has no place here")
        out.append((tag >> 3, value))
    return out


def one(pairs, number, default):
    found = [value for n, value in pairs if n == number]
    if len(found) > 1:
        raise ValueError(f"field {number} is given twice")
    return found[0] if found else default


def signed_records(statement, billing_key):
    """{(report sha256, record id): fields of the usage record} of every report whose signature holds."""
    records, center = {}, id_bytes(statement["center"]["id"], "ctr")
    for i, report in enumerate(statement["reports"]):
        place = f"reports[{i}]"
        envelope = fields(base64.b64decode(report["envelope"], validate=True))
        payload, kind, signature = one(envelope, 1, b""), one(envelope, 2, b"").decode(), one(envelope, 4, b"")
        same(place + ".type", kind, "application/vnd.bourse.report.v1+protobuf")
        same(place + ".sha256", report["sha256"], hashlib.sha256(payload).hexdigest())
        if not verifies(billing_key, kind, payload, signature):
            differ(place, "is not signed by the center's billing key")
            continue
        body = fields(payload)
        same(place + ".audience", one(body, 2, b"").decode(), statement["market"])
        if one(body, 3, b"") != center:
            differ(place, "is another center's")
        for record in (value for number, value in body if number == 10):
            usage = one(fields(record), 2, None)
            if usage is not None:
                usage = fields(usage)
                records[report["sha256"], one(usage, 1, b"")] = usage
    return records


# ---- money -----------------------------------------------------------------------------------------------------------

def check_held(place, line):
    """What was held is what the caps are of: allocation × walltime."""
    strategies = [row["strategy"] for row in line["rated"] + line.get("settled", []) if "strategy" in row]
    if not any(strategy.startswith("scow:max-") for strategy in strategies) and "pool" in line:
        differ(place + ".pool", "no price needs it")
    if not strategies:
        if "held" in line:
            differ(place + ".held", "no price needs it")
        return
    held = line["held"]
    walltime = line["caps"]["node_ms"] // held["nodes"]
    caps = {"core_ms": held["cores"] * walltime, "gpu_ms": held["gpus"] * walltime, "node_ms": held["nodes"] * walltime,
            "mem_mib_s": held["mem_mib"] * walltime // 1000}
    same(place + ".held", line["caps"], caps)


def parts(document):
    return {part: micros(document[part]) for part in PARTS}


# ---- the statement ---------------------------------------------------------------------------------------------------

def check_record(place, line, record):
    for name, number, said in (("job", 2, id_bytes(line["job"], "job")), ("attempt", 3, id_bytes(line["attempt"], "att")),
                               ("order", 5, bytes.fromhex(line["order"]))):
        if one(record, number, b"") != said:
            differ(f"{place}.{name}", "is not what the signed record says")
    same(place + ".start", unix_ms(line["start"]), one(record, 7, 0))
    same(place + ".end", unix_ms(line["end"]), one(record, 8, 0))
    same(place + ".final", line["final"], bool(one(record, 9, 0)))
    same(place + ".revision", line["revision"], one(record, 10, 0))
    for number, meter in enumerate(METERS, 12):
        same(f"{place}.reported.{meter}", line["reported"][meter], one(record, number, 0))
    if "windowed" in line:
        said = [[unix_ms(each["at"])] + [each["meters"][meter] for meter in METERS] for each in line["windowed"]["readings"]]
        readings = [fields(value) for number, value in record if number == 17]
        same(place + ".windowed.readings", said, [[one(each, number, 0) for number in range(1, 6)] for each in readings])


def check_included(place, row, rows, line):
    """A meter that is part of the 度 of another row: it is shown, and costs nothing."""
    owner = [one for one in rows if one["row"] == row["row"] and not one.get("included")]
    if len(owner) != 1 or row["meter"] not in owner[0].get("factor", {"includes": []})["includes"]:
        differ(place, "is included in no row")
    if any(one["meter"] == row["meter"] for one in rows if one is not row):
        differ(place, "is rated beside")
    same(place + ".quantity", row["quantity"], line["charged"][row["meter"]])
    same(place + ".amount", micros(row["amount"]), 0)


def check_rated(place, line, field):
    """What the rows named in `field` come to, each recomputed."""
    rows, total, rated = line[field], 0, set()
    by_strategy = any("strategy" in row for row in rows)
    if by_strategy and len(rows) != 1:
        raise ValueError(f"{place}.{field}: a price by strategy is for the whole job")
    windows = spread(line, field) if any("windows" in row for row in rows) else None
    for i, row in enumerate(rows):
        if row.get("included"):
            check_included(f"{place}.{field}[{i}]", row, rows, line)
            rated.add(row["meter"])
            continue
        if row["meter"] not in METERS or (row["meter"] in rated and not windows) or row["per"] < 1:
            differ(f"{place}.{field}[{i}]", "no meter, or one rated twice")
            continue
        rated.add(row["meter"])
        reading = windows[i] if windows else line["charged"][row["meter"]]
        quantity, amount = rate_scow(row, line) if by_strategy else rate_meter(row, reading)
        same(f"{place}.{field}[{i}].quantity", row["quantity"], quantity)
        same(f"{place}.{field}[{i}].amount", micros(row["amount"]), amount)
        total += amount
    for meter in METERS:
        if line["charged"][meter] and meter not in rated and not by_strategy:
            differ(f"{place}.{field}", f"{meter} is charged without a price")
    return total


def check_line(place, line, before):
    for meter in METERS:
        same(f"{place}.charged.{meter}", line["charged"][meter], min(line["reported"][meter], line["caps"][meter]))
    check_held(place, line)
    gross = check_rated(place, line, "rated")
    if before is not None and ("du" in line) != ("du" in before):
        raise ValueError(f"{place} is paid otherwise than the attempt's line before")
    if "du" in line:
        for field, wrong in check_packages(line, gross, before):
            differ(f"{place}.du.{field}", wrong)
        gross = micros(line["previous"]["gross"]) + sum(micros(one["money"]) for one in line["du"]["lots"])
    if "settled" in line:
        computed = split_settled(gross, check_rated(place, line, "settled"), line["terms"])
    else:
        computed = split(gross, line["terms"])
    for field, wrong in check_windowed(line, before):
        differ(f"{place}.windowed.{field}", wrong)
    cumulative, previous, added = parts(line["cumulative"]), parts(line["previous"]), parts(line["added"])
    same(place + ".cumulative", cumulative, computed)
    same(place + ".added", added, {part: cumulative[part] - previous[part] for part in PARTS})
    if before is not None:
        same(place + ".revision", line["revision"], before["revision"] + 1)
        same(place + ".previous", previous, parts(before["cumulative"]))
        if before["final"]:
            differ(place, "follows the attempt's final record")
    elif line["revision"] == 1:
        same(place + ".previous", previous, dict.fromkeys(PARTS, 0))
    return added


def check(statement):
    if statement["format"] not in ("bourse.statement.v2", "bourse.statement.v3", "bourse.statement.v4", "bourse.statement.v5"):
        differ("format", "is none of the versions 2 to 5")
    if statement["format"] not in ("bourse.statement.v4", "bourse.statement.v5") and any("du" in line for line in statement["lines"]):
        differ("lines", "versions before 4 have no packages")
    records = signed_records(statement, bytes.fromhex(statement["center"]["billing_key"]))
    sums, newest, charged = dict.fromkeys(PARTS, 0), {}, set()
    for i, line in enumerate(statement["lines"]):
        place = f"lines[{i}]"
        if line["record"] in charged:
            differ(place + ".record", "is charged twice")
        charged.add(line["record"])
        record = records.get((line["report"], id_bytes(line["record"], "usg")))
        if record is None:
            differ(place + ".record", "is in no signed report of this statement")
        else:
            check_record(place, line, record)
        added = check_line(place, line, newest.get(line["attempt"]))
        newest[line["attempt"]] = line
        sums = {part: sums[part] + added[part] for part in PARTS}
    same("totals", parts(statement["totals"]), sums)
    opening, payout, closing = (micros(statement[field]) for field in ("opening", "payout", "closing"))
    same("payout", payout, sum(micros(one["amount"]) for one in statement["payouts"]))
    earned, wrong = check_accruals(statement)
    differences.extend(wrong)
    differences.extend(check_carried(statement, unix_ms))
    fee, wrong = check_fees(statement)
    differences.extend(wrong)
    same("closing", closing, opening + sums["center"] + check_adjustments(statement)["center"] - payout + earned - fee)


MOVED = ("user", "center", "margin", "tax", "escrow")


def share(charge, gross):
    """The parts of the first `gross` of a charge: tax in proportion, the center's share of the net in proportion, both cut."""
    tax = charge["tax"] * gross // charge["gross"]
    net, whole = gross - tax, charge["gross"] - charge["tax"]
    center = charge["center"] * net // whole if whole else 0
    return {"center": center, "margin": net - center, "tax": tax}


def moved_by(place, one):
    """What an adjustment of its kind must move."""
    charge, base, amount = parts(one["charge"]), micros(one["base"]), micros(one["amount"])
    user = micros(one["parts"]["user"])
    same(place + ".charge", charge["gross"], charge["center"] + charge["margin"] + charge["tax"])
    if not 0 < amount <= base <= charge["gross"] or not 0 <= user <= amount:
        raise ValueError(f"{place} is not within its charge")
    if (one["dispute"] is None) != (one["kind"] == "refund"):
        differ(place + ".dispute", "is missing, or not of this kind")
    top = share(charge, base)
    frozen = top["center"] - share(charge, base - amount)["center"]
    left = share(charge, base - user)
    back = {part: top[part] - left[part] for part in left}
    if one["kind"] == "refund":
        same(place + ".parts.user", user, amount)
        return {"user": user, "center": -back["center"], "margin": -back["margin"], "tax": -back["tax"], "escrow": 0}
    if one["kind"] == "dispute_opened":
        return {"user": 0, "center": -frozen, "margin": 0, "tax": 0, "escrow": frozen}
    if one["kind"] == "dispute_resolved":
        return {"user": user, "center": frozen - back["center"], "margin": -back["margin"], "tax": -back["tax"],
                "escrow": -frozen}
    raise ValueError(f"{place}.kind is unknown")


def check_adjustments(statement):
    """Σ of what the adjustments move."""
    sums, seen = dict.fromkeys(MOVED, 0), set()
    for i, one in enumerate(statement["adjustments"]):
        place = f"adjustments[{i}]"
        if one["id"] in seen:
            differ(place + ".id", "is listed twice")
        seen.add(one["id"])
        moved = {part: micros(one["parts"][part]) for part in MOVED}
        same(place + ".parts", moved, moved_by(place, one))
        sums = {part: sums[part] + moved[part] for part in MOVED}
    same("adjusted", {part: micros(statement["adjusted"][part]) for part in MOVED}, sums)
    return sums


def unique(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError("a JSON key is given twice")
    return dict(pairs)


def no_float(text):
    raise ValueError(f"a number is not an integer: {text}")


def load(data):
    return json.loads(data, object_pairs_hook=unique, parse_float=no_float, parse_constant=no_float)


def verify(data, ack_key):
    file = load(data)
    body = base64.b64decode(file["payload"], validate=True)
    same("format", file["format"], "bourse.statement-file.v1")
    same("payload_type", file["payload_type"], "application/vnd.bourse.statement.v1+json")
    same("sha256", file["sha256"], hashlib.sha256(body).hexdigest())
    if ack_key and file["key"] != ack_key:
        differ("key", "is not the pinned one")
    key = bytes.fromhex(ack_key or file["key"])
    if not verifies(key, file["payload_type"], body, base64.b64decode(file["signature"], validate=True)):
        differ("signature", "does not verify")
    statement = load(body)
    check(statement)
    period = statement["period"]
    differences.extend(check_completeness(statement, unix_ms(period["opened_at"]), unix_ms(period["cut_off"]), fields, one))
    differences.extend(check_evidence(
        statement, (key, statement["market"], id_bytes(statement["center"]["id"], "ctr"), unix_ms(statement["period"]["cut_off"])),
        fields, one, pae, verifies))
    return statement


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--ack-key", metavar="HEX", help="the broker's key from the join bundle; else the file's own")
    arguments = parser.parse_args()
    statement = {}
    try:
        with open(arguments.file, "rb") as source:
            statement = verify(source.read(), arguments.ack_key)
    except OSError as error:
        parser.error(str(error))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        differ("document", f"can't be read: {error!r}")
    for difference in differences:
        print(difference, file=sys.stderr)
    if differences:
        return 1
    print(f"verified: {statement['center']['name']}, period {statement['period']['number']}: {len(statement['lines'])} lines, "
          f"{statement['totals']['center']} {statement['unit']} to the center")
    return 0


if __name__ == "__main__":
    sys.exit(main())
