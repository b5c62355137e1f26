"""Runs of bad weather between real processes: proxies on every wire of the federation, kills of what stands at its ends.

    chaos.py [--runs N] [--seed S] [--minutes M] [--summary FILE]

Each run prints its seed and its script. `--seed S --runs 1` repeats one: the same jobs and disturbances at the same times; what the
processes make of them between two milliseconds is their own affair. Needs root.
"""

import argparse
import collections
import json
import os
import random
import shutil
import sys
import time
from decimal import Decimal

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from chaos import checks  # noqa: E402
from chaos.script import Run  # noqa: E402
from chaos.trade import Trade  # noqa: E402
from chaos.weather import Weather  # noqa: E402
from chaos.world import World  # noqa: E402
from lib import process, workdir  # noqa: E402

MOST_S = 120      # from calm to the end of a run's jobs
AUDIT_EVERY = 25  # runs: the whole ledger, all prices and both schedulers
TLS_PATIENCE_S = 90


class Campaign:
    """Many runs on one market."""

    def __init__(self, world):
        self.world = world
        self.states, self.kinds, self.reasons = collections.Counter(), collections.Counter(), collections.Counter()
        self.charged, self.jobs = Decimal(0), set()
        self.attempts, self.seconds = collections.Counter(), []
        self.failures, self.audits = [], 0

    def run(self, run, total):
        began = time.monotonic()
        print(f"[{run.number}/{total}] {run}", flush=True)
        trade, weather = Trade(self.world, run, f"r{run.number}"), Weather(self.world, run)
        trade.start()
        weather.play()
        trade.submitted()
        weather.calm()
        calm_at = time.monotonic()
        self.world.wait_well(MOST_S)
        well_at = time.monotonic()
        trade.wait_all(MOST_S)
        states, charged = checks.check_run(trade)
        self.charged += charged
        self.jobs.update(job["id"] for job in trade.final.values())
        checks.check_wallet(self.world, self.charged)
        checks.check_centers(self.world)
        self.states.update(states)
        self.kinds.update(one.what for one in run.disturbances)
        self.attempts.update(job["attempts"] for job in trade.final.values())
        self.seconds.append(time.monotonic() - began)
        for job in trade.final.values():
            if job["state"] == "failed":
                self.reasons[job.get("reason", "")] += 1
                print(f"    {job['name']} failed: {job.get('reason', '')}", flush=True)
        print(f"    held: {' '.join(f'{count} {state}' for state, count in sorted(states.items()))}, {charged} CNY, "
              f"{self.seconds[-1]:.1f} s (well {well_at - calm_at:.1f} s after calm, jobs over {time.monotonic() - well_at:.1f} s later)", flush=True)

    def audit(self):
        """The dear checks, on everything since the beginning."""
        rated = checks.check_rating(self.world, self.jobs)
        checks.check_ledger(self.world)
        agreed = checks.check_schedulers(self.world)
        self.audits += 1
        print(f"    audit: {rated} attempts cost what the offline program says, the ledger and its projections verify, sacct agrees on {agreed} runs", flush=True)

    def check_tls(self):
        """A spoiled byte ends its connection: TLS noticed. One that met an idle end may take a heartbeat."""
        proxies = [center.proxy for center in self.world.centers.values()]
        process.wait_until(lambda: not any(proxy.still_open_though_spoiled() for proxy in proxies), TLS_PATIENCE_S,
                           "end of the connections with a spoiled byte", interval_s=0.2)
        return sum(proxy.counts["spoiled"] for proxy in proxies)

    def summary(self, seed, wanted):
        done = self.world.messages.rules.done
        return {
            "seed": seed, "runs": len(self.seconds), "wanted": wanted, "failures": self.failures, "audits": self.audits,
            "jobs": dict(self.states), "attempts_of_a_job": dict(self.attempts), "charged_cny": str(self.charged),
            "failed_because": dict(self.reasons), "disturbances": dict(sorted(self.kinds.items())),
            "messages": {f"{action} {kind} {direction}": count for (action, direction, kind), count in sorted(done.items())},
            "seconds_a_run": {"median": round(sorted(self.seconds)[len(self.seconds) // 2], 1), "longest": round(max(self.seconds), 1)} if self.seconds else {},
        }


def run_all(world, seed, runs, out=None, minutes=None):
    """Whether all of them held, or as many as began within `minutes`. One that doesn't ends the campaign: what follows would be about its leftovers."""
    campaign = Campaign(world)
    seeds = random.Random(seed)
    began = time.monotonic()
    try:
        for number in range(1, runs + 1):
            if minutes is not None and time.monotonic() - began > 60 * minutes:
                print(f"{minutes} minutes are over", flush=True)
                break
            # The first run has the campaign's own seed, so that a run is repeated by --seed with --runs 1.
            run = Run.of(number, seed if number == 1 else seeds.randrange(1 << 31), sorted(world.centers))
            try:
                campaign.run(run, runs)
                if number % AUDIT_EVERY == 0:
                    campaign.audit()
            except (AssertionError, RuntimeError, TimeoutError) as error:
                campaign.failures.append({"run": number, "seed": run.seed, "problem": str(error)})
                print(f"    FAILED: {error}\n    repeat it: --runs 1 --seed {run.seed}", flush=True)
                break
        if not campaign.failures:
            spoiled = campaign.check_tls()
            campaign.audit()
            checks.check_statements(world, ROOT)
            print(f"TLS noticed each of {spoiled} spoiled bytes; both centers' statements verify", flush=True)
    except (AssertionError, RuntimeError, TimeoutError) as error:
        campaign.failures.append({"run": 0, "seed": seed, "problem": str(error)})
        print(f"FAILED: {error}", flush=True)
    summary = campaign.summary(seed, runs)
    print(json.dumps(summary, indent=2 if out is None else None), flush=True)
    if out:
        with open(out, "w", encoding="utf-8") as file:
            json.dump(summary, file, indent=2)
    return not campaign.failures


def save_logs(directory, where):
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where)
    for folder, _, names in os.walk(directory):
        for name in names:
            if name.endswith((".log", ".out")):
                shutil.copy(os.path.join(folder, name), f"{where}/{os.path.relpath(os.path.join(folder, name), directory).replace('/', '_')}")


def campaign(seed, runs, out=None, logs=None, minutes=None):
    process.end_on_signals()
    directory = workdir.fresh_dir("bourse-chaos-")
    world = World(os.environ.get("BOURSE_PROGRAMS", f"{ROOT}/build/bin"), directory, os.environ.get("BOURSE_NODE") or shutil.which("node"),
                  f"{ROOT}/tests/idp")
    held = False
    try:
        began = time.monotonic()
        world.start()
        print(f"the market and two Slurm clusters stand after {time.monotonic() - began:.0f} s; seed {seed}", flush=True)
        held = run_all(world, seed, runs, out, minutes)
    finally:
        if logs and not held:
            save_logs(directory, logs)
            print(f"logs: {logs}", flush=True)
        world.stop()
    return held


def main():
    parser = argparse.ArgumentParser(prog="./dev chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one")
    parser.add_argument("--minutes", type=float, default=None, help="begin no run after so long; the checks at the end are made all the same")
    parser.add_argument("--summary", default=f"{ROOT}/.run/chaos/summary.json")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        os.execvp("sudo", ["sudo", "--preserve-env=BOURSE_NODE,BOURSE_PROGRAMS,BOURSE_KEEP", sys.executable, *sys.argv])
    os.makedirs(os.path.dirname(arguments.summary), exist_ok=True)
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 31)
    return 0 if campaign(seed, arguments.runs, arguments.summary, f"{os.path.dirname(arguments.summary)}/logs", arguments.minutes) else 1


if __name__ == "__main__":
    sys.exit(main())
