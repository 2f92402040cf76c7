"""The OpenAPI 3.1 document, made of the same declarations as the routes."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from aiohttp import web

from mifeng_crypto.api import messages as m
from mifeng_crypto.api.endpoints import ENDPOINTS, Access, Endpoint
from mifeng_crypto.api.problems import PROBLEM_CONTENT_TYPE, Problem, ProblemCode
from mifeng_server.routes.endpoint import JSON, KEY_HEADER, MESSAGE_PACK, PROTOCOL_HEADER

__all__ = ["add_openapi_route", "make_document"]

Schema = dict[str, Any]

_RAW = "application/octet-stream"
_FILE = "/v1/files/{file_id}"
_BINARY: Schema = {"content": {_RAW: {"schema": {"type": "string", "format": "binary"}}}}


_TOO_MUCH = {str(code.status) for code in (ProblemCode.TOO_MANY_REQUESTS, ProblemCode.UNAVAILABLE)}
_RETRY_AFTER: Schema = {
    "headers": {
        "Retry-After": {
            "description": "In how many seconds to send the same again.",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
        }
    }
}


def add_openapi_route(app: web.Application) -> None:
    """Serve the document."""
    document = msgspec.json.format(msgspec.json.encode(make_document()))

    async def openapi(_: web.Request) -> web.Response:
        return web.Response(body=document, content_type=JSON)

    app.router.add_get("/openapi.json", openapi)


def make_document() -> Schema:
    """Describe every endpoint."""
    bodies = {e.request for e in ENDPOINTS.values()} | {e.reply for e in ENDPOINTS.values()}
    structs = [body for body in bodies if body is not None]
    structs += [Problem, m.StreamHello, m.Push]
    structs.sort(key=lambda struct: struct.__name__)
    _, components = msgspec.json.schema_components(structs, ref_template=_REF)
    paths: dict[str, Schema] = {}
    for endpoint in ENDPOINTS.values():
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    for path, methods in _raw_paths().items():
        paths.setdefault(path, {}).update(methods)
    for methods in paths.values():
        for operation in methods.values():
            inside = INSIDE if operation.get("security") else ()
            _add_problems(operation["responses"], *ANYWHERE, *inside)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mifeng server",
            "version": "1",
            "description": "Ciphertext in order. Sections named here are those of protocol.md.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


_REF = "#/components/schemas/{name}"


ANYWHERE = (
    ProblemCode.MALFORMED,
    ProblemCode.UPGRADE_REQUIRED,
    ProblemCode.TOO_MANY_REQUESTS,
    ProblemCode.UNAVAILABLE,
)
"""What the door answers, whatever is asked."""
INSIDE = (ProblemCode.UNAUTHENTICATED, ProblemCode.FORBIDDEN, ProblemCode.NOT_FOUND)


def _add_problems(responses: Schema, *codes: ProblemCode) -> None:
    for status, response in _problems(*codes).items():
        responses.setdefault(status, response)


def _operation(endpoint: Endpoint) -> Schema:
    operation: Schema = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": _parameters(endpoint.path, endpoint.query, key=endpoint.mutates),
        "responses": _responses(endpoint),
    }
    if endpoint.request is not None:
        operation["requestBody"] = {"required": True, "content": _content(endpoint.request)}
    if endpoint.access is not Access.ANYBODY:
        operation["security"] = [{"token": []}]
    return operation


def _content(struct: type[msgspec.Struct]) -> Schema:
    schema = {"schema": {"$ref": _REF.format(name=struct.__name__)}}
    return {JSON: schema, MESSAGE_PACK: schema}


def _responses(endpoint: Endpoint) -> Schema:
    responses: Schema = {}
    if endpoint.reply is not None:
        responses["200"] = {"description": "Done.", "content": _content(endpoint.reply)}
    elif endpoint.name == "tree":
        responses["200"] = {"description": "The tree."} | _BINARY
        responses["206"] = {"description": "A range of it."} | _BINARY
    else:
        responses["204"] = {"description": "Done."}
    return responses | _problems(
        *endpoint.problems,
        ProblemCode.MALFORMED,
        ProblemCode.UPGRADE_REQUIRED,
        *((ProblemCode.UNAUTHENTICATED,) if endpoint.access is not Access.ANYBODY else ()),
        *((ProblemCode.FORBIDDEN,) if endpoint.access is Access.DEVICE else ()),
        *((ProblemCode.NOT_FOUND,) if "{" in endpoint.path else ()),
        *((ProblemCode.TOO_LARGE, ProblemCode.UNSUPPORTED_MEDIA_TYPE) if endpoint.request else ()),
        *((ProblemCode.IDEMPOTENCY_MISMATCH, ProblemCode.STORAGE_FULL) if endpoint.mutates else ()),
    )


def _problems(*codes: ProblemCode) -> Schema:
    by_status: dict[str, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(str(code.status), []).append(f"`{code.code}`: {code.remedy}")
    schema = {"schema": {"$ref": _REF.format(name="Problem")}}
    return {
        status: {"description": "; ".join(texts), "content": {PROBLEM_CONTENT_TYPE: schema}}
        | (_RETRY_AFTER if status in _TOO_MUCH else {})
        for status, texts in sorted(by_status.items())
    }


def _parameters(path: str, query: tuple[str, ...] = (), *, key: bool = False) -> list[Schema]:
    parameters = [_header(PROTOCOL_HEADER, {"type": "string", "const": "1"})]
    if key:
        parameters.append(_header(KEY_HEADER, {"type": "string", "minLength": 1, "maxLength": 64}))
    for name in re.findall(r"{(\w+)}", path):
        pattern = "^([0-9a-f]{2}){1,64}$" if name == "tree_hash" else "^[0-9a-f]{32}$"
        schema = {"type": "string", "pattern": pattern}
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
    number = {"type": "integer", "minimum": 0, "maximum": 2**53}
    parameters += [{"name": name, "in": "query", "schema": number} for name in query]
    return parameters


def _header(name: str, schema: Schema, *, required: bool = True) -> Schema:
    return {"name": name, "in": "header", "required": required, "schema": schema}


def _raw_paths() -> dict[str, Schema]:
    """What has raw bodies: tus, Range, and the WebSocket (sections "Files" and "Stream")."""
    token: list[Schema] = [{"token": []}]
    number = {"type": "string", "pattern": "^[0-9]{1,16}$"}
    tus = _header("Tus-Resumable", {"type": "string", "const": "1.0.0"})
    device = (ProblemCode.UNAUTHENTICATED, ProblemCode.FORBIDDEN, ProblemCode.NOT_FOUND)
    usual = (ProblemCode.MALFORMED, ProblemCode.UPGRADE_REQUIRED, *device)
    opened = "/v1/units/{unit_id}/files"
    return {
        opened: {
            "post": {
                "operationId": "open_upload",
                "summary": "Begin a tus upload of ciphertext; its share is made here.",
                "security": token,
                "parameters": [
                    *_parameters(opened, key=True),
                    tus,
                    _header("Upload-Length", number),
                ],
                "responses": {"201": {"description": "`Location` is the upload."}}
                | _problems(
                    *usual,
                    ProblemCode.IDEMPOTENCY_MISMATCH,
                    ProblemCode.REFUSED,
                    ProblemCode.TOO_LARGE,
                    ProblemCode.QUOTA_EXCEEDED,
                    ProblemCode.STORAGE_FULL,
                ),
            }
        },
        "/v1/files": {
            "options": {
                "operationId": "tus_options",
                "summary": "What of tus there is.",
                "parameters": _parameters(""),
                "responses": {"204": {"description": "In the headers."}},
            }
        },
        _FILE: {
            "head": {
                "operationId": "upload_offset",
                "summary": "How much of an upload there is.",
                "security": token,
                "parameters": [*_parameters(_FILE), tus],
                "responses": {"200": {"description": "In the headers."}},
            },
            "patch": {
                "operationId": "append_upload",
                "summary": "Append to an upload.",
                "security": token,
                "parameters": [
                    *_parameters(_FILE),
                    tus,
                    _header("Upload-Offset", number),
                    _header("Upload-Checksum", {"type": "string"}, required=False),
                    _header("Repr-Digest", {"type": "string"}, required=False),
                ],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/offset+octet-stream": {
                            "schema": {"type": "string", "format": "binary"}
                        }
                    },
                },
                "responses": {"204": {"description": "It is on the disk."}}
                | _problems(
                    *usual,
                    ProblemCode.OFFSET_MISMATCH,
                    ProblemCode.GONE,
                    ProblemCode.CHECKSUM_MISMATCH,
                    ProblemCode.TOO_LARGE,
                    ProblemCode.UNSUPPORTED_MEDIA_TYPE,
                    ProblemCode.STORAGE_FULL,
                ),
            },
            "delete": {
                "operationId": "take_back_file",
                "summary": "Give an upload up, or recall a file.",
                "security": token,
                "parameters": [*_parameters(_FILE), tus],
                "responses": {"204": {"description": "It is destroyed."}}
                | _problems(*usual, ProblemCode.GONE),
            },
            "get": {
                "operationId": "read_file",
                "summary": "The ciphertext of a file.",
                "security": token,
                "parameters": [
                    *_parameters(_FILE),
                    _header("Range", {"type": "string"}, required=False),
                ],
                "responses": {
                    "200": {"description": "All of it."} | _BINARY,
                    "206": {"description": "A range of it."} | _BINARY,
                }
                | _problems(*usual, ProblemCode.OFFSET_MISMATCH, ProblemCode.GONE),
            },
        },
        "/v1/stream": {
            "get": {
                "operationId": "stream",
                "summary": "A WebSocket: StreamHello in, Push out.",
                "parameters": _parameters(""),
                "responses": {"101": {"description": "A WebSocket."}}
                | _problems(ProblemCode.MALFORMED, ProblemCode.UPGRADE_REQUIRED),
            }
        },
    }
