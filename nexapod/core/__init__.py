"""The pure core: what a job, a lease and a node are, and what may happen to them.

Nothing here reads a clock, draws a random number, logs, waits or touches a disk.
``decide(board, command, now)`` says what would happen; ``Board.apply(event)`` makes it so.
"""
