"""What is not strict JSON is refused, and the sentence says why."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexapod import errors
from nexapod.wire import codec
from nexapod.wire import messages as m

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(JSON_VALUES)
def test_every_json_value_passes(value: Any) -> None:
    codec.check_json(json.dumps(value).encode())
    codec.check_json(json.dumps(value, ensure_ascii=False, indent=1).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"{", b"[1,]", b'{"a":1,}', b"{a:1}", b"'a'", b'"a', b"01", b"+1", b".5", b"1.",
        b"0x1", b"1e", b"-", b"tru", b"nul", b"True", b"undefined", b"[1] [2]", b"{}x", b"//c\n1",
        b"/**/1", b"\xef\xbb\xbf{}", b"{}\x00", b'"\x01"', b'"\t"', b'"\\x41"', b'"\\u12"',
        b"NaN", b"[Infinity]", b'{"a":-Infinity}', b"1e999", b"-1e999", b'{"a":1,"a":2}',
        b'{"a":1,"\\u0061":1}', b'[{"b":{"c":1,"c":1}}]', b'"\xff"', b"\xff\xfe1\x00",
        b'"\xc0\x80"',
        b'"\xed\xa0\x80"', b'"\\ud800"', b'"\\udc00\\ud800"', b'{"\\ud83d":1}', b"1" * 5000,
        b"[" * 100_000, b'{"a":' * 100_000, b"[" * 66 + b"]" * 66, b"\x0c1", b"\xc2\xa01",
    ],
)  # fmt: skip
def test_what_parsers_disagree_about_is_refused(body: bytes) -> None:
    with pytest.raises(errors.BadRequest) as caught:
        codec.check_json(body)
    assert len(caught.value.message) < 100
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        b"null", b"0", b"-0", b'""', b"[]", b"{}", b" \t\r\n1\n", b'"\\ud83d\\ude00"', b"1E5",
        '"é\u2028"'.encode(), b'"\\u0000"', b'{"":1}', b"[" * 64 + b"]" * 64,
        b'"' + b"[" * 1000 + b'"', b"123456789012345678901234567890", b"5e-324", b'{"a":{"a":1}}',
    ],
)  # fmt: skip
def test_unusual_json_that_everybody_reads_alike_passes(body: bytes) -> None:
    codec.check_json(body)


def test_sixty_five_levels_are_one_too_many() -> None:
    with pytest.raises(errors.BadRequest):
        codec.check_json(b"[" * 65 + b"]" * 65)


@given(st.binary(max_size=200), st.sampled_from([codec.JSON, codec.MSGPACK]))
def test_any_bytes_are_a_message_or_refused(body: bytes, content_type: str) -> None:
    try:
        codec.decode(body, m.Register, content_type)
    except (errors.BadRequest, errors.Invalid) as error:
        assert error.http_status in (400, 422)


def test_deep_messagepack_is_refused() -> None:
    with pytest.raises(errors.BadRequest):
        codec.decode(b"\x91" * 100_000, Any, codec.MSGPACK)


@pytest.mark.parametrize("content_type", [codec.JSON, codec.MSGPACK])
def test_messages_go_there_and_back(content_type: str) -> None:
    beat = m.Heartbeat("a", (m.Holding("j", 1, 2.5), m.Holding("k", 2)), "boot", 3.0)
    assert codec.decode(codec.encode(beat, content_type), m.Heartbeat, content_type) == beat
    job = m.NewJob(kind="function", payload=b"\x00\xff", tags=("gpu",), hashes={"r": "ab" * 32})
    assert codec.decode(codec.encode(job, content_type), m.NewJob, content_type) == job


def test_raw_json_stays_byte_for_byte() -> None:
    body = b'{"node_id":"a","profile":{"x" : 1.50,\n"y":[ ]}}'
    assert bytes(codec.decode(body, m.Register, codec.JSON).profile) == b'{"x" : 1.50,\n"y":[ ]}'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (m.Register, {"profile": {}}),
        (m.Register, {"node_id": "", "profile": {}}),
        (m.Register, {"node_id": "a" * 129, "profile": {}}),
        (m.Register, {"node_id": "-a", "profile": {}}),
        (m.Register, {"node_id": "a/b", "profile": {}}),
        (m.Register, {"node_id": 5, "profile": {}}),
        (m.Register, {"node_id": "a", "profile": {}, "slots": 0}),
        (m.Register, {"node_id": "a", "profile": {}, "slots": 1.5}),
        (m.Register, {"node_id": "a", "profile": {}, "kinds": ["container"]}),
        (m.Register, {"node_id": "a", "profile": {}, "holding": [["j", -1]]}),
        (m.LeaseRequest, {"node_id": "a", "max": 0}),
        (m.LeaseRequest, {"node_id": "a", "wait_s": 61}),
        (m.Heartbeat, {"node_id": "a", "leases": [["j"]]}),
        (m.Heartbeat, {"node_id": "a", "leases": [["j", "1"]]}),
        (m.SeedResult, {"job_id": "j"}),
        (m.SeedResult, {"job_id": "j", "node_id": "a", "status": "done"}),
        (m.SeedResult, {"job_id": "j", "node_id": "a", "epoch": 2**54}),
        (m.NewJob, {"data": 1, "cpus": 0}),
        (m.NewJob, {"data": 1, "gpus": -1}),
        (m.NewJob, {"data": 1, "memory_bytes": 2**60}),
        (m.NewJob, {"data": 1, "tags": [""]}),
        (m.NewJob, {"data": 1, "tags": "gpu"}),
        (m.NewJob, {"data": 1, "hashes": {"runner": "AB" * 32}}),
        (m.NewJob, {"data": 1, "timeout_s": 0}),
        (m.NewJob, {"data": 1, "retries": 1001}),
        (m.NewJob, {"data": 1, "priority": 2**40}),
        (m.NewJob, {"data": 1, "key": ""}),
        (m.NewJob, {"data": 1, "kind": "command"}),
        (m.NewJob, {"data": 1, "blob": "../../etc/passwd"}),
        (m.NewJob, {"data": 1, "name": "n" * 201}),
        (m.NewJob, [1]),
        (m.JobIds, {"job_ids": ["ok", "not ok"]}),
        (m.Leave, {"node_id": "a", "release": [["j", 1, 2]]}),
    ],
)
def test_a_message_with_a_wrong_value_is_invalid(kind: Any, body: Any) -> None:
    with pytest.raises(errors.Invalid, match="the body does not fit"):
        codec.decode(json.dumps(body).encode(), kind, codec.JSON)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (m.Register, {"node_id": "a\n", "profile": {}}),
        (m.NewJob, {"data": 1, "job_id": "j\n"}),
        (m.NewJob, {"kind": "function", "blob": "ab" * 32 + "\n"}),
    ],
)
def test_an_id_does_not_end_in_a_newline(kind: Any, body: Any) -> None:
    with pytest.raises(errors.Invalid):
        codec.decode(json.dumps(body).encode(), kind, codec.JSON)


def test_a_refusal_does_not_echo_what_was_sent() -> None:
    secret = "s3cret" * 10
    with pytest.raises(errors.Invalid) as caught:
        codec.decode(json.dumps({"node_id": secret + "!", "profile": {}}).encode(), m.Register,
                     codec.JSON)  # fmt: skip
    assert secret not in caught.value.message


def test_an_unset_result_is_not_a_null_result() -> None:
    bare = codec.decode(b'{"job_id":"j","node_id":"a"}', m.SeedResult, codec.JSON)
    null = codec.decode(b'{"job_id":"j","node_id":"a","result":null}', m.SeedResult, codec.JSON)
    assert bare.result is msgspec.UNSET
    assert bytes(null.result) == b"null"


def peak_growth_mb(body: str) -> int:
    """How much larger a fresh interpreter got at most while it decoded `body` (an expression)."""
    script = f"""
