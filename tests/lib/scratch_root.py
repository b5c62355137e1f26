"""This machine's file system, in which a test may install and remove what it likes: a private overlay, gone with the test. Needs root."""

import os
import subprocess

from . import process

_SETUP = """set -e
mount -t tmpfs scratch "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay scratch -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --bind /proc "$1/root/proc"
mount --bind /dev "$1/root/dev"
mount -t tmpfs run "$1/root/run"
mount -t tmpfs -o mode=1777 tmp "$1/root/tmp"
echo ready
exec sleep infinity
"""


class ScratchRoot:
    """`folder` is where it is mounted, in a mount namespace of its own; nobody else sees it. /run and /tmp are empty in it."""

    def __init__(self, folder):
        os.makedirs(folder)
        self.root = f"{folder}/root"
        # Not a shell command from outside: the text is above, the folder its argument.
        self.holder = process.Process(["unshare", "--mount", "sh", "-c", _SETUP, "sh", folder], f"{folder}.log")
        self.holder.wait_for_line(r"^ready$")

    def run(self, argv, timeout_s=60, **options):
        """Runs a command in it, to its end; see process.run."""
        return process.run([*self._enter(), *argv], timeout_s=timeout_s, **options)

    def start(self, argv, log):
        """A process.Process in it."""
        return process.Process([*self._enter(), *argv], log)

    def take(self, source, path):
        """Copies a file of ours into it."""
        with open(source, "rb") as file:
            subprocess.run([*self._enter(), "tee", path], stdin=file, stdout=subprocess.DEVNULL, check=True, timeout=60)

    def write(self, path, text):
        self.run(["mkdir", "-p", os.path.dirname(path)])
        self.run(["tee", path], stdin=text)

    def read(self, path):
        return self.run(["cat", path]).stdout

    def exists(self, path):
        return self.run(["test", "-e", path], check=False).returncode == 0

    def _enter(self):
        return ["nsenter", f"--target={self.holder.child.pid}", "--mount", "--root", "--", "chroot", self.root]

    def close(self):
        self.holder.kill()
