"""Runs a program that the kernel kills when the parent that started it is gone.

A script of its own, started as `python with_parent.py PARENT_PID PROGRAM ARGUMENT...`: the request to the
kernel must be made in the new process, and running Python there between fork and exec is not safe in a
parent with gRPC's threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Asks the kernel, then becomes the program."""
    parent_pid, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":  # Elsewhere only an orderly end of the parent ends its children.
        # Not SIGTERM: etcd and the others go at the same moment, so nobody is left to hand shards over to,
        # and one that is stopped or stuck would stay for ever. Journals outlive a kill.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # It ended before the request was in place.
        sys.exit(1)
    try:
        os.execvp(command[0], command)  # noqa: S606 - becoming the program is the purpose
    except OSError as failure:
        sys.exit(f"{command[0]}: {failure.strerror}")


if __name__ == "__main__":
    main()
