"""Groups F, D and I, where they concern the local screen: other pages, other users, other files.

Without a browser: what a hostile page or program can send, byte by byte. `test_screen_in_browser`
plays the same in Chromium.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import logging
import os
import re
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

import mifeng
from mifeng.web import browser
from mifeng.web.assets import PAGE, assets, bare
from mifeng.web.errors import RefusedError
from mifeng_crypto.ledger.roster_entry import Role
from tests.attacks.adversary import Adversary, attack
from tests.e2e.people import PASSPHRASE, cast
from tests.support.patience import PATIENCE_S
from tests.support.screen import DeclinedError, Page, open_screen
from tests.support.server import running_server

EVIL = "https://evil.example"


@pytest.fixture
async def page(adversary: Adversary, tmp_path: Path) -> AsyncIterator[Page]:
    del adversary
    async with open_screen(tmp_path / "screen") as page:
        yield page


async def answer(response: aiohttp.ClientResponse) -> bytes:
    """What the page's script sees: the answer; or the refusal, as an error."""
    async with response:
        if response.status == 403:
            raise RefusedError((await response.json())["message"])
        assert response.status == 200, response.status
        assert "Access-Control-Allow-Origin" not in response.headers
        return await response.read()


async def calls(page: Page, **headers: str) -> None:
    """Open a line with these headers, and change something on it."""
    line = await page.dial("/api/stream", careless=True, **headers)
    await line.send_json({"call": 1, "name": "set_settings", "facts": {"theme": "dark"}})
    assert (await line.receive_json(timeout=PATIENCE_S))["answer"] == 1
    await line.close()


@attack("the host of the screen")
async def test_f1_a_name_is_pointed_to_this_machine(adversary: Adversary, page: Page) -> None:
    host = f"rebound.example:{page.screen.port}" if adversary.on else page.screen.origin[7:]
    async with page.http.get(page.screen.origin + "/main.js", headers={"Host": host}) as response:
        with adversary.refused("RefusedError"):
            await answer(response)


@attack("the host of the screen")
async def test_f1_a_rebound_page_is_its_own_origin(adversary: Adversary, page: Page) -> None:
    # To the browser it is all one origin: only the name in `Host` gives it away. Its proof would
    # name the rebound host as well; the host is refused before that is asked for.
    host = f"rebound.example:{page.screen.port}" if adversary.on else page.screen.origin[7:]
    headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    with adversary.refused("RefusedError"):
        response = await page.http.get(page.screen.origin + "/main.js", headers=headers)
        await answer(response)


@attack("the origin of a page")
async def test_f1_another_page_calls_with_a_key_that_leaked(
    adversary: Adversary, page: Page
) -> None:
    origin = EVIL if adversary.on else page.screen.origin
    with adversary.refused("RefusedError"):
        await calls(page, Origin=origin)
    assert page.screen.house.settings.theme == ("" if adversary.on else "dark"), "O3"


@attack("the site of a page")
async def test_f1_another_page_loads_a_script_of_this_one(adversary: Adversary, page: Page) -> None:
    site = "cross-site" if adversary.on else "same-origin"
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": "script", "Sec-Fetch-Mode": "no-cors"}
    with adversary.refused("RefusedError"):
        await answer(await page.http.get(page.screen.origin + "/main.js", headers=headers))


@attack("the site of a page")
async def test_f1_another_port_of_this_machine_puts_the_page_into_a_frame(
    adversary: Adversary, page: Page
) -> None:
    dest = "iframe" if adversary.on else "document"
    headers = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": dest}
    with adversary.refused("RefusedError"):
        await answer(await page.http.get(page.screen.origin + "/", headers=headers))


@attack("the proof of a page")
async def test_f1_a_program_of_another_user_calls(adversary: Adversary, page: Page) -> None:
    """It knows the name of a key, from wherever, and guesses."""
    if adversary.on:
        page.key = page.key.partition(".")[0] + ".guessed"
    with adversary.refused("RefusedError"):
        await calls(page)
    assert page.screen.house.settings.theme == ("" if adversary.on else "dark"), "O3"


