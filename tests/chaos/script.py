"""What happens in a run, decided by its seed: which jobs, which disturbances, when and for how long."""

import dataclasses
import random

SPAN_S = 3.5  # disturbances begin within so long

# what → (weight, lasts at most, of a center, has a direction)
NETWORK = {
    "bytes-delay": (2, 1.5, True, False),
    "bytes-cut": (3, 0, True, False),
    "bytes-hold": (3, 4.5, True, True),       # one-way silence; now and then beyond what a link is patient for
    "bytes-partition": (2, 4.5, True, False),
    "bytes-flap": (2, 2.0, True, False),
    "bytes-spoil": (2, 0, True, True),
    "message-lose": (4, 0, False, True),
    "message-double": (3, 0, False, True),
    "message-swap": (3, 0, False, True),
    "message-spoil": (3, 0, False, True),
    "message-delay": (1, 1.5, False, False),
}
KILLS = {"kill-broker": 5, "kill-connector": 8, "kill-edge": 3, "kill-postgresql": 3, "restart-slurmctld": 2, "restart-slurmdbd": 2}


@dataclasses.dataclass(frozen=True)
class Disturbance:
    at_s: float
    what: str
    center: str = ""
    direction: str = ""
    for_s: float = 0.0
    times: int = 1

    def __str__(self):
        words = [f"{self.at_s:.1f}s", self.what, self.center, self.direction, f"x{self.times}" if self.times > 1 else "",
                 f"for {self.for_s:.1f}s" if self.for_s else ""]
        return " ".join(word for word in words if word)


@dataclasses.dataclass(frozen=True)
class Work:
    name: str
    at_s: float
    sleep_s: float
    cores: int
    objective: str
    center: str = ""     # empty = the market chooses
    cancel_after_s: float = 0.0


def _network(rng, centers):
    what = rng.choices(list(NETWORK), [entry[0] for entry in NETWORK.values()])[0]
    _, longest, of_center, directed = NETWORK[what]
    return Disturbance(round(rng.uniform(0, SPAN_S), 2), what, rng.choice(centers) if of_center else "",
                       rng.choice(("up", "down")) if directed else "", round(rng.uniform(0.2, longest), 2) if longest else 0.0,
                       rng.randint(1, 4) if what.startswith("message") and directed else 1)


def disturbances(rng, centers):
    script = [_network(rng, centers) for _ in range(rng.randint(3, 6))]
    for what in set(rng.choices(list(KILLS), list(KILLS.values()), k=rng.choice((0, 1, 1, 1, 2)))):
        of_center = what in ("kill-connector", "restart-slurmctld", "restart-slurmdbd")
        script.append(Disturbance(round(rng.uniform(0.2, SPAN_S), 2), what, rng.choice(centers) if of_center else ""))
    return sorted(script, key=lambda one: (one.at_s, one.what))


def works(rng, centers, prefix):
    made = []
    for number in range(6):
        made.append(Work(f"{prefix}-{number}", round(rng.uniform(0, 2.0), 2), rng.choice((0, 0.3, 1, 2)), rng.choice((1, 1, 2)),
                         rng.choice(("cheapest", "fastest")), rng.choice(("", "", *centers)), 1.5 if rng.random() < 0.08 else 0.0))
    return sorted(made, key=lambda work: work.at_s)


@dataclasses.dataclass(frozen=True)
class Run:
    number: int
    seed: int
    works: list
    disturbances: list

    @staticmethod
    def of(number, seed, centers):
        rng = random.Random(seed)
        # The jobs' names hold the number, so that one seed can be repeated in a market that has had it already.
        return Run(number, seed, works(rng, centers, f"run{number}"), disturbances(rng, centers))

    def __str__(self):
        return f"run {self.number} seed {self.seed}: " + "; ".join(map(str, self.disturbances))
