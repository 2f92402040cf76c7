"""Groups F, D and A on the screen, in Chromium: what others write, send and sign, before a reader's eyes.

The reader's page is the real one, and so is the browser: what would run, runs.
"""

# ruff: noqa: E501 - what an attacker writes is a line

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from mifeng.web.errors import RefusedError
from tests.attacks.adversary import Adversary, attack
from tests.browser.chromium import browser, need_a_browser
from tests.e2e.people import Cast, cast
from tests.support.patience import until
from tests.support.screen import Page as Local
from tests.support.screen import open_screen
from tests.support.server import running_server

if TYPE_CHECKING:
    from playwright.async_api import Page

TRAP = "javascript:window.trapped=1"
BIDI = "\u202egnp.exe\u202c \u2066x\u2069"
MARKUP = [
    "<script>window.trapped=1</script>",
    "<img src=x onerror=window.trapped=1>",
    "<svg/onload=window.trapped=1>",
    '"><iframe srcdoc="<script>parent.trapped=1</script>">',
    "<a href=javascript:window.trapped=1>x</a>",
    "<style>*{background:url(http://127.0.0.1:9/x)}</style>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=window.trapped=1>",
    "{{constructor.constructor('window.trapped=1')()}}",
    "${window.trapped=1}",
    "\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
    "&lt;script&gt;window.trapped=1&lt;/script&gt;",
    '<!--<img src="--><img src=x onerror=window.trapped=1>',
    BIDI,
]
LINKS = [
    f"[click]({TRAP})", f"[click]( {TRAP})", "[click](JaVaScRiPt:window.trapped=1)",
    "[click](data:text/html,<script>window.trapped=1</script>)", "[click](vbscript:x)",
    "[click](file:///etc/passwd)", "[click](blob:http://127.0.0.1/x)", "[click](//evil.example)",
    "[https://bank.example](https://evil.example/login)", "[x](https://user:pw@evil.example/)",
    "<javascript:window.trapped=1>", '[a](https://evil.example" onmouseover="window.trapped=1)',
]  # fmt: skip
FILES = {
    "a.svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="top.trapped=1"><script>top.trapped=1</script></svg>',
    "b.html": b"<!doctype html><script>top.trapped=1;parent.trapped=1</script>",
    "c.png": b"<html><script>top.trapped=1</script></html>",
    "d.mp4": b"<html><script>top.trapped=1</script></html>",
    "e.pdf": b"%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj",
    "f.xml": b'<?xml version="1.0"?><x xmlns="http://www.w3.org/1999/xhtml"><script>top.trapped=1</script></x>',
}


class Reader:
    """Ada before her screen; Ben writes."""

    def __init__(self, cast_: Cast, local: Local, page: Page, folder: Path) -> None:
        self.cast, self.local, self.page, self.folder = cast_, local, page, folder

    @property
    def unit(self) -> str:
        return self.cast.adas.id.hex()

    async def trapped(self) -> bool:
        """Whether anything that others wrote has run."""
        return bool(await self.page.evaluate("!!window.trapped"))


@pytest.fixture
async def reader(adversary: Adversary, tmp_path: Path) -> AsyncIterator[Reader]:
    del adversary
    need_a_browser()
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as both,
        open_screen(tmp_path / "screen", both.ada) as local,
        browser(tmp_path / "browser") as context,
    ):
        page = context.pages[0]
        await page.goto(local.screen.address())
        await page.wait_for_selector(".unit-link")
        await page.evaluate(f"location.hash = '#/u/{both.adas.id.hex()}'")
        await page.wait_for_selector("mf-composer textarea")
        yield Reader(both, local, page, tmp_path)


async def shown(reader: Reader, text: str) -> None:
    await reader.page.locator(".line", has_text=text).last.wait_for()


