"""A hostile page in a real browser changes nothing and reads nothing, token or not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.lab import CHROMIUM, chromium
from tests.integration.parts import Coordinator, reading
from tests.torture.hostile_site import hostile_site, page, script_for

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="needs Chromium"),
    pytest.mark.proves("hostile-page"),
]

#: Every name below .test is this machine, as after DNS rebinding; and the browser's own shield
#: against pages that reach into the local network is down, for not every browser has one.
_FLAGS = [
    "--host-resolver-rules=MAP *.test 127.0.0.1",
    "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
    "--disable-popup-blocking",
]
#: A frame in a sandbox and one of a data: URL; the origin of both is null.
_FRAMES = """(html) => {
  const [sandboxed, data] = [0, 1].map(() => document.createElement('iframe'));
  sandboxed.sandbox = 'allow-scripts allow-forms';
  sandboxed.srcdoc = html;
  data.src = 'data:text/html;charset=utf-8,' + encodeURIComponent(html);
  document.body.append(sandboxed, data);
}"""
_TABLES = ("jobs", "payloads", "results", "attempts", "nodes", "tokens")


@pytest.fixture(params=["with a token", "open"])
def coordinator(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Coordinator]:
    """One with a finished job, a pending one and a node."""
    options = ["--open"] if request.param == "open" else []
    coordinator = Coordinator(tmp_path / "victim.db", *options)
    try:
        client = coordinator.start().client()
        client.register("good")
        client.submit(1, job_id="done")
        client.poll("good")
        assert client.report("good", "done", "secret").status == 200
        client.submit("secret", job_id="victim")
        yield coordinator
    finally:
        coordinator.end()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium(), headless=True, args=[*CHROMIUM, *_FLAGS]
        )
        try:
            yield running
        finally:
            running.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Cookies, caches and service workers of its own."""
    context = browser.new_context()
    yield context
    context.close()


def contents(database: Path) -> dict[str, list[Any]]:
    with reading(database) as db:
        found = {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in _TABLES}
        audit = "SELECT action, subject, actor FROM audit WHERE address <> ''"
        return {**found, "audit": db.execute(audit).fetchall()}


class Attack:
    """What all attempts together could read, and how many there were."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.tried = 0

    def run(self, frame: Any, who: str) -> None:
        told = frame.evaluate(f"attack({who!r})")
        self.read += told["read"]
        self.tried += len(told["tried"])


def from_other_sites(context: BrowserContext, url: str, attack: Attack) -> None:
    """Pages of another site, of the same host on another port, and of no origin at all."""
    with hostile_site(url) as port:
        tab = context.new_page()
        for host in ("evil.test", "127.0.0.1"):
            tab.goto(f"http://{host}:{port}/")
            attack.run(tab, host.replace(".", "-"))
        tab.goto(f"http://evil.test:{port}/")
        tab.evaluate(_FRAMES, page(url))
        for at, frame in enumerate(_framed(tab, 2)):
            frame.wait_for_load_state()
            attack.run(frame, f"null-{at}")
        for path in ("/jobs", "/health", "/openapi.json"):  # a window, and a link that is followed
            with context.expect_page() as opened:
                tab.evaluate("(url) => { window.other = window.open(url) }", url + path)
            opened.value.wait_for_load_state()
            assert "other sites" in opened.value.inner_text("body")
            opened.value.close()
        tab.close()


def _framed(tab: Page, count: int) -> list[Any]:
    tab.wait_for_function(f"document.querySelectorAll('iframe').length >= {count}")
    return tab.main_frame.child_frames[:count]


def after_rebinding(context: BrowserContext, port: int, attack: Attack) -> None:
    """The page's own name now leads to the coordinator: for the browser it is all one origin."""
    url = f"http://evil.test:{port}"
    tab = context.new_page()
    tab.route(f"{url}/", lambda route: route.fulfill(body=page(url), content_type="text/html"))
    tab.goto(f"{url}/")
    attack.run(tab, "rebound")
    tab.close()


#: What a rebound page may read: that this is not its coordinator, nor its method, nor a path.
_NOTHING = re.compile(r'"code":"(misdirected|method_not_allowed)"|there is no such path')


def test_a_hostile_page_changes_nothing_and_reads_nothing(
    coordinator: Coordinator, context: BrowserContext, reached: Callable[[str], None]
):
    assert coordinator.terminate() == 0
    before = contents(coordinator.database)
    coordinator.start()
    attack = Attack()
    from_other_sites(context, coordinator.url, attack)
    after_rebinding(context, coordinator.port, attack)
    assert [line for line in attack.read if not _NOTHING.search(line)] == []
    assert not [line for line in attack.read if "secret" in line]
    output = coordinator.output
    assert coordinator.terminate() == 0
    assert "Traceback" not in output
    assert contents(coordinator.database) == before
    reached(f"{attack.tried} attempts, nothing changed, nothing read")


def test_the_same_attempts_from_its_own_origin_do_change_and_read(
    coordinator: Coordinator, context: BrowserContext
):
    """The control: so the test above could fail."""
    attack = Attack()
    tab = context.new_page()
    tab.goto(f"{coordinator.url}/health")
    tab.add_script_tag(content=script_for(coordinator.url, coordinator.token or ""))
    attack.run(tab, "own")
    assert [line for line in attack.read if "secret" in line]
    assert coordinator.terminate() == 0
    with reading(coordinator.database) as db:
        states = dict(db.execute("SELECT id, state FROM jobs").fetchall())
        nodes = [row[0] for row in db.execute("SELECT id FROM nodes WHERE id LIKE 'own-%'")]
    assert states["victim"] in ("cancelled", "assigned")
    assert [job_id for job_id in states if job_id.startswith("own-cors")]
    assert nodes
