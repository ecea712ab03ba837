"""The rows of the proof: what is promised, and the figure that a full run must reach."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One promise. `goal` is what the full tier must reach."""

    title: str
    goal: str


ROWS: dict[str, Row] = {
    "coordinator-kills": Row(
        "kill -9 of the coordinator at random points, 16 nodes, 8 submitters",
        "1,000 kills over 100,000 jobs: nothing acknowledged is lost, every job ends once",
    ),
    "power-cuts": Row(
        "power loss: unsynced sectors are dropped",
        "2,000 cuts, nothing lost; synchronous=NORMAL must lose some",
    ),
    "crash-points": Row(
        "crash at the n-th write, sync, truncate or send of one full cycle",
        "every point, 0 violations",
    ),
    "fsync-errors": Row(
        "a write or fsync fails",
        "nothing acknowledged is lost; the coordinator takes no more changes until a restart",
    ),
    "disk-full": Row(
        "the disk fills up, then has room again",
        "only 503 and 507; every accepted job completes; no restart",
    ),
    "simulation": Row(
        "seeded simulation of the core: drops, duplicates, delays, crashes, pauses, clock jumps",
        "10,000 seeds; each mutant of the core caught within 20",
    ),
    "state-machine": Row(
        "random histories against the real store",
        "10,000 histories of 50 steps",
    ),
    "node-kills": Row(
        "kill -9 of nodes in the middle of jobs",
        "500 kills: every job ends once",
    ),
    "zombies": Row(
        "nodes stopped past their lease, then let go on",
        "300 zombies: every late result 409, nothing overwritten",
    ),
    "lossy-network": Row(
        "answers dropped after the commit, resets, half-open connections, 10 kB/s, partition",
        "10,000 dropped answers per endpoint: no duplicate, all done within 60 s of healing",
    ),
    "fuzz-structured": Row(
        "requests made from the OpenAPI document",
        "10,000 per endpoint: no 5xx, nothing over 1 s, memory + < 32 MiB",
    ),
    "fuzz-raw": Row(
        "random bytes and broken HTTP",
        "10,000 connections: no 5xx, nothing over 1 s, the coordinator answers on",
    ),
    "nasty-corpus": Row(
        "deep JSON, NaN, lone surrogates, huge integers, bombs, wrong encodings",
        "every one 4xx",
    ),
    "slow-clients": Row(
        "1,000 connections that drip",
        "a good client's p99 < 100 ms",
    ),
    "busy-kernel": Row(
        "a cell of pure Python for 60 s; the interpreter held for 30 s",
        "p99 of a poll <= 50 ms; no lease lost",
    ),
    "fork": Row(
        "a cell forks, then the kernel dies",
        "the port is refused within 1 s; the child cannot write the database",
    ),
    "clocks": Row(
        "the clock jumps by an hour to ten years; the laptop sleeps",
        "no lease ends early, none lasts for ever",
    ),
    "two-coordinators": Row(
        "two coordinators on one database",
        "the loser refuses within 1 s and names the holder",
    ),
    "kernel-restarts": Row(
        "real kernel restarts in the middle of a sweep",
        "50 restarts: the jobs go on",
    ),
    "million-jobs": Row(
        "1,000,000 finished jobs",
        "throughput >= 80 % of empty, restart <= 2 s, GET /jobs?limit=100 p99 <= 100 ms",
    ),
    "authorisation": Row(
        "endpoint x method x scope x own or foreign",
        "generated; equal to the table in docs/protocol.md",
    ),
    "hostile-page": Row(
        "a hostile web page in a real browser: CSRF, DNS rebinding, foreign origin",
        "no state changes, nothing is read",
    ),
    "pickle": Row(
        "results from a node without a trusted credential",
        "never unpickled in the kernel",
    ),
    "soak": Row(
        "hours of work in minutes",
        "memory, descriptors and threads are flat",
    ),
    "mutants": Row(
        "broken builds, fourteen kinds",
        "every one makes its test fail",
    ),
}
