"""Runs MiniStack on its own interpreter, until its parent process ends."""

import os
import runpy
import signal
import threading


def end_with_parent() -> None:
    """End the process group when standard input ends, because the parent has gone."""
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


threading.Thread(target=end_with_parent, daemon=True).start()
runpy.run_module("ministack", run_name="__main__", alter_sys=True)
