"""Plays a script of disturbances on the world, and makes calm afterwards."""

import random
import threading
import time


class Weather:
    def __init__(self, world, run):
        self.world, self.run = world, run
        self.rng = random.Random(run.seed + 1)  # which bit is turned over
        self.threads, self.problems = [], []

    def play(self):
        """In the background; `calm` waits for it."""
        for one in self.run.disturbances:
            thread = threading.Thread(target=self._guarded, args=(one,), name=one.what, daemon=True)
            self.threads.append(thread)
            thread.start()

    def calm(self):
        """All disturbances are over and everything that was killed is started again. Raises what went wrong."""
        for thread in self.threads:
            thread.join(90)
        for center in self.world.centers.values():
            center.proxy.calm()
            center.start_connector()
        self.world.messages.calm()
        if self.problems:
            raise self.problems[0]

    def _guarded(self, one):
        try:
            time.sleep(one.at_s)
            self._do(one)
        except Exception as error:  # pylint: disable=broad-except
            self.problems.append(RuntimeError(f"{one}: {error}"))

    def _do(self, one):
        place, _, action = one.what.partition("-")
        if place == "bytes":
            self._bytes(one, action, self.world.centers[one.center].proxy)
        elif place == "message":
            self._message(one, action)
        elif one.what == "kill-connector":
            self._kill_connector(self.world.centers[one.center])
        elif place == "kill":
            self.world.kill_server({"edge": "nginx"}.get(action, action))
        else:
            cluster = self.world.centers[one.center].cluster
            cluster.stop_daemon(action)
            cluster.start_daemon(action)

    def _bytes(self, one, action, proxy):
        if action == "delay":
            proxy.delay(0.15)
            time.sleep(one.for_s)
            proxy.delay(0)
        elif action == "cut":
            proxy.cut()
        elif action in ("hold", "partition"):
            proxy.hold(*((one.direction,) if action == "hold" else ("up", "down")))
            time.sleep(one.for_s)
            proxy.let_go()
        elif action == "spoil":
            proxy.spoil(one.direction, self.rng)
        elif action == "flap":
            ends = time.monotonic() + one.for_s
            while time.monotonic() < ends:
                proxy.refuse(True)
                proxy.cut()
                time.sleep(0.2)
                proxy.refuse(False)
                time.sleep(0.3)

    def _message(self, one, action):
        if action == "delay":
            self.world.messages.delay(0.15)
            time.sleep(one.for_s)
            self.world.messages.delay(0)
            return
        for _ in range(one.times):
            self.world.messages.disturb(one.direction, action, self.rng)

    @staticmethod
    def _kill_connector(center):
        if center.connector.running():
            center.connector.kill()
        time.sleep(0.3)
        center.start_connector()
