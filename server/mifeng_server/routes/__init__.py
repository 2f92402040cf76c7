"""HTTP: from requests to the domain and back (protocol.md, "API").

endpoint.py   what all endpoints have in common: version, login, body, limits, answer
problem.py    whatever goes wrong becomes an RFC 9457 body
<resource>.py one file for each resource: a function for each endpoint
files.py      tus uploads and ranged downloads, with raw bodies
stream.py     the WebSocket
openapi.py    the document, made of the declarations
"""
