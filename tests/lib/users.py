"""Local users for jobs and for servers, made when they are missing. Needs root."""

import fcntl
import os
import pwd
import subprocess

JOB_USER_PREFIX = "bourse-job-"
_LOCK = "/run/lock/bourse-users.lock" if os.path.isdir("/run/lock") else "/tmp/bourse-users.lock"


def ensure_user(name, home=None):
    """A local user without a login or a password, in a group of its own. Returns its pwd entry."""
    with open(_LOCK, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
        argv = ["/usr/sbin/useradd", "--system", "--user-group", "--shell", "/usr/sbin/nologin", "--no-log-init"]
        argv += ["--home-dir", home, "--create-home"] if home else ["--home-dir", "/nonexistent", "--no-create-home"]
        subprocess.run([*argv, "--", name], check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
        return pwd.getpwnam(name)


def job_users(count):
    """The names of `count` job users: bourse-job-01, bourse-job-02, …"""
    names = [f"{JOB_USER_PREFIX}{i:02d}" for i in range(1, count + 1)]
    for name in names:
        ensure_user(name)
    return names
