"""The jobs of the demo's trade: small programs that compute something, and what each is meant to show."""

import dataclasses

PRIMES = """#!/bin/bash
# How many primes are there below the limit?
exec /usr/bin/python3 - <<'PY'
limit = {size}
sieve = bytearray([1]) * limit
sieve[:2] = b"\\0\\0"
for n in range(2, int(limit ** 0.5) + 1):
    if sieve[n]:
        sieve[n * n::n] = bytes(len(range(n * n, limit, n)))
print("primes below", limit, ":", sum(sieve))
PY
"""

MATRIX = """#!/bin/bash
# The trace of a matrix product.
exec /usr/bin/python3 - <<'PY'
n = {size}
a = [[(i * j + 1) % 17 for j in range(n)] for i in range(n)]
b = [[(i + 2 * j) % 13 for j in range(n)] for i in range(n)]
columns = list(zip(*b))
print("trace of the product:", sum(sum(x * y for x, y in zip(a[i], columns[i])) for i in range(n)),
      "checksum", sum(sum(x * y for x, y in zip(row, column)) for row in a for column in columns) % 1000003)
PY
"""

MONTE_CARLO = """#!/bin/bash
# Pi by throwing darts.
exec /usr/bin/awk 'BEGIN {{ srand(7); n = {size}; for (i = 0; i < n; i++) {{ x = rand(); y = rand(); if (x*x + y*y <= 1) hit++ }}
  printf "pi is about %.4f after %d darts\\n", 4 * hit / n, n }}'
"""

COMPRESSION = """#!/bin/bash
# How far does a long text shrink?
for level in 1 6 9; do
  size=$(seq {size} | gzip -$level | wc -c)
  echo "level $level: $size bytes"
done
"""

GPU = """#!/bin/bash
# Shows the cards the scheduler gave us, then works.
echo "cards: ${{CUDA_VISIBLE_DEVICES:-none}}"
exec /usr/bin/python3 -c 'import hashlib; h = b"seed"
for _ in range({size}): h = hashlib.sha256(h).digest()
print("hash chain ends in", h.hex()[:16])'
"""

LONG = """#!/bin/bash
# Counts for a while, a line a second.
for i in $(seq {size}); do echo "step $i of {size}"; sleep 1; done
"""


# As it was written for a Slurm cluster: it says itself what it needs, and the market is told nothing else.
SLURM_SCRIPT = """#!/bin/bash
#SBATCH --job-name=wind-tunnel
#SBATCH --partition=compute,long
#SBATCH --ntasks=1 --cpus-per-task=2     # one process, two threads
#SBATCH --mem-per-cpu=192M
#SBATCH --time=00:05:00
#SBATCH --output=wind-%j.out
#SBATCH --mail-type=END --mail-user=alice@example.org

echo "bought: $BOURSE_CORES cores, $BOURSE_MEM_MIB MiB, $BOURSE_WALLTIME_S s"
#SBATCH --ntasks=512
exec /usr/bin/awk 'BEGIN { for (i = 1; i <= 300000; i++) lift += sin(i / 1000); printf "lift %.3f\\n", lift }'
"""


@dataclasses.dataclass(frozen=True)
class Work:
    kind: str        # script | du | cheapest | fastest | gpu | refused | cancelled | survivor
    name: str
    script: str
    options: tuple   # of `bourse submit`; a script's are in itself
    owner: str = "alice"


def _options(cores, memory, minutes, *more):
    return ("--cores", str(cores), "--memory", memory, "--time", f"{minutes}m", *more)


def trade():
    """Every job of the demo, in the order of submission."""
    works = []
    programs = [("primes", PRIMES, 3_000_000), ("matrix", MATRIX, 110), ("pi", MONTE_CARLO, 1_500_000),
                ("squeeze", COMPRESSION, 400_000)]
    for i in range(10):
        name, script, size = programs[i % 4]
        works.append(Work("cheapest", f"{name}-{i}", script.format(size=size), _options(1, "256MiB", 5, "--objective", "cheapest"),
                          "alice" if i % 2 else "bob"))
    for i in range(8):
        name, script, size = programs[(i + 2) % 4]
        works.append(Work("fastest", f"quick-{name}-{i}", script.format(size=size),
                          _options(2, "512MiB", 5, "--objective", "fastest"), "bob" if i % 2 else "alice"))
    for i in range(6):
        works.append(Work("gpu", f"train-{i}", GPU.format(size=400_000),
                          _options(2, "512MiB", 5, "--gpus", "1", "--gpu-model", "a100")))
    for i in range(2):
        works.append(Work("refused", f"dear-{i}", PRIMES.format(size=1000),
                          _options(4, "1GiB", 60, "--budget", "0.01")))
    works.append(Work("script", "wind-tunnel", SLURM_SCRIPT, ()))
    works.append(Work("du", "packaged", LONG.format(size=6), _options(1, "256MiB", 5, "--pay-with", "DU")))
    return works


def cancelled(center):
    """Runs far longer than anybody waits, at a named center."""
    return Work("cancelled", "endless", LONG.format(size=600), _options(1, "128MiB", 15, "--center", center))


def survivors(center):
    """Still running when their center's connector and scheduler are killed."""
    return [Work("survivor", f"survivor-{i}", LONG.format(size=24), _options(1, "128MiB", 5, "--center", center), "bob")
            for i in range(2)]
