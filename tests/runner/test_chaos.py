"""What kills cost: the runs that were under way, once more, and nothing else. Always: a killed search, test_cli."""

from pathlib import Path

import pytest

from chaos import chaos, check

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the processes are read in /proc"),
]


def test_kills_of_workers_and_drivers_lose_nothing_and_change_nothing(tmp_path: Path) -> None:
    calm = chaos(tmp_path, 40, 0, 0, seed=0, epochs=400)
    killed = chaos(tmp_path, 40, worker_kills=3, driver_kills=1, seed=1, epochs=400)
    check(killed, calm)
    assert killed.explained.total() >= 2  # that kills met runs
