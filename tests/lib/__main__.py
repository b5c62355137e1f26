"""Smoke test of the launcher: python3 -m tests.lib (from the checkout, as root).

Starts MariaDB and a Slurm cluster with a GPU partition, runs a job, kills and restarts the controller, stops everything.
"""

import sys
import time

from . import process, users, workdir
from .mariadb import MariaDb
from .slurm_cluster import NodeGroup, SlurmCluster


def main():
    process.end_on_signals()
    began = time.monotonic()

    def say(text):
        print(f"{time.monotonic() - began:6.2f} s  {text}", flush=True)

    where = workdir.fresh_dir()
    user = users.job_users(1)[0]
    database = MariaDb(f"{where}/maria").start()
    say(f"MariaDB on port {database.port}")
    cluster = SlurmCluster(f"{where}/alpha", "alpha", database, accounts={"proj": [user]},
                           groups=[NodeGroup("cpu", nodes=2, cores=8), NodeGroup("gpu", gpus=2, gpu_model="a100")])
    cluster.start()
    say(f"cluster alpha: {', '.join(cluster.node_names())} idle")
    job = cluster.submit("#!/bin/sh\ntest -n \"$CUDA_VISIBLE_DEVICES\"\n", user, "proj", "--partition=gpu",
                         "--gres=gpu:a100:1", "--time=1")
    process.wait_until(lambda: cluster.job_state(job) == "COMPLETED", 30, f"end of job {job}", 0.1)
    say(f"job {job} completed on the gpu partition")
    cluster.kill_daemon("slurmctld")
    cluster.start_daemon("slurmctld")
    cluster.wait_idle()
    say("slurmctld killed and back")
    cluster.stop()
    say("cluster stopped")
    database.stop()
    say("MariaDB stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
