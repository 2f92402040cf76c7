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

__all__ = ["answer_problems", "problem_response"]

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
    """Answer problems, and log each request without a word of who or what."""
    start = time.perf_counter()
    response = await _answer(request, handler)
    route = request.match_info.route.resource
    log.info(
        "request",
        method=request.method,
        route=route.canonical if route else "",
        status=response.status,
        ms=round(1000 * (time.perf_counter() - start), 1),
    )
    return response


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as err:
        return problem_response(err)
    except web.HTTPException as err:
        code = _BY_STATUS.get(err.status, ProblemCode.MALFORMED)
        response = problem_response(Refusal(code))
        if "Allow" in err.headers:
            response.headers["Allow"] = err.headers["Allow"]
        return response
    except FullError:
        return problem_response(Refusal(ProblemCode.STORAGE_FULL))
    except BusyError:
        return problem_response(Refusal(ProblemCode.UNAVAILABLE, retry_after_s=1))
    except StorageError as err:
        log.error("storage failed", reason=str(err))  # noqa: TRY400 - the reason says it all
        return problem_response(Refusal(ProblemCode.UNAVAILABLE, retry_after_s=5))
    except ConnectionError:
        raise  # nobody is left to be answered
    except Exception:
        # The last line of defence: a person with a log can find out, the caller need not.
        log.exception("a request failed")
        return problem_response(Refusal(ProblemCode.INTERNAL))
