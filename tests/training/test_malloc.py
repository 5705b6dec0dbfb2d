"""Memory that a step frees stays with the process."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import torch
from noisylab.training.malloc import keep_freed_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def given_back():
    tensor = torch.ones(12 * 2**20)
    full = resident()
    del tensor
    return full - resident()

given_back()
print(given_back())
keep_freed_memory()
given_back()
print(given_back())
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the setting")
def test_memory_that_was_freed_is_kept_for_the_next_step() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before > 40 * 2**20
    assert after < 2**20
