"""One run's jobs: submitted whatever the weather, each writing one line to a file of its own when it starts."""

import os
import threading
import time

from demo.market import CommandError
from lib import process

FINAL = {"ended", "failed", "cancelled"}
REFUSED, TRY_AGAIN, UNKNOWN = 3, 6, 7  # exit codes; the last two are repeated with the same key
PATIENCE_S = 60

SCRIPT = """#!/bin/sh
echo "$BOURSE_JOB_ID" >> {mark}
sleep {sleep_s}
"""


class Trade:
    def __init__(self, world, run, stamp):
        self.world, self.run, self.stamp = world, run, stamp
        self.alice = world.people["alice"]
        self.jobs = {}     # name → id
        self.refused = {}  # name → what the market said
        self.final = {}    # name → the job at its end
        self._threads, self._problems = [], []

    def mark(self, work):
        return f"{self.world.marks}/{self.stamp}-{work.name}"

    def start(self):
        began = time.monotonic()
        for work in self.run.works:
            thread = threading.Thread(target=self._guarded, args=(work, began + work.at_s), daemon=True)
            self._threads.append(thread)
            thread.start()

    def submitted(self):
        """Waits for all submissions to be answered."""
        for thread in self._threads:
            thread.join(3 * PATIENCE_S)
        if self._problems:
            raise self._problems[0]

    def _guarded(self, work, at):
        try:
            time.sleep(max(0.0, at - time.monotonic()))
            self._submit(work)
        except Exception as error:  # pylint: disable=broad-except
            self._problems.append(error)

    def _insist(self, *argv, stdin=""):
        """Again while the outcome is unknown or better later; the key makes that one act."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.alice.ask(*argv, stdin=stdin)
            except CommandError as error:
                if error.code not in (TRY_AGAIN, UNKNOWN) or time.monotonic() > deadline:
                    raise
            time.sleep(0.3)

    def _submit(self, work):
        center = ("--center", work.center) if work.center else ()
        try:
            job = self._insist("submit", "-", "--name", work.name, "--cores", work.cores, "--memory", "128MiB", "--time", "5m", "--objective",
                               work.objective, *center, "--idempotency-key", f"{self.stamp}-{work.name}",
                               stdin=SCRIPT.format(mark=self.mark(work), sleep_s=work.sleep_s))
        except CommandError as error:
            if error.code != REFUSED:
                raise
            self.refused[work.name] = error.problem  # no center was there
            return
        self.jobs[work.name] = job["id"]
        if work.cancel_after_s:
            time.sleep(work.cancel_after_s)
            try:
                self._insist("cancel", job["id"], "--reason", "the weather")
            except CommandError as error:
                if error.code != REFUSED:
                    raise  # else it was over already

    def wait_all(self, timeout_s):
        def over():
            for name, job_id in self.jobs.items():
                if name not in self.final:
                    job = self._insist("job", "show", job_id)
                    if job["state"] in FINAL:
                        self.final[name] = job
            return len(self.final) == len(self.jobs)

        try:
            process.wait_until(over, timeout_s, "end of all jobs", interval_s=0.3)
        except TimeoutError as error:
            left = [f"{name} ({job_id}) {self._insist('job', 'show', job_id)['state']}" for name, job_id in self.jobs.items() if name not in self.final]
            raise TimeoutError(f"{error}: {', '.join(left)}") from error

    def starts(self, work):
        """The lines that its script wrote."""
        path = self.mark(work)
        if not os.path.exists(path):
            return []
        with open(path, encoding="ascii") as file:
            return file.read().split()