@attack()
async def test_f2_what_others_write_stays_text(adversary: Adversary, reader: Reader) -> None:
    """In a message, a name, a title, a topic, a file's name, a reaction."""
    page, c = reader.page, reader.cast
    words = MARKUP if adversary.on else ["plain"]
    for text in words:
        await c.bens.send(text)
        await c.bens.send(f"**{text}** `{text}` > {text}\n\n- {text}")
    odd = words[1] if adversary.on else "Ben B."
    with contextlib.suppress(Exception):  # a name like that may be refused at once
        await c.ben.set_profile(name=odd[:60], title=odd, department=odd)
    await c.bens.upload(_file(reader.folder, "x onerror=window.trapped=1 .png", b"no picture"))
    await c.ada.create_unit(odd, topic=odd)
    await c.bens.send("the end")
    await shown(reader, "the end")
    await page.keyboard.press("Alt+m")
    await page.wait_for_selector(".person")
    await page.locator(".person-main").last.click()
    await page.wait_for_selector(".digits")
    assert not await reader.trapped(), "O1: it runs"
    foreign = "mf-timeline script, mf-timeline iframe, mf-timeline svg:not(.icon), mf-timeline style, mf-timeline form"
    assert await page.locator(foreign).count() == 0, "O3: it has become markup"
    assert await page.locator("mf-timeline img:not([src^='blob:'])").count() == 0
    for n, text in enumerate(words):
        if text.isprintable():
            seen = page.locator(".text > p", has_text=text).first
            assert text in (await seen.text_content() or ""), f"O4: {n} is not shown as it is"
    made = await page.evaluate(
        "(() => { try { document.body.insertAdjacentHTML('beforeend', '<b>x</b>') }"
        " catch (err) { return err.name } })()"
    )
    assert made == "TypeError", "Trusted Types: not even a fault of ours could make markup"
    said = await page.locator("mf-timeline").text_content() or ""
    assert not any(mark in said for mark in "\u202e\u2066\x1b\x07"), "O3: it turns what is read"
    with adversary.refused("RefusedError"):
        if adversary.on:
            raise RefusedError("all of it is text")


@attack()
async def test_f3_links_lead_where_they_say(adversary: Adversary, reader: Reader) -> None:
    page = reader.page
    for text in LINKS if adversary.on else ["[docs](https://docs.example/a)"]:
        await reader.cast.bens.send(text)
    await reader.cast.bens.send("the end")
    await shown(reader, "the end")
    links = await page.locator("mf-timeline a").evaluate_all(
        "all => all.map(a => [a.href, a.textContent, a.rel, a.target])"
    )
    assert links
    for href, text, rel, target in links:
        assert href.startswith("https://"), "O3: another scheme is a link"
        assert (rel, target) == ("noopener noreferrer nofollow", "_blank")
        assert href.split("/")[2].rpartition("@")[2] in text, "O4: it hides where it leads"
    for link in await page.locator("mf-timeline .line", has_text="click").all():
        await link.click(position={"x": 80, "y": 20})
    assert not await reader.trapped(), "O1"
    with adversary.refused("RefusedError"):
        if adversary.on:
            raise RefusedError("no such link is one")


@attack()
async def test_f3_the_page_stands_in_no_frame(adversary: Adversary, reader: Reader) -> None:
    async with outsider(
        f"<iframe src='{reader.local.screen.origin}/'></iframe>" if adversary.on else "<p>x</p>"
    ) as origin:
        page = await reader.page.context.new_page()
        await page.goto(origin)
        await page.wait_for_timeout(500)
        framed = [frame.url for frame in page.frames if reader.local.screen.origin in frame.url]
        assert framed == [], "O3: it is in a frame"
    with adversary.refused("RefusedError"):
        if adversary.on:
            raise RefusedError("frame-ancestors 'none'")


@attack()
async def test_f1_another_tab_gets_nothing(adversary: Adversary, reader: Reader) -> None:
    """A page of another origin tries what a browser lets it: fetch, form, picture, script, socket."""
    here = reader.local.screen.origin
    script = f"""(async () => {{
        const got = [];
        const body = JSON.stringify({{ theme: "dark" }});
        for (const mode of ["cors", "no-cors"])
            await fetch("{here}/api/set_settings", {{ method: "POST", mode, body }}).then(
                async (r) => r.type !== "opaque" && got.push("fetch " + r.status), () => 0);
        await fetch("{here}/main.js").then((r) => got.push("script"), () => 0);
        await new Promise((done) => {{ const i = new Image(); i.onload = () => (got.push("picture"), done()); i.onerror = done; i.src = "{here}/icon.svg"; }});
        await new Promise((done) => {{ const s = document.createElement("script"); s.onload = () => (got.push("module"), done()); s.onerror = done; s.src = "{here}/lib/words.js"; document.head.append(s); }});
        await new Promise((done) => {{ const w = new WebSocket("{here.replace("http", "ws")}/api/stream"); w.onopen = () => (got.push("socket"), done()); w.onerror = done; }});
        const opened = window.open("{here}/");
        await new Promise((done) => setTimeout(done, 700));
        try {{ got.push("window " + opened.document.title); }} catch {{ /* another origin */ }}
        return got;
    }})()"""
    async with outsider("<p>hello</p>") as origin:
        page = await reader.page.context.new_page()
        await page.goto(origin)
        got = await page.evaluate(script) if adversary.on else []
    assert got == [], f"O1: it got {got}"
    assert reader.local.screen.house.settings.theme == "", "O3: it has changed something"
    with adversary.refused("RefusedError"):
        if adversary.on:
            raise RefusedError("nothing is answered")


