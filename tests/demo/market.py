"""The market under test as its users meet it: `bourse up` and people at the command line."""

import json
import os
import subprocess

from lib import process
from lib.sign_in import sign_in


class CommandError(RuntimeError):
    """`bourse` refused. `code` is its exit code, `out` what it printed, `problem` the refusal."""

    def __init__(self, argv, code, out, err):
        super().__init__(f"bourse {' '.join(argv)}: exit code {code}\n{out}{err}")
        self.code, self.out, self.problem = code, out, (err + out).strip()


class Market:
    """One `bourse up` with its identity provider, in one state directory."""

    def __init__(self, programs, directory, node, idp_folder, people, port=None):
        self.programs, self.dir, self.node, self.idp_folder = programs, directory, node, idp_folder
        self.people = people  # name → (password, groups)
        self.port = port or process.free_port(8443)
        self.idp_port = process.free_port(17400)
        self.state = f"{directory}/market"
        self.url = f"https://127.0.0.1:{self.port}"
        self.ca = f"{self.state}/edge/root.pem"
        self.idp = None
        self.factors = None  # folder of tables of 度 factors

    def bourse(self, *argv, check=True, timeout_s=120):
        return process.run([f"{self.programs}/bourse", *argv], timeout_s=timeout_s, check=check)

    def start_identity_provider(self):
        config = f"{self.dir}/idp.json"
        with open(config, "w", encoding="utf-8") as file:
            json.dump({
                "port": self.idp_port,
                "users": {name: {"password": password, "name": name.capitalize(), "groups": groups}
                          for name, (password, groups) in self.people.items()},
                "clients": [{"client_id": "bourse", "client_secret": "a-secret-of-the-demo-only",
                             "redirect_uris": [f"{self.url}/auth/callback"]}],
            }, file)
        self.idp = process.Process([self.node, f"{self.idp_folder}/idp.mjs", config], f"{self.dir}/idp.log",
                                   cwd=self.idp_folder, name="identity provider")
        self.idp.wait_for_port(self.idp_port, 30)

    def write_issuers(self):
        with open(f"{self.dir}/idp.secret", "w", encoding="utf-8") as file:
            file.write("a-secret-of-the-demo-only")
        os.chmod(f"{self.dir}/idp.secret", 0o600)
        path = f"{self.dir}/issuers.toml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"""[[issuer]]
name = "demo"
url = "http://127.0.0.1:{self.idp_port}"
client_id = "bourse"
client_secret_file = "idp.secret"
tenant = "Demo University"
algorithm = "RS256"

[issuer.roles]
researchers = "user"
finance-office = "finance"
center-office = "center-admin"
operators = "operator"
""")
        return path

    def up(self, *more):
        factors = ["--factors", self.factors] if self.factors else []
        return self.bourse("up", "--state", self.state, "--port", str(self.port), "--issuers", self.write_issuers(),
                           "--two-people", *factors, *more).stdout

    def down(self):
        self.bourse("down", "--state", self.state, check=False)
        if self.idp:
            self.idp.terminate()

    def person(self, name):
        return Person(self, name, self.people[name][0])


class Person:
    """Somebody at a terminal, with a configuration folder of their own."""

    def __init__(self, market, name, password):
        self.market, self.name, self.password = market, name, password
        self.config = f"{market.dir}/people/{name}"
        os.makedirs(self.config, exist_ok=True)
        self.env = process.minimal_env(BOURSE_URL=market.url, BOURSE_CA=market.ca, BOURSE_CONFIG_DIR=self.config,
                                       HOME=self.config)

    def login(self):
        """`bourse login` in one hand, a browser in the other."""
        terminal = process.Process([f"{self.market.programs}/bourse", "login", "--no-browser"], f"{self.config}/login.log",
                                   env=self.env, name=f"bourse login ({self.name})")
        url = terminal.wait_for_line(r"https://\S+/oauth/authorize\S+", 20).group(0)
        sign_in(url, self.name, self.password, ca_file=self.market.ca)
        code = terminal.wait(30)
        if code != 0:
            raise CommandError(["login"], code, terminal.output(), "")

    def run(self, *argv, stdin="", timeout_s=120):
        """Raw output. Raises CommandError on any exit code but 0."""
        argv = [str(a) for a in argv]
        done = subprocess.run([f"{self.market.programs}/bourse", *argv], input=stdin, env=self.env, text=True,
                              capture_output=True, timeout=timeout_s, check=False)
        if done.returncode != 0:
            raise CommandError(argv, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def propose(self, second, *argv):
        """What takes two people: this one says it, `second` approves it. Returns the proposal as it ended."""
        proposal = self.ask(*argv)["proposal"]
        return second.ask("proposal", "approve", proposal["id"])

    def ask(self, *argv, stdin="", timeout_s=120):
        """The same with --output json, parsed."""
        return json.loads(self.run("--output", "json", *argv, stdin=stdin, timeout_s=timeout_s))
