"""What held and what did not, and what programs of others say."""

import subprocess


def text(amount):
    return f"{amount.normalize():f}" if amount else "0"


class Checks:
    """Collects what held and what did not."""

    def __init__(self, story):
        self.story, self.failures = story, []

    def that(self, held, what):
        self.story.say(("ok   " if held else "FAIL ") + what)
        if not held:
            self.failures.append(what)
        return bool(held)


def program(argv):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode == 0, (done.stdout + done.stderr).strip()
