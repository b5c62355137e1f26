"""Makes the connector's packages from this build's programs, and does with them what a center's administrator does. Needs root."""

import glob
import json
import os
import re
import shutil
import signal
import sys
import tarfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))

from tests.lib import process, users, workdir  # noqa: E402
from tests.lib.scratch_root import ScratchRoot  # noqa: E402

BUILD = os.path.realpath(os.path.join(os.environ["BOURSE_PROGRAMS"], ".."))
DIR, CONFIG = "/var/lib/bourse-connector", "/etc/bourse-connector/connector.toml"
UNIT = "/usr/lib/systemd/system/bourse-connector.service"
# glibc's own; all else comes along.
GLIBC = re.compile(r"^(ld-linux[^/]*|ld64|libc|libm|libdl|libpthread|librt|libresolv|libutil|libanl|libmvec)\.so")
SETTINGS = """
[driver]
kind = "local"
pool = "here"
cores = 2
mem_mib = 2000
[identity]
pool = ["{}", "{}"]
"""

WHERE = None


def setUpModule():
    global WHERE
    process.end_on_signals()
    WHERE = workdir.fresh_dir("bourse-packages-")
    kinds = ["DEB", "TGZ"] + (["RPM"] if shutil.which("rpmbuild") else [])
    process.run(["cpack", "--config", f"{BUILD}/CPackConfig.cmake", "-G", ";".join(kinds), "-B", WHERE], timeout_s=240, cwd=BUILD)


def package(pattern):
    found = glob.glob(f"{WHERE}/{pattern}")
    assert len(found) == 1, f"{pattern}: {found} of {os.listdir(WHERE)}"
    return found[0]


def out(*argv, **options):
    return process.run(argv, **options).stdout


def needed(binary):
    return re.findall(r"\(NEEDED\).*\[(.+)\]", out("readelf", "-d", binary))


class Deb(unittest.TestCase):
    def setUp(self):
        self.deb = package("*.deb")

    def test_its_figures_are_the_toolchains(self):
        field = lambda name: out("dpkg-deb", "-f", self.deb, name).strip()  # noqa: E731
        self.assertEqual(field("Package"), "bourse-connector")
        self.assertEqual(field("Architecture"), out("dpkg", "--print-architecture").strip())
        for wanted in (r"libc6 \(>= ", r"libgrpc\+\+", "libsodium", r"systemd \| passwd"):
            self.assertRegex(field("Depends"), wanted)
        version = out(f"{BUILD}/bin/bourse-connector", "--version").split()[1]
        self.assertEqual(field("Version"), version)
        self.assertEqual(os.path.basename(self.deb), f"bourse-connector_{version}_{field('Architecture')}.deb")

    def test_its_files_are_roots_and_its_programs_look_in_no_path_of_their_own(self):
        listing = out("dpkg-deb", "-c", self.deb).splitlines()
        self.assertTrue(all(line.split()[1] == "root/root" for line in listing), listing)
        self.assertFalse([line for line in listing if line[5] == "w" or line[8] == "w" if not line.startswith("l")], "only root may write")
        names = {line.split()[5].lstrip(".") for line in listing}
        for wanted in ("/usr/bin/bourse-connector", "/usr/libexec/bourse-connector/bourse-job-shim", UNIT, CONFIG, "/etc/logrotate.d/bourse-connector",
                       "/usr/share/man/man1/bourse-connector.1.gz", "/usr/lib/sysusers.d/bourse-connector.conf"):
            self.assertIn(wanted, names)
        unpacked = f"{WHERE}/unpacked"
        process.run(["dpkg-deb", "-x", self.deb, unpacked])
        for program in ("bourse-connector", "bourse-job-shim"):
            self.assertNotRegex(out("readelf", "-d", f"{unpacked}/usr/libexec/bourse-connector/{program}"), "RPATH|RUNPATH")

    @unittest.skipUnless(shutil.which("lintian"), "lintian is not installed")
    def test_lintian_finds_no_error(self):
        done = process.run(["lintian", "--allow-root", "--fail-on", "error", "--suppress-tags", "no-copyright-file,no-changelog,bogus-mail-host",
                            self.deb], timeout_s=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)


