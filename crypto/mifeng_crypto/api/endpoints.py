"""Each endpoint, declared once: the client calls it, the server routes it, OpenAPI describes it.

Path parameters are identifiers in lower-case hex. Every request carries `Mifeng-Protocol: 1`
(else `upgrade_required`). Every request that changes something carries `Idempotency-Key`; the same
key with the same body gets the first answer again, as long as what it made lives. File transfer is
tus 1.0.0 and HTTP Range, with raw bodies, and stands in protocol.md, "Files".
"""

from __future__ import annotations

import dataclasses
import enum

import msgspec

from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode as P

__all__ = ["ENDPOINTS", "Access", "Endpoint"]


class Access(enum.Enum):
    """Who may call: anybody, a device, or a device or a not yet used invite."""

    ANYBODY = "anybody"
    DEVICE = "device"
    DEVICE_OR_INVITE = "device_or_invite"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Method, path, bodies and the problems that are particular to it."""

    name: str
    method: str
    path: str
    access: Access
    request: type[msgspec.Struct] | None = None
    reply: type[msgspec.Struct] | None = None
    query: tuple[str, ...] = ()
    problems: tuple[P, ...] = ()
    limit_bytes: int = 1 << 16
    summary: str = ""

    @property
    def mutates(self) -> bool:
        """Whether it needs an idempotency key."""
        return self.method == "POST" and not self.name.startswith("login")


_KIB = 1 << 10
_MIB = 1 << 20

ENDPOINTS: dict[str, Endpoint] = {
    e.name: e
    for e in (
        Endpoint(
            name="server", method="GET", path="/v1/server", access=Access.ANYBODY,
            reply=m.ServerInfo, summary="What a stranger may know of this server.",
        ),
        Endpoint(
            name="found", method="POST", path="/v1/found", access=Access.ANYBODY,
            request=m.FoundRequest, reply=m.HeadReply,
            problems=(P.ALREADY_FOUNDED, P.FORBIDDEN, P.REFUSED),
            summary="Found the workspace with the one-time founding link.",
        ),
        Endpoint(
            name="login_nonce", method="POST", path="/v1/login/nonce", access=Access.ANYBODY,
            reply=m.NonceReply, summary="A nonce to sign.",
        ),
        Endpoint(
            name="login", method="POST", path="/v1/login", access=Access.ANYBODY,
            request=m.LoginRequest, reply=m.LoginReply,
            problems=(P.UNAUTHENTICATED, P.CLOCK),
            summary="Exchange a signed nonce for a token.",
        ),
        Endpoint(
            name="start", method="POST", path="/v1/start", access=Access.DEVICE,
            request=m.StartRequest, reply=m.StartReply, problems=(P.REFUSED,),
            summary="Begin: from here on this is the one running copy of the device.",
        ),
        Endpoint(
            name="slots", method="GET", path="/v1/slots", access=Access.DEVICE,
            reply=m.SlotSharesReply, summary="The shares of the caller's strict units.",
        ),
        Endpoint(
            name="roster", method="GET", path="/v1/roster", access=Access.DEVICE_OR_INVITE,
            reply=m.EntriesReply, query=("after",), summary="Roster entries after a sequence.",
        ),
        Endpoint(
            name="roster_append", method="POST", path="/v1/roster",
            access=Access.DEVICE_OR_INVITE, request=m.LedgerAppendRequest, reply=m.HeadReply,
            problems=(P.STALE_HEAD, P.REFUSED, P.CLOCK),
            summary="Append one signed entry to the roster.",
        ),
        Endpoint(
            name="offboarding", method="GET", path="/v1/members/{member_id}/offboarding",
            access=Access.DEVICE, reply=m.OffboardingReply, problems=(P.FORBIDDEN,),
            summary="In which units a former member still is, and which commits were without.",
        ),
        Endpoint(
            name="open_link", method="POST", path="/v1/links", access=Access.DEVICE,
            request=m.LinkOpen, reply=m.LinkState, problems=(P.FORBIDDEN,),
            summary="Open a mailbox in which a new device of the caller's own finds it.",
        ),
        Endpoint(
            name="link", method="GET", path="/v1/links/{link_id}", access=Access.ANYBODY,
            reply=m.LinkState, summary="What lies in a mailbox, for whoever knows its id.",
        ),
        Endpoint(
            name="link_request", method="POST", path="/v1/links/{link_id}/request",
            access=Access.ANYBODY, request=m.LinkLetter, reply=m.LinkState,
            problems=(P.FORBIDDEN,), summary="Leave the one request of a new device.",
        ),
        Endpoint(
            name="link_answer", method="POST", path="/v1/links/{link_id}/answer",
            access=Access.DEVICE, request=m.LinkAnswer, reply=m.LinkState,
            summary="Answer a request in one's own mailbox, or close it.",
        ),
        Endpoint(
            name="cards", method="GET", path="/v1/directory", access=Access.DEVICE,
            reply=m.CardsReply, query=("after",), summary="Sealed cards changed after a cursor.",
        ),
        Endpoint(
            name="put_card", method="POST", path="/v1/directory", access=Access.DEVICE,
            request=m.Card, reply=m.CardsReply, limit_bytes=128 * _KIB,
            problems=(P.STALE_HEAD, P.FORBIDDEN),
            summary="Publish the next version of a sealed card: one's own, or one in one's charge.",
        ),
        Endpoint(
            name="picture", method="GET", path="/v1/directory/pictures/{member_id}",
            access=Access.DEVICE, reply=m.PictureReply, summary="A member's sealed picture.",
        ),
        Endpoint(
            name="stale_cards", method="GET", path="/v1/directory/stale", access=Access.DEVICE,
            reply=m.StaleReply,
            summary="Cards that lie under an older directory key, without their content.",
        ),
        Endpoint(
            name="reseal_cards", method="POST", path="/v1/directory/reseal",
            access=Access.DEVICE, request=m.ResealRequest, reply=m.ResealReply,
            problems=(P.STALE_HEAD, P.FORBIDDEN), limit_bytes=4 * _MIB,
            summary="Put the same cards under the present directory key.",
        ),
        Endpoint(
            name="box", method="GET", path="/v1/directory/box", access=Access.DEVICE,
            reply=m.BoxReply,
            summary="The present directory key, sealed to the calling device; who lacks it.",
        ),
        Endpoint(
            name="want_box", method="POST", path="/v1/directory/box", access=Access.DEVICE,
            request=m.WantBoxRequest, reply=m.BoxesReply, problems=(P.STALE_HEAD,),
            summary="Ask the others for the present directory key.",
        ),
        Endpoint(
            name="put_boxes", method="POST", path="/v1/directory/boxes", access=Access.DEVICE,
            request=m.PutBoxesRequest, reply=m.BoxesReply,
            problems=(P.FORBIDDEN,), limit_bytes=4 * _MIB,
            summary="A directory key, sealed to devices: the present one, or the next.",
        ),
        Endpoint(
            name="publish_key_packages", method="POST", path="/v1/key-packages",
            access=Access.DEVICE, request=m.PublishKeyPackagesRequest, reply=m.KeyPackageCount,
            problems=(P.REFUSED,), limit_bytes=2 * _MIB, summary="Store one-time KeyPackages.",
        ),
        Endpoint(
            name="count_key_packages", method="GET", path="/v1/key-packages",
            access=Access.DEVICE, reply=m.KeyPackageCount,
            summary="How many unused KeyPackages the calling device has.",
        ),
        Endpoint(
            name="units", method="GET", path="/v1/units", access=Access.DEVICE,
            reply=m.UnitsReply, summary="The caller's units.",
        ),
        Endpoint(
            name="create_unit", method="POST", path="/v1/units", access=Access.DEVICE,
            request=m.OpenUnitRequest, reply=m.AcceptedReply, problems=(P.REFUSED, P.CLOCK),
            summary="Open a unit: its charter and its group at epoch 0.",
        ),
        Endpoint(
            name="restart_unit", method="POST", path="/v1/units/{unit_id}/restart",
            access=Access.DEVICE, request=m.OpenUnitRequest, reply=m.AcceptedReply,
            problems=(P.STALE_HEAD, P.REFUSED, P.CLOCK),
            summary="Open a unit's next generation: its `restart` and its group at epoch 0.",
        ),
        Endpoint(
            name="charter", method="GET", path="/v1/units/{unit_id}/charter",
            access=Access.DEVICE, reply=m.EntriesReply, query=("after",),
            summary="Charter entries after a sequence.",
        ),
        Endpoint(
            name="charter_append", method="POST", path="/v1/units/{unit_id}/charter",
            access=Access.DEVICE, request=m.LedgerAppendRequest, reply=m.HeadReply,
            problems=(P.STALE_HEAD, P.REFUSED, P.CLOCK, P.CAP_EXCEEDED),
            summary="Append one signed entry to a unit's charter.",
        ),
        Endpoint(
            name="checkpoints", method="GET", path="/v1/checkpoints", access=Access.DEVICE,
            reply=m.CheckpointsReply,
            summary="The server's signed word on where the roster and the caller's units stand.",
        ),
        Endpoint(
            name="claim_key_packages", method="POST",
            path="/v1/units/{unit_id}/key-packages/claim", access=Access.DEVICE,
            request=m.ClaimRequest, reply=m.ClaimReply, problems=(P.REFUSED,),
            summary="KeyPackages of devices that belong in the unit and are not yet.",
        ),
        Endpoint(
            name="log", method="GET", path="/v1/units/{unit_id}/log", access=Access.DEVICE,
            reply=m.LogReply, query=("generation", "after", "limit", "bare"),
            summary="Entries of the unit log after a sequence.",
        ),
        Endpoint(
            name="founding", method="GET", path="/v1/units/{unit_id}/founding",
            access=Access.DEVICE, reply=m.FoundingReply, query=("generation",),
            summary="The GroupInfo that founded a generation, for an audit.",
        ),
        Endpoint(
            name="commit", method="POST", path="/v1/units/{unit_id}/commits",
            access=Access.DEVICE, request=m.CommitRequest, reply=m.AcceptedReply,
            problems=(
                P.WRONG_EPOCH, P.REMOVES_DUE, P.KEY_EXPIRED, P.CAP_EXCEEDED, P.CLOCK, P.REFUSED,
            ),
            limit_bytes=16 * _MIB, summary="Commit, with its Welcome, at the head epoch.",
        ),
        Endpoint(
            name="message", method="POST", path="/v1/units/{unit_id}/messages",
            access=Access.DEVICE, request=m.MessageRequest, reply=m.AcceptedReply,
            problems=(P.WRONG_EPOCH, P.REMOVES_DUE, P.KEY_EXPIRED, P.CLOCK, P.REFUSED),
            limit_bytes=512 * _KIB, summary="A message at the head epoch.",
        ),
        Endpoint(
            name="readd", method="POST", path="/v1/units/{unit_id}/readd",
            access=Access.DEVICE, request=m.ReaddRequest, reply=m.AcceptedReply,
            problems=(P.WRONG_EPOCH, P.CLOCK, P.REFUSED),
            summary="This device cannot go on in the unit: it is to be removed and added again.",
        ),
        Endpoint(
            name="welcomes", method="GET", path="/v1/welcomes", access=Access.DEVICE,
            reply=m.WelcomesReply, summary="Welcomes waiting for the calling device.",
        ),
        Endpoint(
            name="ack_welcome", method="POST", path="/v1/welcomes/{welcome_id}/ack",
            access=Access.DEVICE, summary="The Welcome is used or refused: forget it.",
        ),
        Endpoint(
            name="tree", method="GET", path="/v1/units/{unit_id}/trees/{tree_hash}",
            access=Access.DEVICE, summary="A ratchet tree, raw bytes, with Range.",
        ),
        Endpoint(
            name="readers", method="GET", path="/v1/files/{file_id}/readers",
            access=Access.DEVICE, reply=m.ReadersReply, problems=(P.GONE,),
            summary="Which members have fetched a file.",
        ),
        Endpoint(
            name="share", method="GET", path="/v1/files/{file_id}/share", access=Access.DEVICE,
            reply=m.ShareReply, problems=(P.GONE,), summary="The server's half of a file's key.",
        ),
    )
}  # fmt: skip
