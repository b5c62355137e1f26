"""The trade itself: submit, cancel, crash and recover a center, wait for the end."""

import collections

from demo import workload
from demo.market import CommandError
from lib import process

FINAL = {"ended", "failed", "cancelled"}


class Trade:
    def __init__(self, story, market, people, centers, directory):
        self.story, self.market, self.people, self.centers, self.dir = story, market, people, centers, directory
        self.jobs = {}      # id → Work
        self.refusals = []  # (Work, what the user was told)
        self.places = {}    # id → the center's name
        self.final = {}     # id → the job as last seen
        self.cancelled = None
        self.package = None  # the lot of 度 that alice bought

    def run(self):
        self.quote_one()
        self.story.chapter("The trade: " + ", ".join(f"{count} × {kind}" for kind, count in
                                                     collections.Counter(w.kind for w in workload.trade()).items()))
        for work in workload.trade():
            self.submit(work)
        self.crash_a_center("alpha")
        self.cancel_one("gamma")
        self.wait_all()
        self.tell()

    def owner(self, work):
        return self.people[work.owner]

    def submit(self, work):
        try:
            if work.kind == "script":
                job = self.sbatch(work)
            else:
                job = self.owner(work).ask("submit", "-", "--name", work.name, *work.options, stdin=work.script)
        except CommandError as refusal:
            if work.kind != "refused":
                raise
            self.refusals.append((work, refusal))
            self.story.say(f"{work.name:<18} refused: {refusal.problem.splitlines()[0]}")
            return None
        self.jobs[job["id"]] = work
        self.places[job["id"]] = job["center_name"]
        self.story.say(f"{work.name:<18} → {job['center_name']}/{job['pool']:<6} hold {job['held']['amount']} {job['held']['currency']}"
                       f"   {job['decision'].get('why', '')[:110]}")
        return job

    def sbatch(self, work):
        """As a Slurm user's hands do it: a file, and the number out of what is printed."""
        path = f"{self.dir}/{work.name}.sbatch"
        with open(path, "w", encoding="utf-8") as file:
            file.write(work.script)
        said = self.owner(work).run("sbatch", path).split()
        assert said[:3] == ["Submitted", "batch", "job"], said
        return self.owner(work).ask("job", "show", said[3])

    def quote_one(self):
        self.story.chapter("What would it cost? The plan table of a quote")
        alice = self.people["alice"]
        script = f"{self.dir}/primes.sh"
        with open(script, "w", encoding="utf-8") as file:
            file.write(workload.trade()[0].script)
        self.story.say(alice.run("quote", script, "--cores", "2", "--memory", "512MiB", "--time", "10m").rstrip())

    def state(self, job_id):
        return self.owner(self.jobs[job_id]).ask("job", "show", job_id)

    def wait_state(self, job_id, states, timeout_s):
        return process.wait_until(lambda: (job := self.state(job_id))["state"] in states and job, timeout_s,
                                  f"job {job_id} in {states}", interval_s=0.2)

    def crash_a_center(self, name):
        center = self.centers[name]
        # What ends in the very moment of the crash, Slurm itself may forget; that is not this story.
        for job_id in [job_id for job_id, place in self.places.items() if place == name]:
            self.wait_state(job_id, FINAL, 90)
        survivors = [self.submit(work) for work in workload.survivors(name)]
        running = [self.wait_state(job["id"], {"running"}, 90) for job in survivors]
        for job in running:
            center.wait_survivable(job["scheduler_job"])
        self.story.chapter(f"{name} crashes: kill -9 of its connector and its scheduler, while {len(survivors)} jobs run there")
        center.kill()
        operator = self.people["otto"]
        process.wait_until(lambda: not self.online(operator, name), 60, f"{name} seen offline", interval_s=0.2)
        self.story.say(f"the market sees {name} offline; its running jobs are unreachable, not failed")
        center.revive()
        process.wait_until(lambda: self.online(operator, name), 60, f"{name} back", interval_s=0.2)
        self.story.say(f"{name} is back and both sides have reconciled what runs")

    @staticmethod
    def online(operator, name):
        return next(c for c in operator.ask("center", "list")["centers"] if c["name"] == name).get("online", False)

    def cancel_one(self, name):
        self.story.chapter("One job is cancelled while it runs, and pays for what it used")
        job = self.submit(workload.cancelled(name))
        self.wait_state(job["id"], {"running"}, 120)
        log = process.wait_until(lambda: self.owner(self.jobs[job["id"]]).run("logs", job["id"]), 30, "a line of its log", interval_s=0.3)
        self.story.say(f"its log so far: {log.strip().splitlines()[-1]!r}")
        self.owner(self.jobs[job["id"]]).run("cancel", job["id"], "--reason", "seen enough")
        self.cancelled = job["id"]

    def wait_all(self):
        self.story.chapter("Waiting for the rest")

        def done():
            for job_id in self.jobs:
                if job_id not in self.final:
                    job = self.state(job_id)
                    if job["state"] in FINAL:
                        self.final[job_id] = job
            self.story.progress(len(self.final), len(self.jobs), "jobs done")
            return len(self.final) == len(self.jobs)

        try:
            process.wait_until(done, 420, "end of all jobs", interval_s=0.5)
        except TimeoutError as error:
            open_jobs = [f"{work.name} {self.state(job_id)['state']}" for job_id, work in self.jobs.items() if job_id not in self.final]
            raise TimeoutError(f"{error}: {', '.join(open_jobs)}") from error

    def tell(self):
        rows = [(job["name"], self.jobs[job_id].kind, job["center_name"], job["state"], job.get("exit_code", 0),
                 job["held"]["amount"], job["charged"]["amount"], job["charged"]["currency"]) for job_id, job in self.final.items()]
        self.story.table(("job", "kind", "center", "state", "exit", "held", "charged", "in"), rows)