class Installed(unittest.TestCase):
    """The deb in a root of its own: installed, used, removed, purged."""

    @classmethod
    def setUpClass(cls):
        cls.users = users.job_users(2)
        try:
            cls.root = ScratchRoot(f"{WHERE}/scratch")
        except process.StartError as error:
            raise unittest.SkipTest(f"no private overlay here: {error}") from error
        cls.root.take(package("*.deb"), "/package.deb")  # /tmp is another one in there
        cls.root.run(["dpkg", "--no-triggers", "-i", "/package.deb"])

    @classmethod
    def tearDownClass(cls):
        cls.root.close()

    def owner(self, path):
        return self.root.run(["stat", "-c", "%U %G %a", path]).stdout.strip()

    def as_service(self, *argv, **options):
        return self.root.run(["bourse-connector-as-service", *argv], timeout_s=200, check=False, **options)

    def test_1_it_has_a_user_and_folders_of_its_own(self):
        self.assertRegex(self.root.run(["getent", "passwd", "bourse-connector"]).stdout, r":/var/lib/bourse-connector:/usr/sbin/nologin$")
        self.assertEqual(self.owner(DIR), "bourse-connector bourse-connector 700")
        self.assertEqual(self.owner(f"{DIR}-jobs"), "bourse-connector bourse-connector 711")
        self.assertEqual(self.owner(CONFIG), "root root 644")

    def test_2_systemd_takes_the_unit(self):
        done = self.root.run(["systemd-analyze", "verify", UNIT], check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        # 0 is a unit that may nothing, 100 one that may everything; becoming other users is most of what is left here.
        done = self.root.run(["systemd-analyze", "security", "--offline=yes", "--threshold=50", "--no-pager", UNIT], check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @unittest.skipUnless(shutil.which("logrotate"), "logrotate is not installed")
    def test_2_logrotate_takes_its_file(self):
        self.root.run(["mkdir", "-p", "/var/log/bourse-connector"])
        self.assertNotIn("error", self.root.run(["logrotate", "-d", "/etc/logrotate.d/bourse-connector"]).stderr)

    def test_3_it_runs_jobs_with_the_units_capabilities_and_no_others(self):
        self.root.write(CONFIG, SETTINGS.format(*self.users))
        # It has joined no market, which doctor says too; what depends on none must be fine.
        doctor = self.as_service("doctor", "--dir", DIR, "--config", CONFIG)
        for what in ("folder", "configuration", "spool", "jobs' folder", "local users", "scheduler", "pool here"):
            self.assertRegex(doctor.stdout, rf"(?m)^(fine|warning) +{what} ", doctor.stdout + doctor.stderr)
        # Five capabilities are enough for whatever does not have to signal the jobs of others: what a cluster's scheduler does itself.
        self.conform("environment", "files", "script-bytes", "restart")

    def test_4_jobs_on_this_machine_need_the_drop_in(self):
        self.root.run(["mkdir", "-p", "/etc/systemd/system/bourse-connector.service.d"])
        self.root.run(["cp", "/usr/share/doc/bourse-connector/local-jobs.conf", "/etc/systemd/system/bourse-connector.service.d/"])
        done = self.root.run(["systemd-analyze", "verify", UNIT], check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        self.conform("environment", "cancel-running", "cancel-at-once", "walltime")

    def conform(self, *checks):
        only = [word for check in checks for word in ("--only", check)]
        done = self.as_service("conform", "--dir", DIR, "--config", CONFIG, "--yes", "--output", "json", *only)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual([(check["name"], check["verdict"]) for check in report["checks"]], sorted(
            ((name, "passed") for name in checks), key=lambda row: [check["name"] for check in report["checks"]].index(row[0])))
        self.assertEqual((report["user"], report["pool"], report["left"]), (self.users[0], "here", []))
        self.assertFalse(self.root.exists(f"{DIR}/conform"))
        self.assertEqual(self.root.run(["ls", "-A", f"{DIR}-jobs"]).stdout, "")

    def test_5_conform_as_root_says_who_should(self):
        done = self.root.run(["bourse-connector", "conform", "--dir", DIR, "--config", CONFIG, "--yes"], check=False)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("bourse-connector-as-service", done.stderr)

    def test_6_conform_asks_before_it_begins(self):
        done = self.as_service("conform", "--dir", DIR, "--config", CONFIG)
        self.assertEqual(done.returncode, 2)
        self.assertIn("about fifty short jobs", done.stderr)
        self.assertIn("--yes", done.stderr)

    def test_6_interrupted_conform_clears_up(self):
        running = self.root.start(["bourse-connector-as-service", "conform", "--dir", DIR, "--config", CONFIG, "--yes", "--only", "environment", "--only", "pause"],
                                  f"{WHERE}/interrupted.log")
        running.wait_for_line(r"^passed +environment", timeout_s=60)
        process.wait_until(lambda: self.root.run(["ls", f"{DIR}-jobs"]).stdout, 30, "the next check's job", interval_s=0.1)
        running.signal(signal.SIGINT)
        self.assertEqual(running.wait(60), 130, running.output())
        self.assertRegex(running.output(), r"skipped +pause")
        self.assertRegex(running.output(), "1 passed, 0 failed, 0 not supported, 1 skipped; stopped")
        self.assertNotIn("left behind", running.output())
        self.assertEqual(self.root.run(["ls", "-A", f"{DIR}-jobs"]).stdout, "")
        self.assertFalse(self.root.exists(f"{DIR}/conform"))

    def test_7_removed_it_can_come_back_purged_it_is_gone(self):
        self.root.write(f"{DIR}/a.key", "a key")
        self.root.run(["dpkg", "--no-triggers", "-r", "bourse-connector"])
        self.assertFalse(self.root.exists("/usr/bin/bourse-connector"))
        self.assertTrue(self.root.exists(f"{DIR}/a.key"), "keys stay")
        self.assertTrue(self.root.exists(CONFIG), "configuration stays")
        self.root.run(["dpkg", "--no-triggers", "-P", "bourse-connector"])
        for gone in (DIR, "/etc/bourse-connector", f"{DIR}-jobs", "/etc/logrotate.d/bourse-connector"):
            self.assertFalse(self.root.exists(gone), gone)


class Tar(unittest.TestCase):
    """The tar where there is nothing but it and glibc."""

    @classmethod
    def setUpClass(cls):
        cls.root = f"{WHERE}/bare"
        with tarfile.open(package("*.tar.gz")) as tar:
            names = tar.getnames()
            tar.extractall(f"{cls.root}/opt", filter="fully_trusted") if hasattr(tarfile, "data_filter") else tar.extractall(f"{cls.root}/opt")
        cls.top = os.path.commonpath(names)
        cls.home = f"{cls.root}/opt/{cls.top}"
        cls.programs = [f"{cls.home}/libexec/bourse-connector/{name}" for name in ("bourse-connector", "bourse-job-shim")]

    def test_its_name_is_of_the_machine_it_is_for(self):
        self.assertRegex(self.top, rf"^bourse-connector-[0-9.]+-{re.escape(os.uname().machine)}$")

    def test_it_has_all_libraries_but_glibcs(self):
        carried = {os.path.basename(path) for path in glob.glob(f"{self.home}/libexec/bourse-connector/lib/*")}
        self.assertFalse([name for name in carried if GLIBC.match(name)], "glibc must be the host's")
        for binary in self.programs + glob.glob(f"{self.home}/libexec/bourse-connector/lib/*"):
            missing = [name for name in needed(binary) if name not in carried and not GLIBC.match(name)]
            self.assertFalse(missing, binary)
        self.assertTrue(os.listdir(f"{self.home}/share/doc/bourse-connector/third-party"), "what the libraries' authors ask for")

    def test_it_runs_on_nothing_but_glibc(self):
        interpreter = re.search(r"interpreter: (.+)\]", out("readelf", "-l", self.programs[0])).group(1)
        libc = os.path.dirname(os.path.realpath(re.search(r"libc\.so\.6 => (\S+)", out("ldd", self.programs[0])).group(1)))
        for path in [os.path.join(libc, name) for name in os.listdir(libc) if GLIBC.match(name)]:
            target = f"{self.root}{path}"
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(os.path.realpath(path), target)
            os.chmod(target, 0o755)
        os.makedirs(f"{self.root}{os.path.dirname(interpreter)}", exist_ok=True)
        shutil.copy(os.path.realpath(interpreter), f"{self.root}{interpreter}")
        # The loader looks in /lib too.
        if not os.path.exists(f"{self.root}/lib"):
            os.symlink("usr/lib", f"{self.root}/lib")
        for folder in ("proc", "dev", "etc", "var/lib"):
            os.makedirs(f"{self.root}/{folder}", exist_ok=True)
        user = users.job_users(1)[0]
        for name in ("passwd", "group"):
            shutil.copy(f"/etc/{name}", f"{self.root}/etc/{name}")
        self.assertIn("bourse-connector ", self.inside("--version"))
        self.assertIn("conform", self.inside("--help"))
        self.assertIn("name the bundle", self.inside("join", "--dir", "/var/lib/c", expected=2))  # and makes the folder and the keys
        with open(f"{self.root}/var/lib/c/connector.toml", "w", encoding="ascii") as file:
            file.write(SETTINGS.format(user, user))
        self.assertRegex(self.inside("doctor", "--dir", "/var/lib/c"), r"fine +scheduler +local")
        # The newest glibc symbol that anything in it asks for is what it says it needs.
        with open(f"{self.home}/glibc-version", encoding="ascii") as file:
            said = file.read().strip()
        asked = re.findall(r"GLIBC_([0-9.]+)", out("objdump", "-T", *self.programs, *glob.glob(f"{self.home}/libexec/bourse-connector/lib/*.so*")))
        newest = max(tuple(map(int, version.split("."))) for version in asked)
        self.assertEqual(said, ".".join(map(str, newest)))

    def inside(self, *argv, expected=0):
        script = f'mount --bind /dev "{self.root}/dev" && mount -t proc proc "{self.root}/proc" && exec chroot "{self.root}" "$@"'
        done = process.run(["unshare", "--mount", "sh", "-c", script, "sh", f"/opt/{self.top}/bin/bourse-connector", *argv], check=False)
        self.assertEqual(done.returncode, expected, done.stdout + done.stderr)
        return done.stdout + done.stderr


@unittest.skipUnless(shutil.which("rpmbuild"), "rpmbuild is not installed: no rpm is made here; ./dev package installs it")
class Rpm(unittest.TestCase):
    def test_it_carries_its_libraries_and_asks_for_glibc_alone(self):
        rpm = package("*.rpm")
        machine = os.uname().machine
        self.assertTrue(rpm.endswith(f".{machine}.rpm"), rpm)
        files = out("rpm", "-qpl", rpm)
        for wanted in ("/usr/libexec/bourse-connector/lib/libgrpc++", "/usr/bin/bourse-connector\n", UNIT, CONFIG):
            self.assertIn(wanted, files)
        requires = {line.split()[0] for line in out("rpm", "-qpR", rpm).splitlines() if not line.startswith("rpmlib(")}
        self.assertFalse({name for name in requires if ".so" in name}, requires)
        self.assertIn("glibc", requires)
        self.assertIn(CONFIG, out("rpm", "-qpc", rpm))
        self.assertIn("systemd-sysusers", out("rpm", "-qp", "--scripts", rpm))


class Papers(unittest.TestCase):
    def setUp(self):
        self.page = f"{BUILD}/packaging/bourse-connector.1"

    def test_the_man_page_tells_every_command_and_option(self):
        with open(self.page, encoding="ascii") as file:
            page = file.read().replace("\\-", "-").replace("\\fB", "").replace("\\fP", "").replace("\\fR", "").replace("\\fI", "")
        program = f"{BUILD}/bin/bourse-connector"
        commands = re.findall(r"^  (\w+) {2,}", out(program, "--help").split("Subcommands:")[1], re.MULTILINE)
        self.assertIn("conform", commands)
        for command in commands:
            self.assertRegex(page, rf"(?m)^\.BI {command} ")
            for option in re.findall(r"^  (?:-\w,)?(--[\w-]+)", out(program, command, "--help"), re.MULTILINE):
                self.assertIn(option, page, command)

    def test_the_man_page_is_well_formed(self):
        if shutil.which("mandoc"):
            done = process.run(["mandoc", "-T", "lint", "-W", "warning", self.page], check=False)
            self.assertEqual(done.returncode, 0, done.stdout)
        env = process.minimal_env(MANROFFSEQ="", MANWIDTH="80", LC_ALL="C.UTF-8")
        done = process.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", self.page], env=env)
        self.assertEqual(done.stderr, "")


if __name__ == "__main__":
    unittest.main()
