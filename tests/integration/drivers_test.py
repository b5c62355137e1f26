"""Runs the driver suite on the local driver, both kinds of SCOW adapter, a Kubernetes API server and a real Slurm cluster. Needs root."""

import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))

from tests.lib import process, users, workdir  # noqa: E402
from tests.lib.mariadb import MariaDb  # noqa: E402
from tests.lib.slurm_cluster import NodeGroup, SlurmCluster  # noqa: E402

PROGRAMS = os.environ["BOURSE_PROGRAMS"]
LOST_MARKER = "bourse-lost-1"
SUITE = os.path.join(PROGRAMS, "..", "test-bin", "bourse_driver_conformance")
SCOW_ADAPTER = os.path.join(PROGRAMS, "..", "test-bin", "bourse_scow_adapter")
KUBERNETES_API = os.path.join(PROGRAMS, "..", "test-bin", "bourse_kubernetes_api")
SHIM = os.path.realpath(os.path.join(PROGRAMS, "bourse-job-shim"))


def run_suite(where, driver, gtest_filter="*", **settings):
    """One run of the suite. Its output is shown when it fails."""
    env = process.minimal_env(**{f"BOURSE_CONFORMANCE_{key}": value for key, value in settings.items()},
                              BOURSE_CONFORMANCE_DRIVER=driver, BOURSE_CONFORMANCE_DIR=where)
    suite = process.Process([SUITE, f"--gtest_filter={gtest_filter}"], f"{where}/{driver}.log", env=env)
    code = suite.wait(timeout_s=500)
    lines = suite.output().splitlines()
    print("\n".join(lines if code else lines[-8:]), flush=True)
    return code


def run_scow(where, kind, user, chosen):
    """The suite on an adapter of this kind, whose jobs run on this machine."""
    folder = f"{where}/scow-{kind}"
    workdir.make_dir(folder, mode=0o711)
    adapter = process.Process([SCOW_ADAPTER, kind, f"{folder}/jobs", SHIM, f"{folder}/address"], f"{folder}/adapter.log",
                              env=process.minimal_env())
    process.wait_until(lambda: os.path.exists(f"{folder}/address"), 20, "the adapter's address", interval_s=0.1)
    with open(f"{folder}/address", encoding="ascii") as file:
        address = file.read().strip()
    code = run_suite(where, "scow", chosen, USER=user, POOL="here", ADDRESS=address, ACCOUNT="house", OWNER="operator")
    adapter.terminate()
    return code


def run_kubernetes(where, user, chosen):
    """The suite on an API server whose pods run on this machine."""
    folder = f"{where}/kubernetes"
    workdir.make_dir(folder, mode=0o711)
    workdir.make_dir(f"{folder}/pods", mode=0o711)
    with open(f"{folder}/token", "w", encoding="ascii") as file:
        file.write("a-token\n")
    api = process.Process([KUBERNETES_API, f"{folder}/pods", SHIM, f"{folder}/address"], f"{folder}/api.log", env=process.minimal_env())
    process.wait_until(lambda: os.path.exists(f"{folder}/address"), 20, "the API server's address", interval_s=0.1)
    with open(f"{folder}/address", encoding="ascii") as file:
        address = file.read().strip()
    code = run_suite(where, "kubernetes", chosen, USER=user, POOL="here", ADDRESS=address, TOKEN_FILE=f"{folder}/token")
    api.terminate()
    return code


def run_conform(where, cluster, user):
    """`bourse-connector conform` on the cluster, as an administrator would: some of the checks, for the suite has run."""
    center = f"{where}/center"
    workdir.make_dir(center, mode=0o711)
    os.makedirs(f"{center}/state", mode=0o700)
    workdir.write_file(f"{center}/state/connector.toml", f"""
[driver]
kind = "slurm"
slurm_conf = "{cluster.conf}"
[[identity.map]]
local = "{user}"
scheduler_account = "proj"
[sell.cpu]
""")
    checks = ["pools", "environment", "marker", "restart", "cancel-at-once"]
    done = process.run([f"{PROGRAMS}/bourse-connector", "conform", "--dir", f"{center}/state", "--yes", "--output", "json",
                        *(word for check in checks for word in ("--only", check))], timeout_s=200, check=False)
    report = json.loads(done.stdout or "{}")
    good = (done.returncode == 0 and [check["verdict"] for check in report["checks"]] == ["passed"] * len(checks) and report["pool"] == "cpu"
            and report["user"] == user and os.listdir(f"{center}/state-jobs") == [] and not os.path.exists(f"{center}/state/conform"))
    print("conform on Slurm:", "passed" if good else done.stdout + done.stderr, flush=True)
    return 0 if good else 1


def lose_state(cluster, user):
    """Kills slurmctld while a job runs, and brings it back with its state of before the job. Returns the job's id.

    (With no state at all, it would tell the accounting that every job is cancelled.)
    """
    def running(name):
        job = cluster.submit("#!/bin/sh\nsleep 600\n", user, "proj", f"--job-name={name}")
        process.wait_until(lambda: cluster.job_state(job) == "RUNNING", 30, f"running job {job}", interval_s=0.2)
        return job

    state, before = f"{cluster.dir}/state", f"{cluster.dir}/state-before"
    cluster.wait_state_saved(running("kept"))
    process.run(["cp", "-a", state, before])
    job = running(LOST_MARKER)
    cluster.kill_daemon("slurmctld")
    shutil.rmtree(state)
    os.rename(before, state)
    cluster.start_daemon("slurmctld")
    return job


def main():
    process.end_on_signals()
    where = workdir.fresh_dir("bourse-drivers-")
    workdir.make_dir(f"{where}/work", mode=0o711)
    user = users.job_users(1)[0]
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    chosen = sys.argv[2] if len(sys.argv) > 2 else "*"
    failed = 0
    if only in ("", "local"):
        failed |= run_suite(where, "local", chosen, USER=user, POOL="here",
                            SHIM=SHIM)
    for kind in ("slurm", "crane"):
        if only in ("", "scow"):
            failed |= run_scow(where, kind, user, chosen)
    if only in ("", "kubernetes"):
        failed |= run_kubernetes(where, user, chosen)
    if only in ("", "slurm"):
        database = MariaDb(f"{where}/maria").start()
        cluster = SlurmCluster(f"{where}/alpha", "alpha", database, accounts={"proj": [user]}, groups=[
            NodeGroup("cpu", nodes=2, cores=4), NodeGroup("gpu", cores=4, gpus=2, gpu_model="a100")]).start()
        settings = {"USER": user, "POOL": "cpu", "ACCOUNT": "proj", "SLURM_CONF": cluster.conf}
        failed |= run_suite(where, "slurm", chosen, **settings)
        failed |= run_conform(where, cluster, user)
        job = lose_state(cluster, user)
        failed |= run_suite(where, "slurm", "SlurmOnly.AJobOfALostState*", **settings, LOST_JOB=str(job))
        cluster.stop_daemon("slurmdbd")
        failed |= run_suite(where, "slurm", "SlurmOnly.WithoutAccounting*", **settings, SLURMDBD="down")
        cluster.kill()
        database.stop()
    return failed


if __name__ == "__main__":
    sys.exit(main())
