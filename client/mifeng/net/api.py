"""Any declared endpoint, by its name; and raw requests, for files (protocol.md, "API").

Bodies are MessagePack. The token is fetched when first needed, and once more when the server does
not know it any longer. Everything that can go wrong on the way is a typed error. This file decides
no retries: a caller that sends again does so with the same idempotency key and the same bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import Self, TypeVar, overload
from urllib.parse import urlsplit

import aiohttp
import msgspec

from mifeng.errors import ServerIdentityError, ServerProblem
from mifeng.net.login import Signer
from mifeng.net.pin import SpkiPin, check_address
from mifeng_crypto.api.endpoints import ENDPOINTS, Access
from mifeng_crypto.api.messages import (
    LoginReply,
    LoginRequest,
    NonceReply,
    StartReply,
    StartRequest,
)
from mifeng_crypto.api.problems import PROBLEM_CONTENT_TYPE, Problem, ProblemCode
from mifeng_crypto.errors import ProtocolError, TransportError, UsageError
from mifeng_crypto.ids import PROTOCOL_VERSION, UnixMillis
from mifeng_crypto.rand import Rng

__all__ = ["Api", "Data"]

T = TypeVar("T", bound=msgspec.Struct)
Data = bytes | Callable[[], AsyncIterable[bytes | memoryview]] | None
"""The body of a raw request; a callable, so that it can be produced again after a new login."""

MSGPACK = "application/msgpack"
CODES = {code.code: code for code in ProblemCode}
LONGEST_REPLY = 64 << 20
"""More than any page, and than the tree of a thousand members."""
LONGEST_PROBLEM = 64 << 10
LONGEST_WAIT_S = 300.0
READ_BYTES = 256 << 10
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)


class Api:
    """One server, as one signer sees it. Close it with `close`, or use `async with`."""

    def __init__(
        self,
        addresses: Sequence[str],
        tls_pin: bytes | None,
        *,
        signer: Signer | None = None,
        now: Callable[[], UnixMillis],
        rng: Rng,
    ) -> None:
        if not addresses:
            raise UsageError("the link names no address of the server; ask for a new one")
        for address in addresses:
            check_address(address, tls_pin)
        self.signer = signer
        self.tls_pin = tls_pin
        self.now = now
        self.rng = rng
        self._addresses = [address.rstrip("/") for address in addresses]
        self._pin = SpkiPin(tls_pin) if tls_pin is not None else True
        self._on_login: Callable[[str], Awaitable[None]] | None = None
        self._token: str | None = None
        self._login = asyncio.Lock()
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def serve_at(self, addresses: Sequence[str], tls_pin: bytes | None) -> None:
        """Know the server by these from the next request on; log in again."""
        for address in addresses:
            check_address(address, tls_pin)
        await self.close()
        self.tls_pin = tls_pin
        self._addresses = [address.rstrip("/") for address in addresses]
        self._pin = SpkiPin(tls_pin) if tls_pin is not None else True
        self._token = None

    @property
    def origin(self) -> str:
        """Scheme, host and port that are dialled at present."""
        return self._addresses[0]

    @property
    def host(self) -> str:
        return urlsplit(self.origin).netloc

    def use(
        self, signer: Signer, *, on_login: Callable[[str], Awaitable[None]] | None = None
    ) -> None:
        """Be another one from now on: after joining, the device instead of the invite.

        Args:
            signer: who logs in.
            on_login: called with each new token, before anything else is asked with it.
        """
        self.signer = signer
        self._on_login = on_login
        self._token = None

    # -------------------------------------------------------------- declared endpoints

    async def start(self, token: str, body: StartRequest) -> StartReply:
        """Call the endpoint `start` with a token that is not in use yet.

        Raises:
            ServerProblem, TransportError, ServerIdentityError, ProtocolError: as `call`.
        """
        endpoint = ENDPOINTS["start"]
        headers = {
            "Accept": MSGPACK,
            "Accept-Encoding": "identity",
            "Content-Type": MSGPACK,
            "Idempotency-Key": self.rng(16).hex(),
            "Authorization": f"Bearer {token}",
        }
        data = msgspec.msgpack.encode(body)
        async with self.raw(
            endpoint.method, endpoint.path, headers=headers, data=data, login=False
        ) as response:
            raw = await _read(response, LONGEST_REPLY)
        try:
            return msgspec.msgpack.decode(raw, type=StartReply)
        except msgspec.DecodeError as err:
            raise ProtocolError(
                "API-1", "the server's answer to {name} is not as declared", name="start"
            ) from err

    @overload
    async def call(
        self,
        name: str,
        reply: type[T],
        body: msgspec.Struct | None = None,
        *,
        path: Mapping[str, bytes] | None = None,
        query: Mapping[str, int] | None = None,
        key: bytes | None = None,
    ) -> T: ...
    @overload
    async def call(
        self,
        name: str,
        reply: None = None,
        body: msgspec.Struct | None = None,
        *,
        path: Mapping[str, bytes] | None = None,
        query: Mapping[str, int] | None = None,
        key: bytes | None = None,
    ) -> bytes: ...
    async def call(
        self,
        name: str,
        reply: type[T] | None = None,
        body: msgspec.Struct | None = None,
        *,
        path: Mapping[str, bytes] | None = None,
        query: Mapping[str, int] | None = None,
        key: bytes | None = None,
    ) -> T | bytes:
        """Call an endpoint of `mifeng_crypto.api.endpoints`.

        Args:
            name: the endpoint's name.
            reply: the type of the answer's body; None returns the bytes as they are.
            body: the request.
            path: identifiers in the path.
            query: parameters behind the `?`.
            key: the idempotency key, 16 bytes; drawn where the caller does not mean to send again.

        Raises:
            ServerProblem: the server declined.
            TransportError: it was not reached, or asks for time.
            ServerIdentityError: it holds another TLS key than expected.
            ProtocolError: API-1, its answer is not what the endpoint declares.
        """
        endpoint = ENDPOINTS[name]
        assert endpoint.reply is reply, f"{name} answers with {endpoint.reply}"
        url = endpoint.path.format(**{k: v.hex() for k, v in (path or {}).items()})
        if query:
            url += "?" + "&".join(f"{k}={v}" for k, v in query.items())
        headers = {"Accept": MSGPACK, "Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = MSGPACK
        if endpoint.mutates:
            headers["Idempotency-Key"] = (key or self.rng(16)).hex()
        data = msgspec.msgpack.encode(body) if body is not None else None
        anybody = endpoint.access is Access.ANYBODY
        async with self.raw(
            endpoint.method, url, headers=headers, data=data, login=not anybody
        ) as response:
            raw = await _read(response, LONGEST_REPLY)
        if reply is None:
            return raw
        try:
            return msgspec.msgpack.decode(raw, type=reply)
        except msgspec.DecodeError as err:
            raise ProtocolError(
                "API-1", "the server's answer to {name} is not as declared", name=name
            ) from err

    # -------------------------------------------------------------- raw requests

    @contextlib.asynccontextmanager
    async def raw(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: Data = None,
        login: bool = True,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and yield its answer, whose status is below 400.

        Raises:
            ServerProblem, TransportError, ServerIdentityError: as `call`.
        """
        with self._translated():
            response = await self._attempt(method, path, headers, data, login=login)
            if response.status == 401 and login:
                response.release()
                self._token = None
                response = await self._attempt(method, path, headers, data, login=True)
            try:
                if response.status >= 400:
                    raise await _problem(response)
                yield response
            finally:
                response.release()

    async def token(self) -> str:
        """Return the bearer token; log in if there is none.

        Raises:
            ServerProblem, TransportError, ServerIdentityError: as `call`.
        """
        async with self._login:
            while self._token is None:
                signer, on_login = self.signer, self._on_login
                try:
                    token = await self._log_in(signer)
                    if on_login is not None:
                        await on_login(token)
                except ServerProblem:
                    if self.signer is signer:
                        raise
                    continue
                if self.signer is signer:  # else it is that of who spoke here before
                    self._token = token
            return self._token

    def forget_token(self) -> None:
        """Log in again before the next request."""
        self._token = None

    async def websocket(self, path: str) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket, without having said anything on it yet.

        Raises:
            ServerProblem, TransportError, ServerIdentityError: as `call`.
        """
        with self._translated():
            return await self._session().ws_connect(
                self.origin + path,
                headers={"Mifeng-Protocol": str(PROTOCOL_VERSION)},
                ssl=self._pin,
                heartbeat=30,
                max_msg_size=4 << 20,
            )

    # -------------------------------------------------------------- inside

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            # No environment: a proxy or .netrc from there would see what is meant for the server.
            self._http = aiohttp.ClientSession(
                timeout=TIMEOUT,
                trust_env=False,
                auto_decompress=False,
                read_bufsize=READ_BYTES,
            )
        return self._http

    async def _attempt(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None,
        data: Data,
        *,
        login: bool,
    ) -> aiohttp.ClientResponse:
        sent = {"Mifeng-Protocol": str(PROTOCOL_VERSION), **(headers or {})}
        if login:
            sent["Authorization"] = f"Bearer {await self.token()}"
        for _ in self._addresses[1:]:
            try:
                return await self._request(method, path, sent, data)
            except aiohttp.ClientConnectorError:
                self._addresses.append(self._addresses.pop(0))
        return await self._request(method, path, sent, data)

    async def _request(
        self, method: str, path: str, headers: Mapping[str, str], data: Data
    ) -> aiohttp.ClientResponse:
        return await self._session().request(
            method,
            self.origin + path,
            headers=headers,
            data=data() if callable(data) else data,
            ssl=self._pin,
            allow_redirects=False,
        )

    async def _log_in(self, signer: Signer | None) -> str:
        if signer is None:
            raise UsageError("this endpoint needs a login, and there is nobody to log in as")
        try:
            return await self._answer_a_nonce(signer)
        except ServerProblem as err:
            if err.code is not ProblemCode.UNAUTHENTICATED:
                raise
        # A server that was restarted in between has forgotten its nonce: that is not the end of a
        # membership, so a fresh one decides.
        return await self._answer_a_nonce(signer)

    async def _answer_a_nonce(self, signer: Signer) -> str:
        nonce = (await self.call("login_nonce", NonceReply)).nonce
        tbs, signature = signer.sign_login(
            origin=self.origin, tls_pin=self.tls_pin, nonce=nonce, now=self.now()
        )
        reply = await self.call("login", LoginReply, LoginRequest(tbs=tbs, signature=signature))
        return reply.token

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except aiohttp.ServerFingerprintMismatch as err:
            raise ServerIdentityError(self.host, err.got) from err
        except aiohttp.ClientConnectorCertificateError as err:
            raise ServerIdentityError(self.host) from err
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as err:
            raise TransportError(
                "the server at {host} cannot be reached; check the network, and whether it runs",
                host=self.host,
            ) from err


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read a body, but not for ever: a server that lies must not fill this machine's memory."""
    raw = bytearray()
    async for piece in response.content.iter_any():
        raw += piece
        if len(raw) > limit:
            raise ProtocolError("API-1", "the server's answer is longer than any that is declared")
    return bytes(raw)


async def _problem(response: aiohttp.ClientResponse) -> ServerProblem | TransportError:
    """Turn an answer that is not a success into the error to raise."""
    raw = await _read(response, LONGEST_PROBLEM)
    wait = response.headers.get("Retry-After", "")
    retry_after_s = min(float(wait), LONGEST_WAIT_S) if re.fullmatch("[0-9]{1,9}", wait) else None
    problem = Problem(type="", title="", status=response.status, code="")
    if response.content_type == PROBLEM_CONTENT_TYPE:
        with contextlib.suppress(msgspec.DecodeError):
            problem = msgspec.json.decode(raw, type=Problem)
    code = CODES.get(problem.code)
    if code in (ProblemCode.TOO_MANY_REQUESTS, ProblemCode.UNAVAILABLE):
        return TransportError("the server is busy; try again in a moment", retry_after_s)
    return ServerProblem(
        response.status,
        code,
        detail=problem.detail,
        rule=problem.rule,
        head_sequence=problem.head_sequence,
        retry_after_s=retry_after_s,
    )
