"""A complete private Slurm cluster on loopback: its own munged, slurmdbd, slurmctld and N slurmd. No systemd. Needs root.

    database = MariaDb(f"{d}/maria").start()
    cluster = SlurmCluster(f"{d}/alpha", "alpha", database, accounts={"proj": ["bourse-job-01"]}).start()
"""

import atexit
import os
import secrets
import signal
import stat
import time

from . import process, slurm_config, users, workdir
from .slurm_config import NodeGroup

__all__ = ["NodeGroup", "SlurmCluster"]


class SlurmCluster:
    """directory  a fresh one; a cluster stopped with stop() can be started again in it
    name       letters, digits and '-'
    database   a started MariaDb; None = no accounting (sacct then fails)
    groups     NodeGroups, one a partition; the first is the default partition
    accounts   scheduler account → its local users (made when missing)
    options    slurm.conf settings to add, replace, or (None) remove
    """

    def __init__(self, directory, name, database=None, groups=(NodeGroup("cpu"),), accounts=None, base_port=None,
                 options=None):
        if not name.replace("-", "").isalnum():
            raise ValueError(f"cluster name {name!r}")
        self.dir = os.path.abspath(directory)
        self.name = name
        self.database = database
        self.groups = list(groups)
        self.accounts = accounts or {}
        count = sum(group.nodes for group in self.groups)
        ports = process.free_ports(count + 2, base_port)
        self.ports = slurm_config.Ports(ports[0], ports[1], ports[2:])
        self.options = dict(options or {})
        if database is None:
            self.options = {"AccountingStorageType": "accounting_storage/none", "AccountingStorageHost": None,
                            "AccountingStoragePort": None, "AccountingStoragePass": None,
                            "AccountingStorageEnforce": None, **self.options}
        self.conf = f"{self.dir}/etc/slurm.conf"
        self.env = process.minimal_env(SLURM_CONF=self.conf)
        self._daemons = {}  # name → Process
        atexit.register(self.kill)

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self):
        """Returns when every node is idle."""
        for name in {user for names in self.accounts.values() for user in names}:
            users.ensure_user(name)
        self._write_files()
        self.start_daemon("munged")
        if self.database:
            self.start_daemon("slurmdbd")
            if not os.path.exists(f"{self.dir}/etc/accounts.done"):
                self.run(["sacctmgr", "-i", "load", f"{self.dir}/etc/accounts.cfg"], timeout_s=30)
                workdir.write_file(f"{self.dir}/etc/accounts.done", "")
        self.start_daemon("slurmctld")
        for node in self.node_names():
            self.start_daemon(node)
        self.wait_idle()
        return self

    def stop(self):
        """Ends the jobs, then the daemons, in an orderly way. State and accounting stay in the directory."""
        steps = self._steps()
        self._stop_daemons(self.node_names())
        self._end_steps(steps)
        self._stop_daemons(["slurmctld"])
        self._stop_daemons(["slurmdbd"])
        self._stop_daemons(["munged"])

    def kill(self):
        """SIGKILL to all at once, jobs included: a power cut."""
        steps = self._steps() if self._daemons else []
        for daemon in self._daemons.values():
            daemon.signal(signal.SIGKILL)
        self._end_steps(steps)
        for daemon in self._daemons.values():
            daemon.kill()
        self._daemons = {}

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # ── single daemons ───────────────────────────────────────────────────────────────────────────────────────────────

    def node_names(self):
        return [node for group in self.groups for node in group.node_names(self.name)]

    def start_daemon(self, name):
        """`name`: munged, slurmdbd, slurmctld or a node's. Returns when it listens (a node: when it was started)."""
        log = f"{self.dir}/log/{name}.out"
        if name == "munged":
            argv = ["/usr/sbin/munged", "--foreground", f"--key-file={self.dir}/munge/munge.key",
                    f"--socket={self._munge_socket()}", f"--pid-file={self.dir}/munge-run/munged.pid",
                    f"--seed-file={self.dir}/munge/munged.seed", "--num-threads=2"]
            daemon = process.Process(argv, log, user="munge", name=f"{self.name}/munged")
            daemon.wait_for_socket(self._munge_socket(), 10)
        elif name in ("slurmdbd", "slurmctld"):
            daemon = process.Process([f"/usr/sbin/{name}", "-D"], log, env=self.env, user="slurm",
                                     name=f"{self.name}/{name}")
            daemon.wait_for_port(self.ports.database if name == "slurmdbd" else self.ports.controller, 30)
        elif name in self.node_names():
            daemon = process.Process(["/usr/sbin/slurmd", "-D", "-N", name], log, env=self.env,
                                     name=f"{self.name}/{name}")
        else:
            raise ValueError(f"no daemon {name!r}")
        self._daemons[name] = daemon
        return daemon

    def stop_daemon(self, name):
        self._stop_daemons([name])

    def kill_daemon(self, name):
        self._daemons.pop(name).kill()

    def wait_idle(self, timeout_s=60):
        """Waits until every node is up and has no job."""
        wanted = sorted(self.node_names())

        def idle():
            shown = self.run(["sinfo", "-h", "-N", "-o", "%N %T"], check=False).stdout.split("\n")
            return sorted({line.split()[0] for line in shown if line.endswith(" idle")}) == wanted

        process.wait_until(idle, timeout_s, f"idle nodes in {self.name}", interval_s=0.05)

    def wait_state_saved(self, job, timeout_s=30):
        """Waits until slurmctld has written down what it knows now of `job`, so that a crash doesn't lose it: it writes its
        state some seconds after a change. We make one, because the last may have been written already."""
        changed = time.time_ns()
        self.run(["scontrol", "update", f"JobId={job}", "Comment=to-be-saved"])
        saved = f"{self.dir}/state/job_state"
        process.wait_until(lambda: os.path.exists(saved) and os.stat(saved).st_mtime_ns > changed, timeout_s,
                           f"saved state of {self.name}", interval_s=0.1)

    # ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, argv, user=None, stdin="", check=True, timeout_s=20):
        """Runs a Slurm command against this cluster; returns the CompletedProcess."""
        return process.run(argv, timeout_s=timeout_s, env=self.env, user=user, stdin=stdin, check=check)

    def submit(self, script, user, account, *options):
        """sbatch as `user`; returns the job id. For tests of the cluster itself: products submit through the driver."""
        done = self.run(["sbatch", "--parsable", f"--account={account}", "--chdir=/", "--output=/dev/null", *options],
                        user=user, stdin=script)
        return int(done.stdout.split(";")[0])

    def job_state(self, job):
        """The state by the accounting database ("COMPLETED"), empty while it does not know the job."""
        out = self.run(["sacct", "-X", "-n", "-P", "-o", "State", "-j", str(job)], check=False).stdout.strip()
        return out.split()[0] if out else ""

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _munge_socket(self):
        return f"{self.dir}/munge-run/munge.sock"

    def _write_files(self):
        workdir.make_dir(self.dir)
        workdir.require_reachable(self.dir)
        for name in ("etc", "state", "log", "run"):
            workdir.make_dir(f"{self.dir}/{name}", "slurm")
        workdir.make_dir(f"{self.dir}/spool")
        workdir.make_dir(f"{self.dir}/munge", "munge", 0o700)
        workdir.make_dir(f"{self.dir}/munge-run", "munge")
        key = f"{self.dir}/munge/munge.key"
        if not os.path.exists(key):
            workdir.write_file(key, secrets.token_bytes(1024), "munge", 0o400)
        for card in range(max((group.gpus for group in self.groups), default=0)):
            path = f"{self.dir}/spool/card{card}"
            if not os.path.exists(path):
                os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        etc = f"{self.dir}/etc"
        workdir.write_file(self.conf, slurm_config.slurm_conf(self.name, self.dir, self.ports, self.groups, self.options),
                           "slurm")
        workdir.write_file(f"{etc}/gres.conf", slurm_config.gres_conf(self.name, self.dir, self.groups), "slurm")
        if self.database and not os.path.exists(f"{etc}/slurmdbd.conf"):
            schema = f"slurm_{self.name.replace('-', '_')}"
            password = secrets.token_hex(16)
            self.database.create_slurm_user(schema, password)
            workdir.write_file(f"{etc}/slurmdbd.conf", slurm_config.slurmdbd_conf(
                self.dir, self.ports, self.database.port, schema, password), "slurm", 0o600)
            workdir.write_file(f"{etc}/accounts.cfg", slurm_config.accounts_file(self.name, self.accounts), "slurm")

    def _stop_daemons(self, names):
        process.terminate_all([self._daemons.pop(name) for name in names if name in self._daemons], grace_s=15)

    def _steps(self):
        """Pids of this cluster's job steps: they outlive slurmd. Known by their files, which lie in our directory."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/comm", encoding="ascii", errors="replace") as comm:
                    if comm.read().strip() != "slurmstepd":
                        continue
                links = [os.readlink(f"/proc/{entry}/fd/{fd}") for fd in os.listdir(f"/proc/{entry}/fd")]
            except OSError:
                continue
            if any(link.startswith(self.dir + "/") for link in links):
                found.append(int(entry))
        return found

    def _end_steps(self, steps):
        ours = [pid for step in steps for pid in process.descendants(step)] + steps
        for pid in ours:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        process.wait_until(lambda: not any(process.alive(pid) for pid in ours), 10, "end of job steps")
