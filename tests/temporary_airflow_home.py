"""An Airflow home of each test process's own. Airflow reads its settings at its first import.

A process of pytest-xdist inherits the variables of the one that started it. Two processes with one
home would share a database.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

_HOME = tempfile.mkdtemp(prefix="airworthy-airflow-home-")
_OWNER = os.getpid()
os.environ["AIRFLOW_HOME"] = _HOME
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"


@atexit.register
def _remove() -> None:
    # A fork of this process has the same exit functions.
    if os.getpid() == _OWNER:
        shutil.rmtree(_HOME, ignore_errors=True)
