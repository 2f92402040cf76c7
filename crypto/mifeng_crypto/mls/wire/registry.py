"""The numbers of RFC 9420 section 17 that the code names; everything else passes as a number.

Lists of types in the protocol carry values that nobody here knows (GREASE, section 13.5), so these
are constants of plain integers and not closed enumerations.
"""

from __future__ import annotations

from typing import Final

MLS10: Final = 1
"""ProtocolVersion mls10."""

# Section 17.3, MLS Extension Types.
APPLICATION_ID: Final = 0x0001
RATCHET_TREE: Final = 0x0002
REQUIRED_CAPABILITIES: Final = 0x0003
EXTERNAL_PUB: Final = 0x0004
EXTERNAL_SENDERS: Final = 0x0005
DEFAULT_EXTENSIONS: Final = frozenset(range(0x0001, 0x0006))
"""Section 7.2: every client supports these; capabilities do not list them."""

# Section 17.4, MLS Proposal Types.
ADD: Final = 0x0001
UPDATE: Final = 0x0002
REMOVE: Final = 0x0003
PSK: Final = 0x0004
REINIT: Final = 0x0005
EXTERNAL_INIT: Final = 0x0006
GROUP_CONTEXT_EXTENSIONS: Final = 0x0007
DEFAULT_PROPOSALS: Final = frozenset(range(0x0001, 0x0008))
"""Section 7.2: every client supports these; capabilities do not list them."""

# Section 17.5, MLS Credential Types.
BASIC: Final = 0x0001
X509: Final = 0x0002

# Section 17.2, MLS Wire Formats.
PUBLIC_MESSAGE: Final = 0x0001
PRIVATE_MESSAGE: Final = 0x0002
WELCOME: Final = 0x0003
GROUP_INFO: Final = 0x0004
KEY_PACKAGE: Final = 0x0005

# Section 6, ContentType.
APPLICATION: Final = 1
PROPOSAL: Final = 2
COMMIT: Final = 3
