"""Both sides of linking a device, without the network (protocol.md, "Linking")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from mifeng.core.profile import Linking, Profile
from mifeng_crypto import linking
from mifeng_crypto.ids import PROTOCOL_VERSION, DeviceId, UnixMillis, WorkspaceId
from mifeng_crypto.ledger.roster import Roster, sign_roster_entry
from mifeng_crypto.ledger.roster_entry import AddDevice, RosterEntry
from mifeng_crypto.linking import LinkRequest, Mailbox
from mifeng_crypto.links import DeviceLink
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import decode

__all__ = ["Offer", "add_device_entry", "begin", "request_of"]


@dataclass(frozen=True, slots=True)
class Offer:
    """What the old device has shown: a link, for one request. In memory only."""

    link: DeviceLink
    nonce: Secret
    mailbox: Mailbox

    @classmethod
    def make(cls, profile: Profile, roster: Roster, *, rng: Rng) -> Self:
        """Draw a link."""
        secret, nonce = Secret(rng(32)), Secret(rng(32))
        link = DeviceLink(
            version=PROTOCOL_VERSION,
            addresses=profile.addresses,
            tls_pin=profile.tls_pin,
            genesis=profile.genesis,
            roster=roster.head,
            member_id=profile.member_id,
            secret=secret,
            commitment=linking.commit_to(nonce),
        )
        return cls(link, nonce, Mailbox(secret))

    def read(self, letter: bytes) -> LinkRequest:
        """Open and check what the new device asks for.

        Raises:
            CodecError, CryptoError: it is no request of somebody who has the link.
            ProtocolError: LINK-1.
        """
        request = decode(LinkRequest, self.mailbox.open("request", letter))
        linking.check_request(request, genesis=self.link.genesis, member_id=self.link.member_id)
        return request


def add_device_entry(
    profile: Profile, roster: Roster, request: LinkRequest, *, now: UnixMillis
) -> RosterEntry:
    """Sign the device of a request: the very object that its code was made of."""
    body = AddDevice(request.device)
    return sign_roster_entry(roster, body, profile.author, profile.signature_key, now=now)


def begin(
    link: DeviceLink, workspace_id: WorkspaceId, *, device_name: str, system: str, rng: Rng
) -> Profile:
    """Make the new device. `workspace_id` is checked against the roster later."""
    return Profile(
        addresses=link.addresses,
        tls_pin=link.tls_pin,
        workspace_id=workspace_id,
        genesis=link.genesis,
        anchor=link.roster,
        member_id=link.member_id,
        device_id=DeviceId(rng(16)),
        signature_key=Secret(rng(32)),
        hpke_key=Secret(rng(32)),
        directory_key=None,
        name="",
        title="",
        device_name=device_name,
        stage=Linking(link.secret, link.commitment, system),
    )


def request_of(profile: Profile) -> LinkRequest:
    """Return what this new device asks for; the same each time.

    Raises:
        ProtocolError: LINK-1: its name is none.
    """
    assert isinstance(profile.stage, Linking), "only a device that is being linked asks"
    request = LinkRequest(
        version=PROTOCOL_VERSION,
        genesis=profile.genesis,
        member_id=profile.member_id,
        device=profile.public_device,
        name=profile.device_name,
        system=profile.stage.system,
    )
    linking.check_request(request, genesis=profile.genesis, member_id=profile.member_id)
    return request
