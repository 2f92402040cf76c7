"""Every request, reply, push and problem of the HTTP API, declared once (protocol.md, "API").

problems.py    stable error codes, and the RFC 9457 body
messages.py    the bodies: msgspec structs, in JSON or MessagePack alike
endpoints.py   method, path, bodies and errors of each endpoint
"""
