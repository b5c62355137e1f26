"""Which room may include which: the picture in docs/ARCHITECTURE.md as a table.

A room is a folder with everything below it, unless a longer line names a part of it. A file may include its own room and
the rooms in its list. Rooms of one level may see each other only where a list says so.
"""

BASE = ["base"]
PURE = ["base", "pricing", "evidence", "ledger/domain", "broker/domain"]
WIRE = ["base", "federation-proto", "bourse"]  # `bourse/…pb.h` is generated from federation-proto
BROKER = PURE + ["broker/app", "broker/adapters", "ledger"] + WIRE

# room: (level, rooms it may include)
ROOMS = {
    "base": (0, []),
    "pricing": (1, BASE),
    "evidence": (1, BASE),
    "jobscript": (1, BASE),
    "ledger/domain": (1, BASE),
    "broker/domain": (1, ["base", "pricing", "evidence", "ledger/domain"]),
    "broker/app": (2, PURE),
    "ledger/app": (2, ["base", "ledger/domain"]),
    "federation-proto": (2, ["base", "bourse"]),
    "broker/adapters": (3, BROKER),
    "broker/adapters/api": (3, BROKER + ["broker/adapters", "bank", "reconciliation", "jobscript"]),
    "ledger/projection": (3, ["base", "ledger/domain", "ledger/app"]),
    "gateway": (3, WIRE),
    "connectors": (3, ["evidence", "pricing", "reconciliation"] + WIRE),
    "bank": (3, BASE),
    "reconciliation": (3, BASE),
    "documents": (3, ["pricing", "evidence", "broker/adapters"] + WIRE),
    "broker/sim": (4, BROKER),
    "broker/daemon": (4, BROKER + ["broker/sim"]),
    "gateway/daemon": (4, ["gateway"] + WIRE),
    "connectors/daemon": (4, ["connectors", "evidence", "pricing"] + WIRE),
    "cli": (4, BROKER + ["bank", "reconciliation", "gateway", "connectors", "documents", "jobscript"]),
    "bench": (4, BROKER + ["gateway", "connectors", "cli"]),
}
FREE = ("tests",)  # programs that test the whole may see the whole

# Levels 0 to 2 hold plain types: what these headers bring lives behind an adapter.
PLAIN_LEVEL = 2
HEAVY = (
    "google/protobuf", "grpc", "boost/", "nlohmann/", "pqxx/", "libpq", "postgresql/", "hiredis/", "sodium", "cjose/",
    "curl/", "toml++/", "CLI/", "spdlog/", "prometheus/", "openssl/", "sqlite3", "libxml/",
)
HEAVY_ALLOWED = {
    # What these are for is to hide the header from everybody else.
    "base/sha256.cc": ("openssl/",),
    "federation-proto": ("google/protobuf", "grpc", "openssl/", "sodium", "nlohmann/"),
}


def room_of(path):
    """The longest room that `path` is in, or None for files outside the table."""
    best = None
    for room in ROOMS:
        if (path == room or path.startswith(room + "/")) and (best is None or len(room) > len(best)):
            best = room
    return best


def may_include(path, header):
    """None if `path` may include the project's `header`, else why not."""
    if path.startswith(tuple(f"{room}/" for room in FREE)):
        return None
    here, there = room_of(path), room_of(header)
    if header.startswith("bourse/"):
        there = "bourse"
    if here is None or there is None or here == there:
        return None
    level, allowed = ROOMS[here]
    if any(there == room or there.startswith(room + "/") and ROOMS.get(there, (0,))[0] <= level for room in allowed):
        return None
    target = ROOMS.get(there, (None,))[0]
    if target is not None and target > level:
        return f"an upward edge: {here} (level {level}) includes {there} (level {target})"
    return f"{here} may not include {there}: it sees {', '.join(allowed) or 'nothing'}"


def heavy(path, header):
    """True if `header` is one of those that rooms of plain types must not see, and `path` is in such a room."""
    room = room_of(path)
    if room is None or ROOMS[room][0] > PLAIN_LEVEL:
        return False
    allowed = next((prefixes for where, prefixes in HEAVY_ALLOWED.items() if path == where or path.startswith(where + "/")), ())
    if header.startswith(allowed):
        return False
    return header.startswith(HEAVY) or (header.endswith((".pb.h",)) and room != "federation-proto")
