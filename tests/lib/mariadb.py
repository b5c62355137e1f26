"""A private MariaDB on loopback, for slurmdbd. One serves any number of clusters (a database each)."""

import os

from . import process, workdir

_CONFIG = """[mysqld]
datadir={dir}/data
socket={dir}/my.sock
pid-file={dir}/my.pid
tmpdir={dir}/tmp
bind-address=127.0.0.1
port={port}
skip-name-resolve
skip-log-bin
performance_schema=OFF
innodb_buffer_pool_size=64M
innodb_log_file_size=16M
innodb_lock_wait_timeout=900
innodb_flush_log_at_trx_commit=0
innodb_doublewrite=0
"""


class MariaDb:
    """Durability is traded for speed: it holds test data only."""

    def __init__(self, directory, port=None):
        self.dir = os.path.abspath(directory)
        self.port = port or process.free_port()
        self.socket = f"{self.dir}/my.sock"
        self.server = None

    def start(self):
        workdir.make_dir(self.dir, "mysql")
        workdir.require_reachable(self.dir)
        workdir.make_dir(f"{self.dir}/tmp", "mysql", 0o700)
        config = workdir.write_file(f"{self.dir}/my.cnf", _CONFIG.format(dir=self.dir, port=self.port))
        if not os.path.isdir(f"{self.dir}/data/mysql"):
            process.run(["/usr/bin/mariadb-install-db", f"--defaults-file={config}", "--user=mysql", "--skip-test-db",
                         "--auth-root-authentication-method=socket", "--skip-name-resolve"], timeout_s=60)
        self.server = process.Process(["/usr/sbin/mariadbd", f"--defaults-file={config}"], f"{self.dir}/server.log",
                                      user="mysql")
        self.server.wait_for_socket(self.socket, 30)
        return self

    def create_slurm_user(self, database, password):
        """A user that may do everything in `database` and nothing elsewhere."""
        if not database.replace("_", "").isalnum() or not password.isalnum():
            raise ValueError("plain names only")
        process.run(["/usr/bin/mariadb", "-S", self.socket], stdin=f"""
            create or replace user {database}@'127.0.0.1' identified by '{password}';
            grant all on `{database}`.* to {database}@'127.0.0.1';""")

    def stop(self):
        if self.server:
            self.server.terminate(15)
            self.server = None
