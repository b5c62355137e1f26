"""A few runs of `./dev chaos`, always the same ones (BOURSE_CHAOS_SEED and BOURSE_CHAOS_RUNS for others)."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from chaos.chaos import campaign  # noqa: E402

if __name__ == "__main__":
    sys.exit(0 if campaign(int(os.environ.get("BOURSE_CHAOS_SEED", "20261123")), int(os.environ.get("BOURSE_CHAOS_RUNS", "5"))) else 1)