import resource
from nexapod import errors
from nexapod.coordinator.orders import as_json
from nexapod.wire import codec, messages as m
import msgspec
size = 8 * 1024 * 1024
body, ask = {body}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    ask(body)
except (errors.Invalid, errors.TooLarge):
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    ran = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True)
    return int(ran.stdout)


LISTS = r'b"\xdd\x00\x80\x00\x00" + b"\x80" * size'


@pytest.mark.parametrize(
    "body",
    [
        f"""b"\\x82\\xa7node_id\\xa1a\\xa5zebra" + {LISTS},
        lambda body: codec.decode(body, m.Results, codec.MSGPACK)""",
        f"msgspec.Raw({LISTS}), lambda raw: as_json(raw, codec.MSGPACK)",
        """b'{"node_id":"a","zebra":[' + b"{}," * (size // 3) + b"0]}",
        lambda body: codec.decode(body, m.Results, codec.JSON)""",
    ],
    ids=["MessagePack in an unknown member", "MessagePack kept as JSON", "JSON"],
)
def test_a_body_of_empty_lists_and_maps_takes_little_more_memory_than_it_has(body: str) -> None:
    assert peak_growth_mb(body.replace("\n", "")) < 64


@pytest.mark.parametrize("size", [10, 100_000])
def test_messagepack_that_ends_early_or_late_is_refused_at_any_size(size: int) -> None:
    body = msgspec.msgpack.encode({"node_id": "a", "profile": "x" * size})
    assert codec.decode(body, m.Register, codec.MSGPACK).node_id == "a"
    for bad in (body[:-1], body + b"\xc0", body[: -size - 5] + b"\xc1" * (size + 5)):
        with pytest.raises(errors.BadRequest):
            codec.decode(bad, m.Register, codec.MSGPACK)


def test_large_messagepack_of_few_lists_passes() -> None:
    raw = msgspec.Raw(msgspec.msgpack.encode([[1.5] * 1_000] * 200))
    assert len(raw) > codec.MAX_CONTAINERS
    codec.check_msgpack(raw)
