"""The three compute centers of the demo: two real Slurm clusters and one machine without a scheduler."""

import json
import os
import shutil

from lib import process, users, workdir
from lib.mariadb import MariaDb
from lib.slurm_cluster import NodeGroup, SlurmCluster

JOB_USERS = 4


class Center:
    """A center: its scheduler, its connector, its prices. `prices` maps a meter to (price, per)."""

    def __init__(self, market, directory, name, pool, speed_milli, prices, margin_bps):
        self.market, self.name, self.pool = market, name, pool
        self.speed_milli, self.prices, self.margin_bps = speed_milli, prices, margin_bps
        self.dir = f"{directory}/{name}"
        self.connector_dir = f"{self.dir}/connector"
        self.connector = None
        self.id = None

    driver_toml = ""  # the [driver] table's body

    def start_scheduler(self):
        pass

    def stop_scheduler(self):
        pass

    def wait_survivable(self, scheduler_job):
        """Waits until the scheduler would find the job again after a crash."""

    def kill_scheduler(self):
        pass

    def revive_scheduler(self):
        pass

    # ── joining ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def join(self, operator, second):
        """Invited, joined, and admitted by two people once they have compared the fingerprint: the private keys never leave the
        connector's folder. Returns the fingerprint."""
        workdir.make_dir(self.dir)
        bundle = f"{self.dir}/bundle.json"
        operator.run("center", "invite", self.name, "--output", bundle)
        joining = process.Process([f"{self.market.programs}/bourse-connector", "join", bundle, "--dir", self.connector_dir],
                                  f"{self.dir}/join.log", name=f"joining of {self.name}")
        fingerprint = joining.wait_for_line(r"^\s+((?:[0-9a-f]{4} ){15}[0-9a-f]{4})$", 30).group(1)
        operator.propose(second, "center", "admit", self.name, "--fingerprint", fingerprint)
        code = joining.wait(30)
        if code != 0:
            raise RuntimeError(f"{self.name} did not join: {joining.output()}")
        with open(bundle, encoding="utf-8") as file:
            self.id = json.load(file)["center"]
        job_users = ", ".join(f'"{name}"' for name in users.job_users(JOB_USERS))
        with open(f"{self.connector_dir}/connector.toml", "w", encoding="utf-8") as file:
            file.write(f"""[driver]
{self.driver_toml}

[identity]
pool = [{job_users}]
scheduler_account = "market"

[sell.{self.pool}]
speed_milli = {self.speed_milli}
""")
        return fingerprint

    def start_connector(self):
        # It must outlive a killed harness no more than the market does, but its jobs outlive it.
        self.connector = process.Process([f"{self.market.programs}/bourse-connector", "run", "--dir", self.connector_dir],
                                         f"{self.dir}/connector.log", name=f"connector of {self.name}")
        return self.connector

    def wait_joined(self):
        self.connector.wait_for_line(r"bourse-connector ready", 30)

    def kill(self):
        """A crash: connector and scheduler at once. What runs there goes on."""
        self.connector.kill()
        self.kill_scheduler()

    def revive(self):
        self.revive_scheduler()
        self.start_connector()

    def stop(self):
        if self.connector:
            self.connector.terminate()
        self.stop_scheduler()

    def price_rows(self):
        """As books of `bourse rate` and `prices publish` have them; centers are known by their names."""
        return [{"id": f"{self.name}-{meter}", "scope": {"center": self.name, "pool": self.pool}, "meter": meter, "price": price, "per": per,
                 "valid_from": "2026-01-01T00:00:00Z"} for meter, (price, per) in self.prices.items()]

    def du_rows(self):
        """Beside its price in money: half a 度 a core-hour, which includes nodes and memory. Cards are not sold for 度 here."""
        return [{"id": f"{self.name}-du", "scope": {"center": self.name, "pool": self.pool}, "meter": "core_ms", "price": "1", "per": "core-hour",
                 "factor": {"table": "demo", "chip": "EPYC 7763", "precision": "fp64"}, "valid_from": "2026-01-01T00:00:00Z"}]


def write_books(centers, directory):
    """The market's prices as files, one a currency: their paths by currency."""
    paths = {}
    for currency, rows in (("CNY", [row for center in centers for row in center.price_rows()]), ("DU", [row for center in centers for row in center.du_rows()])):
        paths[currency] = f"{directory}/book-{currency}.json"
        with open(paths[currency], "w", encoding="utf-8") as file:
            json.dump({"currency": currency, "rows": rows}, file)
    return paths


def write_factors(directory):
    """The demo sells cores in 度, which the published table doesn't know: a market may have tables of its own."""
    os.makedirs(directory)
    table = {"version": "demo", "published": "2026-01-01", "norm": "1 度 = two core-hours of the demo's own", "meter": "core_ms",
             "includes": ["node_ms", "mem_mib_s"], "starts": "start of the job", "stops": "end of the job",
             "factors": [{"chip": "EPYC 7763", "precision": "fp64", "factor": "0.5", "tflops": "1", "sparsity": "none", "source": "the demo", "date": "2026-01-01"}]}
    with open(f"{directory}/demo.json", "w", encoding="utf-8") as file:
        json.dump(table, file)
    return directory


class SlurmCenter(Center):
    def __init__(self, market, directory, name, group, database, speed_milli, prices, margin_bps):
        super().__init__(market, directory, name, group.partition, speed_milli, prices, margin_bps)
        self.cluster = SlurmCluster(f"{directory}/{name}/slurm", name, database, [group],
                                    {"market": users.job_users(JOB_USERS)})
        self.driver_toml = f'kind = "slurm"\nslurm_conf = "{self.cluster.conf}"'

    def start_scheduler(self):
        workdir.make_dir(self.dir)
        self.cluster.start()

    def stop_scheduler(self):
        self.cluster.stop()

    def wait_survivable(self, scheduler_job):
        self.cluster.wait_state_saved(scheduler_job)

    def kill_scheduler(self):
        self.cluster.kill_daemon("slurmctld")

    def revive_scheduler(self):
        self.cluster.start_daemon("slurmctld")


class LocalCenter(Center):
    def __init__(self, market, directory, name, cores, speed_milli, prices, margin_bps):
        super().__init__(market, directory, name, "local", speed_milli, prices, margin_bps)
        self.driver_toml = f'kind = "local"\npool = "local"\ncores = {cores}\nmem_mib = 4096'


def three_centers(market, directory):
    """Dear and fast, with cards, and cheap: together they make the market's choices visible."""
    database = MariaDb(f"{directory}/mariadb")
    free = {"node_ms": ("0", "node-hour"), "mem_mib_s": ("0", "gib-hour")}  # included in the price of cores
    return database, [
        SlurmCenter(market, directory, "alpha", NodeGroup("cpu", nodes=2, cores=8, mem_mib=8000), database, 2000,
                    {"core_ms": ("0.62", "core-hour"), **free}, 800),
        SlurmCenter(market, directory, "beta", NodeGroup("gpu", nodes=1, cores=16, mem_mib=16000, gpus=4, gpu_model="a100"),
                    database, 1200, {"core_ms": ("0.45", "core-hour"), "gpu_ms": ("18.40", "gpu-hour"), **free}, 1000),
        LocalCenter(market, directory, "gamma", 4, 900, {"core_ms": ("0.18", "core-hour"), **free}, 500),
    ]


def remove(directory):
    if not os.environ.get("BOURSE_KEEP"):
        shutil.rmtree(directory, ignore_errors=True)
