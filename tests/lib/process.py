"""Child processes with a log file, waiting with deadlines, and an end that always comes.

Every process started here is ended when the harness ends: by stop(), at exit, and, should the harness be killed, by the
kernel (PR_SET_PDEATHSIG, set by setpriv). Processes are ended by pid, never by name.
"""

import atexit
import os
import queue
import re
import signal
import socket
import subprocess
import threading
import time


class StartError(RuntimeError):
    """A process did not come up; the message has the end of its log."""


def wait_until(condition, timeout_s, what, interval_s=0.02):
    """Calls `condition` until it returns something true, and returns that. Raises TimeoutError, naming `what`."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimeoutError(f"no {what} within {timeout_s} s")
        time.sleep(interval_s)


def port_open(port, host="127.0.0.1"):
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


def socket_open(path):
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(path)
        except OSError:
            return False
        return True


class _Ports:
    """Free loopback ports. None is given twice by one harness, and two harnesses search from different places."""

    FIRST, LAST = 17000, 32000  # below the kernel's ephemeral range, so that no client's socket sits on one

    def __init__(self):
        self._lock = threading.Lock()
        self._given = set()

    def take(self, count=1, base=None):
        with self._lock:
            port = base or self.FIRST + (os.getpid() * 97) % (self.LAST - self.FIRST)
            taken = []
            for _ in range(self.LAST - self.FIRST):
                if port >= self.LAST:
                    port = self.FIRST
                if port not in self._given and self._free(port):
                    self._given.add(port)
                    taken.append(port)
                    if len(taken) == count:
                        return taken
                port += 1
        raise RuntimeError("no free port")

    @staticmethod
    def _free(port):
        for host in ("127.0.0.1", "0.0.0.0"):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host, port))
                except OSError:
                    return False
        return True


_ports = _Ports()


def free_port(base=None):
    return _ports.take(1, base)[0]


def free_ports(count, base=None):
    """`count` free ports, searched upwards from `base` (or from a place that differs by process)."""
    return _ports.take(count, base)


class _Spawner:
    """Starts all children from one thread that lives as long as the harness.

    The parent-death signal follows the *thread* that forked, so a child started by a worker thread would die with it.
    """

    def __init__(self):
        self._requests = queue.Queue()
        self._started = False
        self._lock = threading.Lock()

    def popen(self, argv, **options):
        with self._lock:
            if not self._started:
                threading.Thread(target=self._run, name="spawner", daemon=True).start()
                self._started = True
        answer = queue.Queue(1)
        self._requests.put((argv, options, answer))
        child, error = answer.get()
        if error:
            raise error
        return child

    def _run(self):
        while True:
            argv, options, answer = self._requests.get()
            try:
                answer.put((subprocess.Popen(argv, **options), None))
            except OSError as error:
                answer.put((None, error))


_spawner = _Spawner()
_live = []  # in order of start; ended in the opposite order
_live_lock = threading.Lock()


class Process:
    """One running child: own session, stdin from /dev/null, stdout and stderr appended to `log`.

    user      the local user to run as (default: ours); its groups are initialised, ours are dropped
    env       the whole environment (default: a minimal one, not ours)
    survives  True for a program that must outlive a killed harness (no parent-death signal)
    """

    def __init__(self, argv, log, env=None, user=None, cwd="/", name=None, survives=False):
        self.name = name or os.path.basename(argv[0])
        self.argv = [str(a) for a in argv]
        self.log = str(log)
        command = ["setpriv"]
        if not survives:
            command += ["--pdeathsig", "TERM"]
        if user:
            command += [f"--reuid={user}", f"--regid={user}", "--init-groups"]
        if len(command) > 1:
            command += ["--", *self.argv]
        else:
            command = self.argv
        with open(self.log, "ab") as out:
            self._log_start = out.tell()
            self.child = _spawner.popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                        env=minimal_env() if env is None else env, cwd=cwd, start_new_session=True)
        with _live_lock:
            _live.append(self)

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child.poll() is None

    def output(self):
        """What it has written since this start."""
        with open(self.log, "rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def tail(self, lines=20):
        return "\n".join(self.output().splitlines()[-lines:])

    def wait_for_line(self, pattern, timeout_s=20):
        """The first match of `pattern` in the log since this start. Raises StartError if the process ends first."""
        regex = re.compile(pattern, re.MULTILINE)
        return self._wait(lambda: regex.search(self.output()), timeout_s, f"line matching {pattern!r}")

    def wait_for_port(self, port, timeout_s=20):
        self._wait(lambda: port_open(port), timeout_s, f"listener on port {port}")
        return self

    def wait_for_socket(self, path, timeout_s=20):
        self._wait(lambda: socket_open(str(path)), timeout_s, f"listener on {path}")
        return self

    def _wait(self, condition, timeout_s, what):
        def check():
            value = condition()
            if not value and not self.running():
                raise StartError(f"{self.name} ended with {self.child.returncode}, no {what}\n{self.tail()}")
            return value

        try:
            return wait_until(check, timeout_s, what)
        except TimeoutError as error:
            raise StartError(f"{self.name}: {error}\n{self.tail()}") from error

    def wait(self, timeout_s=20):
        """Waits for its own end and returns the exit code."""
        code = self.child.wait(timeout_s)
        self._forget()
        return code

    def signal(self, number):
        if self.running():
            self.child.send_signal(number)

    def kill(self):
        """SIGKILL, as a crash would: nothing is cleaned up."""
        self.signal(signal.SIGKILL)
        self.child.wait(10)
        self._forget()

    def terminate(self, grace_s=10):
        """SIGTERM, then SIGKILL after `grace_s`. Returns the exit code."""
        return terminate_all([self], grace_s)[0]

    def _forget(self):
        with _live_lock:
            if self in _live:
                _live.remove(self)


def terminate_all(processes, grace_s=10):
    """Signals all at once (some servers need seconds to end), waits, kills what is left. Returns the exit codes."""
    for process in processes:
        process.signal(signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    for process in processes:
        try:
            process.child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.child.kill()
            process.child.wait(10)
        process._forget()
    return [process.child.returncode for process in processes]


def minimal_env(**more):
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/", **more}


def run(argv, timeout_s=20, env=None, user=None, stdin="", check=True, cwd="/"):
    """Runs a command to its end and returns the CompletedProcess (text). No shell."""
    argv = [str(a) for a in argv]
    if user:
        argv = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", *argv]
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout_s,
                          env=minimal_env() if env is None else env, cwd=cwd)
    if check and done.returncode != 0:
        raise RuntimeError(f"{argv[0]} {argv[1:]} gave {done.returncode}: {done.stdout}{done.stderr}".strip())
    return done


def descendants(pid):
    """The pids of all living descendants of `pid`, by a walk over /proc."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = _stat(entry)
            if stat:
                children.setdefault(int(stat[1]), []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        for child in children.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found


def alive(pid):
    """True while `pid` runs; a zombie counts as gone."""
    stat = _stat(pid)
    return bool(stat) and stat[0] not in "ZX"


def _stat(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None


@atexit.register
def _end_all():
    with _live_lock:
        left = list(reversed(_live))
    terminate_all([p for p in left if p.running()], grace_s=5)


def end_on_signals():
    """Makes SIGTERM and SIGHUP end the harness in an orderly way (exit handlers run). Call from the main thread."""
    def leave(number, _frame):
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
