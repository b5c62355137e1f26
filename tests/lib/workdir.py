"""Fresh directories that servers running as other users can reach."""

import atexit
import os
import pwd
import shutil
import tempfile


def make_dir(path, user=None, mode=0o755):
    """Makes (or takes) a directory and gives it this owner and mode. Returns the path."""
    os.makedirs(path, exist_ok=True)
    if user:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)
    os.chmod(path, mode)
    return path


def write_file(path, text, user=None, mode=0o644):
    """Writes a file with exactly this owner and mode, never readable by others in between."""
    data = text if isinstance(text, bytes) else text.encode()
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        if user:
            entry = pwd.getpwnam(user)
            os.fchown(file.fileno(), entry.pw_uid, entry.pw_gid)
        os.fchmod(file.fileno(), mode)
    return path


def fresh_dir(prefix="bourse-test-"):
    """A new directory (0755), removed at exit unless BOURSE_KEEP is set. Short, because socket paths end at 107 bytes."""
    path = tempfile.mkdtemp(prefix=prefix, dir="/tmp")
    os.chmod(path, 0o755)
    if not os.environ.get("BOURSE_KEEP"):
        atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def require_reachable(path):
    """Raises if a parent can't be passed by other users: servers that drop root would fail with odd errors."""
    path = os.path.abspath(path)
    while path != "/":
        if not os.stat(path).st_mode & 0o001:
            raise RuntimeError(f"{path} is closed to other users (mode {os.stat(path).st_mode & 0o777:o}); choose another folder")
        path = os.path.dirname(path)
