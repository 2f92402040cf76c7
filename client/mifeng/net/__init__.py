"""The only part of the client that talks to a server (protocol.md, "API").

pin.py      is this the server that the link named?
login.py    a nonce, signed, for a token
api.py      any declared endpoint by its name; raw requests for files
stream.py   the WebSocket: pushes, resumed by sequence
"""

from mifeng.net.api import Api
from mifeng.net.login import Signer
from mifeng.net.stream import Stream

__all__ = ["Api", "Signer", "Stream"]
