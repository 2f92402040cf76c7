"""Whatever goes wrong becomes a problem with a stable code (RFC 9457)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import msgspec
import structlog
from aiohttp import web

from mifeng_crypto.api.problems import PROBLEM_CONTENT_TYPE, Problem, ProblemCode
from mifeng_crypto.errors import StorageError
from mifeng_server.domain.protocols import BusyError, FullError
from mifeng_server.domain.refusal import Refusal
from mifeng_server.metrics import Metrics

__all__ = ["LOG_REQUESTS", "METRICS", "answer_problems", "problem_response"]

METRICS = web.AppKey("metrics", Metrics)
LOG_REQUESTS = web.AppKey("log_requests", bool)
_SWITCHED = 101

log = structlog.get_logger("http")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BY_STATUS = {
    404: ProblemCode.NOT_FOUND,
    405: ProblemCode.METHOD_NOT_ALLOWED,
    413: ProblemCode.TOO_LARGE,
    415: ProblemCode.UNSUPPORTED_MEDIA_TYPE,
}


def problem_response(refusal: Refusal) -> web.Response:
    """Write a refusal as a problem."""
    code = refusal.code
    problem = Problem(
        type=f"urn:mifeng:problem:{code.code}",
        title=code.remedy,
        status=code.status,
        code=code.code,
        detail=refusal.detail,
        rule=refusal.rule,
        head_sequence=refusal.head_sequence,
    )
    headers = {}
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    if code is ProblemCode.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(
        body=msgspec.json.encode(problem),
        status=code.status,
        content_type=PROBLEM_CONTENT_TYPE,
        headers=headers,
    )


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer problems, and count and log each request without a word of who or what."""
    start = time.perf_counter()
    try:
        response = await handler(request)
    except ConnectionError:
        raise  # nobody is left to be answered
    except Exception as err:  # noqa: BLE001 - the last one logs what nobody has thought of
        response = _problem_of(request, err)
    took = time.perf_counter() - start
    app, resource = request.app, request.match_info.route.resource
    route = resource.canonical if resource else ""
    # A method may be any word: only those that a route has are counted by name.
    method = request.method if resource else ""
    # A WebSocket's time is its life.
    seconds = took if response.status != _SWITCHED else None
    app[METRICS].answered(method, route, response.status, seconds)
    if app[LOG_REQUESTS]:
        log.info(
            "request",
            method=method,
            route=route,
            status=response.status,
            ms=round(1000 * took, 1),
        )
    return response


def _problem_of(request: web.Request, err: Exception) -> web.Response:
    match err:
        case Refusal():
            request.app[METRICS].problems.labels(err.code.code).inc()
            return problem_response(err)
        case web.HTTPException():
            code = _BY_STATUS.get(err.status, ProblemCode.MALFORMED)
            response = problem_response(Refusal(code))
            if "Allow" in err.headers:
                response.headers["Allow"] = err.headers["Allow"]
            return response
        case FullError():
            return problem_response(Refusal(ProblemCode.STORAGE_FULL))
        case BusyError():
            return problem_response(Refusal(ProblemCode.UNAVAILABLE, retry_after_s=1))
        case StorageError():
            log.error("storage failed", reason=str(err))
            return problem_response(Refusal(ProblemCode.UNAVAILABLE, retry_after_s=5))
        case _:
            # The last line of defence: a person with a log can find out, the caller need not.
            log.error("a request failed", exc_info=err)
            return problem_response(Refusal(ProblemCode.INTERNAL))
