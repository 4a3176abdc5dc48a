"""Keep the numbers of a finished run in results/NAME: settings, hashes, metrics and distances, no image and no weight. The README reads them."""
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = ("config.json", "env.json", "data.json", "metrics.csv", "fsd.csv")
EXTRA = ("diagnostics.json", "pulls.csv", "costs.csv", "times.csv", "clusters.csv", "tuning.csv", "shares.json", "ablation.csv", "equal.csv") # of `msan tune`, `msan ablate` and `msan equal`

if __name__ == "__main__":
    run = Path(sys.argv[1])
    missing = [name for name in KEPT if not (run / name).is_file()]
    if missing: sys.exit(f"{run}: not a finished run: {', '.join(missing)} missing. To mend it: start its command again.")
    target = ROOT / "results" / run.resolve().name
    target.mkdir(parents=True, exist_ok=True)
    found = [*KEPT, *(name for name in EXTRA if (run / name).is_file())]
    for name in found: shutil.copy(run / name, target / name)
    print(f"results/{target.name}: {', '.join(found)}")
