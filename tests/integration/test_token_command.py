"""``nexapod token`` and ``fleet.tokens`` against a real coordinator."""

from __future__ import annotations

from pathlib import Path

import pytest

import nexapod as package
from nexapod import errors
from tests.integration.conftest import Serve
from tests.integration.parts import Client, nexapod


def test_a_token_is_made_listed_used_and_revoked_from_the_command_line(serve: Serve):
    coordinator = serve()
    here = ("--database", str(coordinator.database))
    made = nexapod("token", "create", "submit", "view", "--label", "Ada", *here)
    assert made.returncode == 0, made.stderr
    secret = made.stdout.strip()
    assert secret not in made.stderr
    client = Client(coordinator.url, secret)
    job_id = client.submit({"n": 1})
    assert client.job(job_id)["status"] == "pending"
    assert client.ask("POST", "/tokens", {"scopes": ["admin"]}).status == 403

    listed = nexapod("token", "list", *here)
    (line,) = [line for line in listed.stdout.splitlines() if "Ada" in line]
    token_id, *rest = line.split("  ")
    assert rest == ["view submit", "Ada"]
    assert secret not in listed.stdout

    assert nexapod("token", "revoke", token_id, *here).returncode == 0
    assert client.ask("GET", "/jobs").status == 401
    assert "revoked" in nexapod("token", "list", *here).stdout
    again = nexapod("token", "revoke", "never-was", *here)
    assert (again.returncode, again.stderr) == (2, "nexapod: there is no token with this id\n")


def test_a_token_needs_a_coordinator_that_runs(tmp_path: Path):
    found = nexapod("token", "list", "--database", str(tmp_path / "none.db"))
    assert found.returncode == 2
    assert "no coordinator of the fleet 'default' runs here" in found.stderr


def test_an_elsewhere_coordinator_is_asked_with_an_admins_token(serve: Serve):
    coordinator = serve()
    environment = {"NEXAPOD_TOKEN": coordinator.token or ""}
    made = nexapod("token", "create", "node", "--untrusted", "--expires-days", "1",
                   "--url", coordinator.url, **environment)  # fmt: skip
    assert made.returncode == 0, made.stderr
    reply = Client(coordinator.url, made.stdout.strip()).register("stranger")
    assert reply["trusted"] is False
    weak = nexapod(
        "token", "create", "view", "--url", coordinator.url, NEXAPOD_TOKEN=made.stdout.strip()
    )
    assert weak.returncode == 2
    assert "scope" in weak.stderr


def test_a_connected_fleet_with_a_small_token_does_what_it_may_and_no_more(serve: Serve):
    coordinator = serve()
    with package.connect(coordinator.url, coordinator.token) as owner:
        token = owner.tokens.create("submit", label="a student", expires_in_s=3600.0)
        assert token.secret not in repr(token)
        theirs = owner.submit_data({"n": 1})
        owner.flush()
        with package.connect(coordinator.url, token.secret) as fleet:
            mine = fleet.submit_data({"n": 2})
            fleet.flush()
            assert list(fleet.jobs.index) == [mine.job_id]
            with pytest.raises(errors.Forbidden):
                fleet.tokens.create("admin")
            with pytest.raises(errors.Forbidden):
                fleet.invite()
            with pytest.raises(errors.Forbidden):
                fleet.future(theirs.job_id).result(5.0)
            assert mine.cancel()
        assert not theirs.cancelled()
        frame = owner.tokens.frame
        assert frame.loc[token.id, "label"] == "a student"
        assert not frame["expires_at"].isna()[token.id]
        owner.tokens.revoke(token)
        assert not owner.tokens.frame["revoked_at"].isna()[token.id]
        with pytest.raises(errors.Unauthorized, match="revoked"):
            package.connect(coordinator.url, token.secret)
        with pytest.raises(errors.Invalid, match="scopes are"):
            owner.tokens.create("root")  # type: ignore[arg-type]


def test_the_audit_says_who_did_what(serve: Serve):
    coordinator = serve()
    client = coordinator.client()
    made = client.post("/tokens", {"scopes": ["submit"], "label": "Ada"})
    ada = Client(coordinator.url, made["token"])
    job_id = ada.submit({"n": 1})
    client.post(f"/jobs/{job_id}/cancel")
    client.register("node-1")
    client.ask("DELETE", f"/tokens/{made['id']}")
    with package.connect(coordinator.url, coordinator.token) as fleet:
        audit = fleet.audit
    rows = list(zip(audit["actor"], audit["action"], audit["subject"], strict=True))
    for row in (
        ("owner", "token.make", made["id"]), (made["id"], "submit", ""),
        ("owner", "cancel", job_id), ("owner", "node.register", "node-1"),
        ("owner", "token.revoke", made["id"]),
    ):  # fmt: skip
        assert row in rows, rows
    assert (audit["address"] == "127.0.0.1").all()
    assert made["token"] not in audit.to_csv()
