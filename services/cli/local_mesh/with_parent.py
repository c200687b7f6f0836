"""Runs a program that the kernel kills when the parent that started it is gone.

A script of its own, started as `python with_parent.py PARENT_PID NICENESS PROGRAM ARGUMENT...`: the request
to the kernel must be made in the new process, and running Python there between fork and exec is not safe in a
parent with gRPC's threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_AUTOGROUP = "/proc/self/autogroup"


def main() -> None:
    """Asks the kernel, then becomes the program."""
    parent_pid, niceness, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if sys.platform == "linux":  # Elsewhere only an orderly end of the parent ends its children.
        # Not SIGTERM: etcd and the others go at the same moment, so nobody is left to hand shards over to,
        # and one that is stopped or stuck would stay for ever. Journals outlive a kill.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if niceness:
        _give_way(niceness)
    if os.getppid() != parent_pid:  # It ended before the request was in place.
        sys.exit(1)
    try:
        os.execvp(command[0], command)  # noqa: S606 - becoming the program is the purpose
    except OSError as failure:
        sys.exit(f"{command[0]}: {failure.strerror}")


def _give_way(niceness: int) -> None:
    """Lets others run first, as nice as 1 to 19; before the program has threads, which would not follow."""
    os.nice(niceness)
    # Linux shares the processor among sessions first, if it has autogroups: there the niceness of a process
    # counts only within its own session, and every process of the mesh has one for itself.
    try:
        with open(_AUTOGROUP, "w") as autogroup:  # noqa: PTH123 - no import is worth its time here
            autogroup.write(str(niceness))
    except OSError:
        return  # There are none.


if __name__ == "__main__":
    main()
