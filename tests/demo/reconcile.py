"""The books against what each real scheduler accounted for, by the command that a center's finance office would run."""

import datetime
import json

from demo.market import CommandError

FIELDS = "JobIDRaw,State,Submit,Start,End,ElapsedRaw,Suspended,ExitCode,AllocTRES,JobName"
DIFFERS = 8  # exit code


def accounting_of(center):
    return center.cluster.run(["env", "SLURM_TIME_FORMAT=%s", "sacct", "--allusers", "--allocations", "--duplicates", "--parsable2",
                               "--starttime=now-1day", f"--format={FIELDS}"]).stdout


def reconcile(person, center, accounting):
    """Exit code and reply."""
    today = datetime.datetime.now(datetime.timezone.utc).date()
    argv = ["reconcile", "center", center.name, "-", "--from", today - datetime.timedelta(days=1), "--to", today]
    try:
        return 0, person.ask(*argv, stdin=accounting)
    except CommandError as error:
        return error.code, json.loads(error.out or "{}")


def without_a_minute(accounting, marker):
    """The same, but that run of ours ran for a minute less, or not at all."""
    lines = []
    for line in accounting.splitlines(keepends=True):
        fields = line.split("|")
        if line.rstrip("\n").endswith(marker):
            fields[5] = str(max(0, int(fields[5]) - 60))
        lines.append("|".join(fields))
    return "".join(lines)


def check_reconciliation(checks, people, centers):
    fiona = people["fiona"]
    for center in centers:
        if not hasattr(center, "cluster"):
            continue
        accounting = accounting_of(center)
        code, reply = reconcile(fiona, center, accounting)
        checks.that(code == 0 and reply.get("findings") == 0 and reply.get("agreed", 0) > 0 and reply["accounted"] == reply["agreed"],
                    f"{center.name}: sacct and the books agree on all {reply.get('agreed')} runs")
        ours = [line for line in accounting.splitlines() if "|bourse-" in line and "|COMPLETED|" in "|" + line and int(line.split("|")[5]) > 1]
        marker = ours[0].rsplit("|", 1)[1]
        code, reply = reconcile(fiona, center, without_a_minute(accounting, marker))
        found = [b for b in fiona.ask("break", "list", "--center", center.name)["breaks"] if marker.split("-")[1] in b["id"]]
        alone = code == DIFFERS and reply.get("findings") == 1 and len(found) == 1
        checks.that(alone, f"{center.name}: a run that sacct has otherwise is found, and no other" + ("" if alone else f": {code} {reply} {found}"))
        if found:
            fiona.run("break", "assign", found[0]["id"])
            fiona.run("break", "explain", found[0]["id"], "made so, to see that it is found")
            left = fiona.ask("break", "list", "--center", center.name).get("breaks", [])
            checks.that(not left, f"{center.name}: explained, it is off the list")
        code, _ = reconcile(fiona, center, accounting)
        checks.that(code == 0, f"{center.name}: with its own accounting again there is no difference")
    checks.that(not fiona.ask("break", "list", "--all").get("breaks"), "no break is open: usage, bank, payouts, top-ups, days")
