"""What Windows lacks is not needed: the whole package is imported, and made nice, without it."""

import subprocess
import sys

PROGRAM = """
import importlib, os, pkgutil, sys
import captum.attr, foolbox, ipykernel, filelock, matplotlib.pyplot, papermill, psutil, seaborn, skimage.transform, torchvision, tyro

for name in ("nice", "register_at_fork", "sched_getaffinity", "sysconf", "fork", "getuid", "setsid", "killpg"):
    if hasattr(os, name):
        delattr(os, name)
sys.modules.update(dict.fromkeys(("resource", "fcntl", "pwd", "grp", "termios")))
import c2f

names = [module.name for module in pkgutil.walk_packages(c2f.__path__, "c2f.") if module.name != "c2f.__main__"]
for name in names:
    importlib.import_module(name)
from c2f.book.execute import use
from c2f.common.cores import is_nice, usable_cores

print(len(names) > 100, is_nice(), len(usable_cores()) > 0, use().peak_mib > 0)
"""


def test_the_package_needs_nothing_that_windows_lacks():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.stdout == "True False True True\n", done.stderr
