"""Runs a program that the kernel kills when the parent that started it is gone.

A script of its own, started as `python with_parent.py PARENT_PID NICENESS SLICE_US HALF PROGRAM ARGUMENT...`:
the request to the kernel must be made in the new process, and running Python there between fork and exec is
not safe in a parent with gRPC's threads.
"""

import ctypes
import os
import signal
import struct
import sys

_PR_SET_PDEATHSIG = 1
_AUTOGROUP = "/proc/self/autogroup"
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
"""Numbers of the system call: most C libraries have no function for it."""
_SCHED_ATTR = "IIQiIQQQII"
"""Its argument: size, policy, flags, nice, priority, runtime, deadline, period, two clamps."""


def main() -> None:
    """Asks the kernel, then becomes the program."""
    parent_pid, niceness, slice_us, half = (int(argument) for argument in sys.argv[1:5])
    command = sys.argv[5:]
    if sys.platform == "linux":  # Elsewhere only an orderly end of the parent ends its children.
        # Not SIGTERM: etcd and the others go at the same moment, so nobody is left to hand shards over to,
        # and one that is stopped or stuck would stay for ever. Journals outlive a kill.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Before the program has threads, which would not follow.
    if niceness:
        _give_way(niceness)
    if slice_us:
        _take_short_turns(slice_us)
    if half:
        _keep_to(half)
    if os.getppid() != parent_pid:  # It ended before the request was in place.
        sys.exit(1)
    try:
        os.execvp(command[0], command)  # noqa: S606 - becoming the program is the purpose
    except OSError as failure:
        sys.exit(f"{command[0]}: {failure.strerror}")


def _give_way(niceness: int) -> None:
    """Leaves others more of the machine, as nice as 1 to 19."""
    os.nice(niceness)
    # Linux shares the processor among sessions first, if it has autogroups: there the niceness of a process
    # counts only within its own session, and every process of the mesh has one for itself.
    try:
        with open(_AUTOGROUP, "w") as autogroup:  # noqa: PTH123 - no import is worth its time here
            autogroup.write(str(niceness))
    except OSError:
        return  # There are none.


def _take_short_turns(slice_us: int) -> None:
    """Asks for turns of that length on the processor: whoever takes short ones need not wait for them.

    Niceness says how much of the machine one gets, and not how soon: Linux lets others, however nice, end
    their turn of some milliseconds first. Since 6.12 those who take shorter ones go before (EEVDF); older
    kernels and other systems do nothing.
    """
    number = _SCHED_SETATTR.get(os.uname().machine)
    if sys.platform == "linux" and number is not None:
        size = struct.calcsize(_SCHED_ATTR)
        wanted = struct.pack(_SCHED_ATTR, size, os.SCHED_OTHER, 0, os.nice(0), 0, slice_us * 1000, 0, 0, 0, 0)
        ctypes.CDLL(None).syscall(number, 0, wanted, 0)


def _keep_to(half: int) -> None:
    """Runs on the first or the second half of the processors only, where there are several."""
    if not hasattr(os, "sched_setaffinity"):
        return  # Linux alone has it.
    processors = sorted(os.sched_getaffinity(0))
    middle = len(processors) // 2
    try:
        os.sched_setaffinity(0, (processors[:middle] if half == 1 else processors[middle:]) or processors)
    except OSError:
        return  # A sandbox may forbid it.


if __name__ == "__main__":
    main()
