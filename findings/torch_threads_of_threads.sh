#!/usr/bin/env bash
# A good guess: torch.set_num_threads(1) holds for the process, or else for the thread that says it. It is both: what
# another thread sets later leaves the first as it was, and every thread that is begun after that takes the last number
# that anybody has set. So a helper thread that sets 2 for itself, and is long gone, gives its 2 to all later ones, while
# the main thread still says 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile torch==2.15.0 numpy==2.4.6

venv/bin/python -W ignore - << 'EOF'
from concurrent.futures import ThreadPoolExecutor

import torch


def in_a_new_thread(action):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(action).result()


torch.set_num_threads(3)
before = torch.get_num_threads(), in_a_new_thread(torch.get_num_threads)
in_a_new_thread(lambda: torch.set_num_threads(5))
after = torch.get_num_threads(), in_a_new_thread(torch.get_num_threads)
print("versions: torch", torch.__version__)
print("guess: (3, 3), and after another thread has set 5: (5, 5), or (3, 3)")
print("seen:  main and a new thread", before, "and after another thread has set 5:", after)
assert before == (3, 3) and after == (3, 5)
EOF
