"""The market, two Slurm clusters with their connectors, and a proxy in each place where bytes and messages pass."""

import json
import os
import re
import signal

from chaos.bytes_proxy import BytesProxy
from chaos.message_proxy import MessageProxy
from demo.centers import SlurmCenter, write_books
from demo.market import Market
from lib import process, workdir
from lib.mariadb import MariaDb
from lib.slurm_cluster import NodeGroup

PEOPLE = {"alice": ("alice-chaos", ["researchers"]), "fiona": ("fiona-chaos", ["finance-office"]), "frank": ("frank-chaos", ["finance-office"]),
          "otto": ("otto-chaos", ["operators"]), "olga": ("olga-chaos", ["operators"])}
TOP_UP = "100000.00"
FAST = """
[report]
poll_ms = 500
pools_seconds = 2
usage_seconds = 2
[link]
retry_seconds = 1
"""
SLURM = {"SchedulerParameters": "sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=100000", "MinJobAge": 600}
SERVERS = ("postgresql", "redis", "broker", "gateway", "nginx")


class ChaosCenter(SlurmCenter):
    """A Slurm center whose connector dials a proxy in place of the edge."""

    proxy = None

    def join(self, operator, second):
        fingerprint = super().join(operator, second)
        self.proxy = BytesProxy(self.name, process.free_port(), self.market.port)
        path = f"{self.connector_dir}/bundle.json"
        with open(path, encoding="utf-8") as file:
            bundle = json.load(file)
        bundle["connect"] = f"127.0.0.1:{self.proxy.port}"
        workdir.write_file(path, json.dumps(bundle), mode=0o600)
        with open(f"{self.connector_dir}/connector.toml", "a", encoding="utf-8") as file:
            file.write(FAST)
        return fingerprint

    def start_connector(self):
        if self.connector is None or not self.connector.running():
            super().start_connector()
        return self.connector


class World:
    def __init__(self, programs, directory, node, idp_folder):
        self.dir = directory
        self.market = Market(programs, directory, node, idp_folder, PEOPLE)
        self.people = {name: self.market.person(name) for name in PEOPLE}
        self.database = MariaDb(f"{directory}/maria")
        free = {"node_ms": ("0", "node-hour"), "mem_mib_s": ("0", "gib-hour")}
        self.centers = {center.name: center for center in (
            ChaosCenter(self.market, directory, "alpha", NodeGroup("cpu", nodes=2, cores=16, mem_mib=16000), self.database, 2000,
                        {"core_ms": ("62.137", "core-hour"), **free}, 800),
            ChaosCenter(self.market, directory, "beta", NodeGroup("cpu", nodes=1, cores=32, mem_mib=32000), self.database, 1200,
                        {"core_ms": ("45.291", "core-hour"), **free}, 1000))}
        for center in self.centers.values():
            center.cluster.options.update(SLURM)
        self.messages = None
        self.marks = f"{directory}/marks"

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self):
        workdir.make_dir(self.marks, mode=0o1777)
        self.market.start_identity_provider()
        self.market.up("--heartbeat-seconds", "1")
        for person in self.people.values():
            person.login()
        self.database.start()
        otto, olga = self.people["otto"], self.people["olga"]
        for center in self.centers.values():
            center.start_scheduler()
            center.join(otto, olga)
            otto.propose(olga, "contract", "set", center.name, "--margin-bps", center.margin_bps, "--tax-bps", 600)
        otto.propose(olga, "prices", "publish", write_books(list(self.centers.values()), self.dir)["CNY"])
        wallet = self.people["alice"].ask("wallet")["wallets"][0]
        self.people["fiona"].propose(self.people["frank"], "account", "fund", wallet["account"], TOP_UP, "--bank-reference", "CHAOS-1")
        os.makedirs(f"{self.market.state}/run/chaos", mode=0o755)
        self.messages = MessageProxy(self.detour, f"{self.market.state}/run/link/link.sock")
        self.kill_server("nginx")  # it comes back with the detour
        for center in self.centers.values():
            center.start_connector()
        self.wait_well()
        return self

    def stop(self):
        for center in self.centers.values():
            center.stop()
            if center.proxy:
                center.proxy.stop()
        if self.messages:
            self.messages.stop()
        self.market.down()
        self.database.stop()

    # ── servers ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def detour(self):
        return f"{self.market.state}/run/chaos/link.sock"

    def lead_edge_astray(self):
        """The supervisor writes the edge's configuration anew whenever PostgreSQL starts."""
        path = f"{self.market.state}/config/nginx.conf"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        changed, count = re.subn(r"(upstream link \{\s*server unix:)[^;]*;", rf"\g<1>{self.detour};", text)
        if count != 1:
            raise RuntimeError(f"{path} has no upstream of the link")
        workdir.write_file(path, changed)

    def status(self):
        done = self.market.bourse("status", "--state", self.market.state, "--json", check=False)
        return {c["name"]: c for c in json.loads(done.stdout or "{}").get("components", [])}

    def kill_server(self, name):
        """Without a warning; PostgreSQL is told to drop everything, since one that is killed leaves its children to be waited for."""
        if name == "nginx":
            self.lead_edge_astray()
        pid = self.status().get(name, {}).get("pid", 0)
        if not pid:
            return False
        try:
            os.kill(pid, signal.SIGQUIT if name == "postgresql" else signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def servers_well(self):
        status = self.status()
        return all(status.get(name, {}).get("state") == "up" and process.alive(status[name]["pid"]) for name in SERVERS)

    def online(self):
        return {c["name"] for c in self.people["otto"].ask("center", "list")["centers"] if c.get("online")}

    def wait_well(self, timeout_s=60):
        """Until all servers run and both centers sell."""
        process.wait_until(self.servers_well, timeout_s, "health of all servers", interval_s=0.1)

        def selling():
            try:
                return self.online() == set(self.centers)
            except RuntimeError:  # a refusal while something is still coming up
                return False
        process.wait_until(selling, timeout_s, "both centers online", interval_s=0.2)