@attack("types by content + the headers of media + the headers of answers + the site of a page")
async def test_d14_a_file_runs_in_the_page(adversary: Adversary, reader: Reader) -> None:
    """Opened by every way that there is: shown, played, and its address in a tab of its own."""
    page = reader.page
    names = list(FILES) if adversary.on else ["g.png"]
    for name in names:
        await reader.cast.bens.upload(_file(reader.folder, name, FILES.get(name, b"no picture")))
    await reader.cast.bens.send("the end")
    await shown(reader, "the end")
    for button in await page.locator("mf-file .file-card button").all():
        await button.click()
    await page.wait_for_timeout(300)
    ran = await reader.trapped()
    for entry in (await reader.local.of("files", unit=reader.unit))["entries"]:
        file = entry["files"][0]
        way = await reader.local.of(
            "show_file", unit=reader.unit, sequence=entry["sequence"], file=file["id"], save=False
        )
        frame = await page.context.new_page()
        with contextlib.suppress(Exception):  # a download is no page
            await frame.goto(reader.local.screen.origin + way["url"], timeout=3000)
        ran = ran or bool(await frame.evaluate("!!window.trapped"))
        await frame.close()
    assert not ran, "O1: it runs"
    with adversary.refused("RefusedError"):
        if adversary.on:
            raise RefusedError("nothing but a download")


@attack()
async def test_f8_nothing_of_the_page_stays_in_the_browser(
    adversary: Adversary, tmp_path: Path
) -> None:
    """Its whole profile folder is searched after the page was locked and the browser closed."""
    need_a_browser()
    canary, name = "zephyr-quartz-canary", "canary-of-a-file"
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        async with (
            open_screen(tmp_path / "screen", c.ada) as local,
            browser(tmp_path / "browser") as context,
        ):
            page = context.pages[0]
            await page.goto(local.screen.address())
            await page.wait_for_selector(".unit-link")
            await page.evaluate(f"location.hash = '#/u/{c.adas.id.hex()}'")
            await c.bens.send(canary)
            await c.bens.upload(_file(tmp_path, f"{name}.png", _png()))
            await page.locator(".line", has_text=canary).wait_for()
            await page.locator("mf-file img").wait_for()
            assert canary in await page.content(), "the honest part: it was shown"
            assert await page.evaluate("localStorage.length") == 0
            assert (
                await page.evaluate(
                    "navigator.serviceWorker.getRegistrations().then(r => r.length)"
                )
                == 0
            )
            secret = (await page.evaluate("sessionStorage.getItem('mifeng')")).partition(".")[2]
        hits = [
            path
            for path in (tmp_path / "browser").rglob("*")
            if path.is_file() and _has(path, canary, name)
        ]
        # The browser does write the tab's own key down. It is good for this process alone, which
        # holds the port, and for nothing once that has ended (docs/ui.md).
        keys = {
            path.parent.name
            for path in (tmp_path / "browser").rglob("*")
            if path.is_file() and _has(path, secret)
        }
        assert keys <= {"Session Storage"}
    with adversary.refused("RefusedError"):
        assert hits == [], f"O1: {hits}"
        if adversary.on:
            raise RefusedError("0 hits")


