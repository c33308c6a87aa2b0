"""Write training.json: what Keras on JAX gives for each run of tests/models/*_scenarios.py.

python tests/golden/make_training.py [names of scenarios to make anew]
"""

import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"
sys.path.insert(0, str(Path(__file__).parents[1] / "models"))

import callback_scenarios  # noqa: F401 - these add to SCENARIOS
import data_scenarios  # noqa: F401
import fit_scenarios  # noqa: F401
import keras
from scenarios import SCENARIOS, plain

FILE = Path(__file__).with_name("training.json")


def main():
    golden = json.loads(FILE.read_text()) if FILE.exists() and sys.argv[1:] else {}
    names = sys.argv[1:] or SCENARIOS
    for name in names:
        keras.utils.set_random_seed(0)
        golden[name] = plain(SCENARIOS[name](keras))
        print(name, flush=True)
    rows = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(golden[name], separators=(',', ':'))}" for name in sorted(golden)
    )
    FILE.write_text("{\n" + rows + "\n}\n")


if __name__ == "__main__":
    main()
