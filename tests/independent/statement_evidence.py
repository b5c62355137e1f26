"""The evidence tree of a settlement statement: docs/statement.md, "The evidence tree". RFC 6962's hashes."""
import base64
import hashlib

REPORT = "application/vnd.bourse.report.v1+protobuf"
CHECKPOINT = "application/vnd.bourse.checkpoint.v1+protobuf"


def sha256(data):
    return hashlib.sha256(data).digest()


def range_root(first, count, leaves, proof):
    """The root over `count` leaves from `first`: known leaves where there are any, else the proof's next hash."""
    if not any(first <= index < first + count for index in leaves):
        return next(proof)
    if count == 1:
        return leaves[first]
    left = 1
    while 2 * left < count:
        left *= 2
    inside = {index: leaf for index, leaf in leaves.items() if first <= index < first + left}
    beyond = {index: leaf for index, leaf in leaves.items() if first + left <= index < first + count}
    return sha256(b"\1" + range_root(first, left, inside, proof) + range_root(first + left, count - left, beyond, proof))


def proven_root(size, leaves, proof):
    """The root that leaves and proof make; None if they don't fit each other."""
    if size == 0:
        return sha256(b"") if not leaves and not proof else None
    rest = iter(proof)
    try:
        root = range_root(0, size, leaves, rest)
    except (StopIteration, RuntimeError):
        return None
    return root if next(rest, None) is None else None


def check_evidence(statement, expected, fields, one, pae, verifies):
    """What is wrong with it. `expected`: the signing key, the market, the center's bytes, the period's end. `fields` and `one` read protobuf, `verifies` signatures (verify_statement.py)."""
    if "evidence" not in statement:
        return []
    if statement["format"] == "bourse.statement.v2":
        return ["evidence: version 2 doesn't have it"]
    wrong, evidence = [], statement["evidence"]
    key, market, center, cut_off = expected
    envelope = fields(base64.b64decode(evidence["checkpoint"], validate=True))
    payload, kind = one(envelope, 1, b""), one(envelope, 2, b"").decode()
    if kind != CHECKPOINT or not verifies(key, kind, payload, one(envelope, 4, b"")):
        return ["evidence.checkpoint: is not signed by the key of this statement"]
    checkpoint = fields(payload)
    if one(checkpoint, 2, b"").decode() != market:
        wrong.append("evidence.checkpoint: is of another market")
    if one(checkpoint, 3, b"") != center:
        wrong.append("evidence.checkpoint: is of another center")
    if one(checkpoint, 6, 0) < cut_off:
        wrong.append("evidence.checkpoint: is older than the period's end")
    size, root = one(checkpoint, 4, 0), one(checkpoint, 5, b"")
    leaves = {}
    for report in statement["reports"]:
        signed = one(fields(base64.b64decode(report["envelope"])), 1, b"")
        if report["leaf"] in leaves:
            wrong.append(f"reports: two of them are leaf {report['leaf']}")
        leaves[report["leaf"]] = sha256(b"\0" + pae(REPORT, signed))
    if any(not 0 <= index < size for index in leaves):
        return wrong + ["reports: a leaf is beyond the tree"]
    if proven_root(size, leaves, [bytes.fromhex(text) for text in evidence["proof"]]) != root:
        wrong.append("evidence.proof: doesn't make the checkpoint's root")
    return wrong
