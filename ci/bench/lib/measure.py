"""Runs one program, stamps each piece of its standard output as it comes, and says what the program took.

    python3 -I -S measure.py RESULT PROGRAM ARGUMENT...

A process of its own, with next to nothing imported: the highest memory that the kernel reports for a program is at least
that of the process which started it, and a busy reader would stamp late.
"""
import os
import sys
import time


def main():
    result, program = sys.argv[1], sys.argv[2:]
    reader, writer = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_CLOSE, reader), (os.POSIX_SPAWN_CLOSE, writer)]
    began = time.time_ns()
    process = os.posix_spawn(program[0], program, os.environ, file_actions=actions)
    os.close(writer)
    pieces = []
    while piece := os.read(reader, 1 << 16):
        pieces.append((time.time_ns(), piece))
    _, status, usage = os.wait4(process, 0)
    ended = time.time_ns()

    import json  # not before: see above
    with open(result, "w") as file:
        json.dump({
            "exitCode": os.waitstatus_to_exitcode(status),
            "began": began,
            "ended": ended,
            "cpuSeconds": usage.ru_utime + usage.ru_stime,
            "peakBytes": usage.ru_maxrss * 1024,
            "lines": list(lines(pieces)),
        }, file)


def lines(pieces):
    """Each line with the time of the piece that completed it."""
    rest = b""
    for at, piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield at, line.decode(errors="replace")
    if rest:
        yield pieces[-1][0], rest.decode(errors="replace")


main()
