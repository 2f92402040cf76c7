"""HTTP by the letter of the API: any request, also one that no real client would send."""

# ruff: noqa: ANN401 - what a test bends can be of any type

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import msgspec

from mifeng_crypto.api.endpoints import ENDPOINTS
from mifeng_crypto.api.problems import Problem

__all__ = ["Connection", "RefusedError"]

Reply = TypeVar("Reply", bound=msgspec.Struct)


class RefusedError(Exception):
    """The server answered with a problem."""

    def __init__(self, problem: Problem, headers: Mapping[str, str]) -> None:
        super().__init__(f"{problem.code}: {problem.detail} [{problem.rule}]")
        self.problem = problem
        self.code = problem.code
        self.rule = problem.rule
        self.headers = headers


@dataclass(slots=True, kw_only=True)
class Connection:
    """Where to, and as whom."""

    session: aiohttp.ClientSession
    url: str
    token: str = ""

    async def raw(
        self,
        method: str,
        path: str,
        *,
        data: Any = None,
        headers: Mapping[str, str | None] | None = None,
        token: str | None = None,
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Send anything; a header of None is left out."""
        sent: dict[str, str | None] = {
            "Mifeng-Protocol": "1",
            "Idempotency-Key": os.urandom(8).hex(),
            "Authorization": f"Bearer {self.token if token is None else token}",
            **(headers or {}),
        }
        async with self.session.request(
            method,
            self.url + path,
            data=io.BytesIO(data) if isinstance(data, bytes) else data,
            headers={name: value for name, value in sent.items() if value is not None},
        ) as got:
            return got.status, await got.read(), got.headers

    async def call(
        self,
        name: str,
        kind: type[Reply] | None = None,
        body: msgspec.Struct | None = None,
        *,
        path: Mapping[str, bytes] | None = None,
        query: str = "",
        key: str | None = None,
        json: bool = False,
    ) -> Reply:
        """Call a declared endpoint.

        Raises:
            RefusedError: the answer is a problem.
        """
        endpoint = ENDPOINTS[name]
        form = "application/json" if json else "application/msgpack"
        headers: dict[str, str | None] = {"Accept": form}
        data = None
        if body is not None:
            data = msgspec.json.encode(body) if json else msgspec.msgpack.encode(body)
            headers["Content-Type"] = form
        if key is not None:
            headers["Idempotency-Key"] = key
        where = endpoint.path.format(**{n: v.hex() for n, v in (path or {}).items()})
        status, raw, got = await self.raw(
            endpoint.method, where + query, data=data, headers=headers
        )
        if status >= 400:
            raise RefusedError(msgspec.json.decode(raw, type=Problem), got)
        if kind is None:
            return None  # type: ignore[return-value]  # whoever asks for no reply gets none
        decoder = msgspec.json.decode if json else msgspec.msgpack.decode
        return decoder(raw, type=kind)

    async def refused(self, name: str, body: Any = None, **more: Any) -> RefusedError:
        """Call what must be refused, and return how."""
        try:
            await self.call(name, None, body, **more)
        except RefusedError as err:
            return err
        raise AssertionError(f"{name} was accepted")

    # -------------------------------------------------------------- files

    async def upload(self, unit_id: bytes, data: bytes) -> bytes:
        file_id = await self.open_upload(unit_id, len(data))
        status, _, _ = await self.patch(file_id, 0, data)
        assert status == 204
        return file_id

    async def open_upload(self, unit_id: bytes, length: int) -> bytes:
        status, raw, headers = await self.raw(
            "POST",
            f"/v1/units/{unit_id.hex()}/files",
            headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(length)},
        )
        if status != 201:
            raise RefusedError(msgspec.json.decode(raw, type=Problem), headers)
        return bytes.fromhex(headers["Location"].rpartition("/")[2])

    async def patch(
        self, file_id: bytes, offset: int, data: Any, **headers: str
    ) -> tuple[int, bytes, Mapping[str, str]]:
        return await self.raw(
            "PATCH",
            f"/v1/files/{file_id.hex()}",
            data=data,
            headers={
                "Tus-Resumable": "1.0.0",
                "Upload-Offset": str(offset),
                "Content-Type": "application/offset+octet-stream",
                **headers,
            },
        )