@attack()
async def test_f10_a_received_file_does_not_open_by_itself(
    adversary: Adversary, reader: Reader
) -> None:
    page, downloads = reader.page, list[str]()
    page.context.on("download", lambda one: downloads.append(one.suggested_filename))
    before = len(page.context.pages)
    await reader.cast.bens.upload(
        _file(reader.folder, "run-me.desktop", b"[Desktop Entry]\nExec=x\n")
    )
    await shown(reader, "run-me.desktop")
    await page.wait_for_timeout(300)
    assert downloads == []
    assert len(page.context.pages) == before, "O3: it has opened something"
    async with page.expect_download() as saved:
        await page.get_by_role("button", name="Save run-me.desktop").click()
    assert (await saved.value).suggested_filename.endswith("run-me.desktop")
    with adversary.refused("RefusedError"):
        if adversary.on:
            raise RefusedError("it is saved only when asked for, and opened never")


@attack("the proof of the process")
async def test_f1_another_user_takes_the_port_when_the_process_has_ended(
    adversary: Adversary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is still open; whoever answers at its port must prove that the page is his."""
    need_a_browser()
    monkeypatch.setattr("mifeng.web.porch.new_socket", freed_at_once)
    async with AsyncExitStack() as stack, browser(tmp_path / "browser") as context:
        page, word = context.pages[0], "a passphrase for nobody else"
        local = await stack.enter_async_context(open_screen(tmp_path / "screen"))
        (tmp_path / "screen" / "profile").mkdir()
        (tmp_path / "screen" / "profile" / "profile.db").write_bytes(b"")
        await page.goto(local.screen.address())
        await page.locator("mf-locked, mf-first-run").first.wait_for()
        kept = await page.evaluate("sessionStorage.getItem('mifeng')")
        assert kept, "the page has a secret"
        heard = list[str]()
        port = local.screen.port
        if adversary.on:
            await stack.aclose()
            await stack.enter_async_context(impostor(port, heard))
            await until(lambda: bool(heard))  # it dials by itself
            await page.wait_for_timeout(1000)
        field = page.get_by_label("Passphrase")
        if await field.count():
            await field.fill(word)
            await page.locator("button.primary").click()
            await page.wait_for_timeout(300)
        said = "\n".join(heard)
        if adversary.on:
            assert said, "the page has dialled"
            secret = kept.rpartition(".")[2]
            assert secret not in said, "O1: he has the secret"
            assert word not in said, "O1: he has the passphrase"
            asked = [line for line in heard if '"call"' in line or '"name"' in line]
            assert asked == [], "O3: the page asks him"
    with adversary.refused("RefusedError"):
        if adversary.on:
            raise RefusedError("he has nothing to prove himself with")


def freed_at_once() -> socket.socket:
    """Its port can be taken when it is closed; an attacker would have to wait for a minute."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


@contextlib.asynccontextmanager
async def impostor(port: int, heard: list[str]) -> AsyncIterator[None]:
    """Another user's program at the port of the page: it takes what comes, and answers all."""

    async def line(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"challenge": "0" * 64})
        heard.append(f"{request.method} {request.path} {dict(request.headers)}")
        async for frame in socket:
            heard.append(str(frame.data))
            said = json.loads(frame.data)
            locked = {"id": "0" * 16, "folder": "x", "state": "locked", "needs_passphrase": True,
                      "problem": "", "me": None}  # fmt: skip
            state = {"version": "", "language": "en", "theme": "", "notify": False, "preview": False,
                     "lock_after_min": 0, "invited": "", "profiles": [locked]}  # fmt: skip
            if "call" in said:
                await socket.send_json({"answer": said["call"], "reply": state})
            else:
                await socket.send_json({"kind": "hello", "proof": said.get("proof", ""), "key": ""})
        return socket

    async def answer(request: web.Request) -> web.Response:
        heard.append(f"{request.method} {request.path} {dict(request.headers)}")
        heard.append((await request.read()).decode(errors="replace"))
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/api/stream", line)
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    try:
        yield
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def outsider(body: str) -> AsyncIterator[str]:
    """Another page, on another port of this machine."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=f"<!doctype html><body>{body}", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://localhost:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def _file(folder: Path, name: str, body: bytes) -> Path:
    path = folder / name
    path.write_bytes(body)
    return path


def _png() -> bytes:
    import io  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415

    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "PNG")
    return out.getvalue()


def _has(path: Path, *words: str) -> bool:
    content = path.read_bytes()
    return any(word.encode(code) in content for word in words for code in ("utf-8", "utf-16-le"))
