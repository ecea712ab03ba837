"""Broken builds of the whole package, one fault each, and the tests that must notice.

A new one is a kind, the file and the text that is wrong in it, and who sees that.
"""

from __future__ import annotations

from typing import NamedTuple

CORE = "tests/unit/core"
SERVICE = "tests/unit/coordinator/test_service.py"
FSYNC = "test_after_a_failed_write_nothing_acknowledged_is_lost_and_nobody_is_told_a_lie[sync]"


class Mutant(NamedTuple):
    """In `file` of nexapod, `wrong` stands where `right` should; all of `killers` must fail."""

    kind: str
    file: str
    right: str
    wrong: str
    killers: tuple[str, ...]


MUTANTS = (
    Mutant(
        "ack before commit",
        "coordinator/service.py",
        "if decision.wait and (batch :=",
        "if False and (batch :=",
        (f"{SERVICE}::test_no_answer_leaves_before_its_commit",),
    ),
    Mutant(
        "synchronous=NORMAL",
        "store/sqlite.py",
        '"synchronous = FULL"',
        '"synchronous = NORMAL"',
        ("tests/torture/test_power_cuts.py",),
    ),
    Mutant(
        "no epoch check",
        "core/deciding/reporting.py",
        "lease.node_id == command.node_id and lease.epoch == epoch:",
        "lease.node_id == command.node_id:",
        (
            f"{CORE}/test_states.py::test_a_result_under_an_old_epoch_is_refused_even_from_the_holder",
        ),
    ),
    Mutant(
        "no idempotency key",
        "core/deciding/submitting.py",
        "        job = board.keys.get(order.key)\n        if job is not None:",
        "        job = board.keys.get(order.key)\n        if False:",
        (
            f"{CORE}/test_submitting.py"
            "::test_the_same_key_gives_the_first_job_whatever_id_comes_with_it",
        ),
    ),
    Mutant(
        "no expiry",
        "core/deciding/ticking.py",
        "if job.lease.deadline_s <= now.mono_s:",
        "if False:",
        (f"{CORE}/test_leases.py::test_a_lease_ends_at_its_deadline_and_not_before",),
    ),
    Mutant(
        "expiry on wall clock",
        "core/decide.py",
        "(board, command, now)",
        "(board, command, Instant(now.at, now.at))",
        (f"{CORE}/test_leases.py::test_wall_time_decides_nothing_about_leases",),
    ),
    Mutant(
        "no gap rule",
        "core/deciding/ticking.py",
        "if command.gap_s > STALL_S:",
        "if False:",
        (
            f"{CORE}/test_leases.py"
            "::test_a_stalled_coordinator_expires_nothing_and_extends_every_lease_by_the_gap",
        ),
    ),
    Mutant(
        "result upsert instead of insert",
        "store/batch.sql",
        "INSERT INTO results",
        "INSERT OR REPLACE INTO results",
        ("tests/contract/test_store.py::test_the_table_of_results_takes_one_row_a_job[sqlite]",),
    ),
    Mutant(
        "path prefix check",
        "wire/routes.py",
        "pattern.fullmatch(path)",
        "pattern.match(path)",
        ("tests/unit/wire/test_routes.py::test_a_path_that_is_not_in_the_table_is_not_found",),
    ),
    Mutant(
        "Host prefix match",
        "api/gate.py",
        "if host not in self.hosts and host.lower() not in self.hosts:",
        'if not host.lower().startswith(tuple(h.rpartition(":")[0] for h in self.hosts)):',
        (
            "tests/integration/test_refusals.py"
            "::test_a_bad_request_is_refused_in_one_sentence_and_nothing_changes"
            "[the right Host on another port]",
        ),
    ),
    Mutant(
        "an unguarded method",
        "api/gate.py",
        "if route.scopes:",
        'if route.scopes and route.method != "DELETE":',
        ("tests/torture/test_authorisation.py::test_every_cell_of_the_table_is_true",),
    ),
    Mutant(
        "going on after an fsync error",
        "store/sqlite.py",
        "        self.close()\n        return errors.Unavailable(self._why_closed)",
        "        return errors.Unavailable(self._why_closed)",
        (f"tests/torture/test_fsync_errors.py::{FSYNC}",),
    ),
    Mutant(
        "a token compared by prefix",
        "coordinator/keyring.py",
        "hashlib.sha256(secret.encode(",
        "hashlib.sha256(secret[:20].encode(",
        (
            "tests/torture/test_authorisation.py"
            "::test_a_token_is_worth_nothing_in_part_after_its_time_or_in_another_case",
        ),
    ),
    Mutant(
        "ids not bound to credentials",
        "core/deciding/registering.py",
        'if bound and record.credential not in ("", bound)',
        'if False and record.credential not in ("", bound)',
        (
            "tests/torture/test_authorisation.py"
            "::test_a_node_id_stays_with_its_token_until_that_is_revoked",
        ),
    ),
)
#: Those that are quick to see, for every run of the tests.
QUICK = ("ack before commit", "no expiry", "result upsert instead of insert")