@attack("the proof of a page")
async def test_f1_a_program_of_another_user_says_a_proof_again(
    adversary: Adversary, page: Page
) -> None:
    """It has seen a line begin; the next one begins with another challenge."""
    said = list[dict[str, str]]()

    class Seen(aiohttp.ClientWebSocketResponse):
        async def send_json(self, data: Any, *args: Any, **named: Any) -> None:  # noqa: ANN401
            said.append(data)
            await super().send_json(said[0] if adversary.on else data, *args, **named)

    async with aiohttp.ClientSession(ws_response_class=Seen) as http:
        page.http = http
        await (await page.dial("/api/stream", careless=True)).close()
        with adversary.refused("RefusedError"):
            await (await page.dial("/api/stream", careless=True)).close()


@attack("a token works once")
async def test_f7_a_token_from_the_history_is_used_again(adversary: Adversary, page: Page) -> None:
    token = page.screen.address().partition("#")[2]
    await (await page.dial("/api/stream", key=token)).close()
    if not adversary.on:
        token = page.screen.address().partition("#")[2]
    with adversary.refused("RefusedError"):
        await (await page.dial("/api/stream", key=token)).close()


@attack("a new file for the redirect")
async def test_f7_somebody_has_put_a_link_where_the_token_is_written(
    adversary: Adversary, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mifeng.web.browser.secrets.token_hex", lambda _: "0" * 16)
    old, theirs = os.umask(0), tmp_path / "theirs"
    try:
        if adversary.on:
            (tmp_path / f"open-{'0' * 16}.html").symlink_to(theirs)
        with adversary.refused("StorageError"):
            path = browser.redirect_file(tmp_path, page.screen.address())
            assert adversary.on or stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(old)
    assert not theirs.exists(), "O1: the token is in somebody else's file"


@attack("the owner of the runtime folder")
async def test_f7_the_runtime_folder_is_a_link_to_somebody_elses(
    adversary: Adversary, tmp_path: Path
) -> None:
    folder, theirs = tmp_path / "run", tmp_path / "theirs"
    theirs.mkdir(mode=0o777)
    if adversary.on:
        folder.symlink_to(theirs)
    with adversary.refused("StorageError"):
        found = browser.checked_folder(folder)
        assert stat.S_IMODE(found.lstat().st_mode) == 0o700


@attack("changes are told")
async def test_a17_a_stolen_admins_key_lets_somebody_in_and_everybody_sees_it(
    adversary: Adversary, tmp_path: Path
) -> None:
    """By the rules of the ledgers it may; so every member's screen says who let whom in."""
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        if adversary.on:  # the thief has Ada's device, and says nothing to anybody
            link = (await c.ada.invite(Role.ADMIN)).link
            async with mifeng.join(
                link, profile=tmp_path / "ghost", name="IT Service", passphrase=PASSPHRASE
            ):
                pass
        await c.ben.sync()
        async with open_screen(tmp_path / "screen", c.ben) as page:
            told = (await page.of("changes"))["changes"]
            names = {one["name"] for one in (await page.of("people", query=""))["people"]}
    with adversary.refused("RefusedError"):
        seen = [
            (one["told"], one["author"]["name"])
            for one in told
            if "IT Service" in one["told"] or "Administrator" in one["told"]
        ]
        if adversary.on:
            assert seen == [
                ("IT Service joined", "IT Service"),
                ("an invite as Administrator was made", "Ada"),  # whose key it was
            ], "O4"
            assert "IT Service" in names
            raise RefusedError("it is on everybody's screen")
        assert seen == []


@attack()
async def test_f4_a_log_is_forged_or_holds_secrets(
    adversary: Adversary,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """What screen, client and server say while somebody writes line ends into all of it."""
    evil = "x\r\n\x1b[2J2027-01-01 [error] forged=1 " + "y" * 5000 if adversary.on else "plain"
    with caplog.at_level(logging.DEBUG):
        async with (
            running_server(tmp_path) as server,
            cast(tmp_path, server) as c,
            open_screen(tmp_path / "screen", c.ada) as page,
        ):
            await c.bens.send(evil)
            await page.of("send", unit=c.adas.id.hex(), text=f"{evil} canary-of-a-text")
            for name, facts in (("find", {"query": evil}), ("timeline", {"unit": evil})):
                with contextlib.suppress(DeclinedError):
                    await page.of(name, **facts)
            with contextlib.suppress(DeclinedError):
                await page.call(evil, profile=evil)
            await page.http.get(f"{page.screen.origin}/{quote(evil, safe='')}")
            await page.call("state")
            secrets = [page.key.partition(".")[2], PASSPHRASE.text, "canary-of-a-text", "Research"]
    said = "".join(capfd.readouterr()) + caplog.text
    assert said, "something was logged"
    with adversary.refused("RefusedError"):
        assert [one for one in secrets if one in said] == [], "O1"
        assert "forged" not in said, "O3"
        if adversary.on:
            raise RefusedError("logs name routes and counts, and nothing that somebody wrote")


@attack()
async def test_f9_an_application_leaves_verification_out(
    adversary: Adversary, tmp_path: Path
) -> None:
    """There is no switch for it anywhere in what an application is given."""
    switches = re.compile(r"verify|insecure|unsafe|skip|trust|ssl|check|nonce|^now$|^rng$")
    found = set()
    for name in mifeng.__all__:
        thing = getattr(mifeng, name)
        for member in vars(thing).values() if isinstance(thing, type) else [thing]:
            plain = getattr(member, "__wrapped__", member)
            if callable(plain) and not getattr(plain, "__name__", "_").startswith("_"):
                found |= {
                    f"{name}.{plain.__name__}({parameter})"
                    for parameter in inspect.signature(plain).parameters
                    if switches.search(parameter)
                }
    assert found == set(), "O3: a parameter that reads like a switch"
    with adversary.refused("RefusedError"):
        if adversary.on:
            with pytest.raises(TypeError):
                mifeng.open(tmp_path, verify=False)  # type: ignore[call-arg]
            raise RefusedError("there is nothing to switch off")


@attack()
async def test_i3_the_page_is_that_of_the_package(adversary: Adversary, page: Page) -> None:
    """Every byte that runs in the browser comes from the installed package; none from a server."""
    for path, asset in assets().items():
        async with page.http.get(page.screen.origin + path) as response:
            body = await response.read()
        assert hashlib.sha256(body).hexdigest() == asset.digest
        file = PAGE / (path[1:] or "index.html")
        # Beside what the file says, the page only names the package's own scripts at once.
        named = {f'<link rel="modulepreload" href="{one}">' for one in assets()}
        links = re.findall("<link rel=.modulepreload.[^>]*>", body.decode())
        assert named >= set(links)
        text = body.decode().replace("".join(links), "")
        assert text == bare(file.read_text(encoding="utf-8"), file.suffix)
    with adversary.refused("RefusedError"):
        if adversary.on:
            async with page.http.get(page.screen.origin + "/../server.py") as response:
                assert response.status == 404
            raise RefusedError("there is nothing else to be had")


@attack()
async def test_i3_the_page_names_no_other_place(adversary: Adversary, page: Page) -> None:
    with adversary.refused("RefusedError"):
        async with page.http.get(page.screen.origin + "/") as response:
            policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert "unsafe" not in policy
        text = b"".join(asset.body for asset in assets().values()).decode()
        found = set(re.findall(r"https?://[\w.]+", text)) - {
            "http://www.w3.org",
            "https://",
        }
        assert found == set(), "the page names another place"
        if adversary.on:
            raise RefusedError("the policy lets nothing else in")
