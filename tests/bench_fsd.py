"""How much quicker the nuclear norm is than the matrix square root, for the same number. Prints JSON; asserts nothing about time.

    python tests/bench_fsd.py [--n 200] [--dim 2048] [--repeats 1]
"""
import argparse, json, sys, time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import numpy as np
import scipy.linalg

from msan_nb.core import environment, stream
from msan_nb.metrics.fsd import frechet_distance


def by_root(a, b):
    "The textbook formula with SciPy's matrix square root."
    ca, cb = np.cov(a.T), np.cov(b.T)
    return ((a.mean(0) - b.mean(0))**2).sum() + np.trace(ca + cb - 2*scipy.linalg.sqrtm(ca @ cb)).real


def best(function, a, b, repeats):
    "Value and shortest time of several calls, in seconds."
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        value = function(a, b)
        times.append(time.perf_counter() - start)
    return float(value), min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=200, help="vectors in each set")
    parser.add_argument("--dim", type=int, default=2048, help="length of a vector")
    parser.add_argument("--repeats", type=int, default=1, help="calls of the slow one; the quick one gets ten times as many")
    args = parser.parse_args()
    rng = stream("bench fsd", args.n, args.dim)
    a, b = rng.normal(size=(args.n, args.dim)), 1.3*rng.normal(size=(args.n, args.dim)) + .2
    quick, quick_s = best(frechet_distance, a, b, 10*args.repeats)
    slow, slow_s = best(by_root, a, b, args.repeats)
    print(json.dumps({"n": args.n, "dim": args.dim, "fsd": quick, "relative_difference": quick/slow - 1, "seconds": quick_s,
                      "sqrtm_seconds": slow_s, "ratio": slow_s/quick_s, "environment": environment()}, indent=1))


if __name__ == "__main__": main()
