"""A group that replaces another, or branches off from it (RFC 9420 sections 11.2, 11.3, 12.4.3.1).

What ties the two together is a resumption PSK of the old group, which only its members have.
"""

from __future__ import annotations

from collections.abc import Sequence

from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.mls.group.epoch import Epoch
from mifeng_crypto.mls.group.public_group import PublicGroup
from mifeng_crypto.mls.wire.psk import PreSharedKeyID, ResumptionPsk, ResumptionPSKUsage
from mifeng_crypto.secret import Secret


def resumption_psk(old: Epoch, usage: ResumptionPSKUsage) -> ResumptionPsk:
    """Name the resumption PSK of an epoch (section 8.6)."""
    return ResumptionPsk(usage, old.public.group_id, old.public.epoch)


def resumption_secret(old: Epoch) -> Secret:
    """Return the resumption PSK of an epoch (section 8.6)."""
    return old.secrets.resumption_psk


def check_psk_usage(
    psks: Sequence[PreSharedKeyID], continues: Epoch | None
) -> ResumptionPSKUsage | None:
    """RFC9420-12.4.3.1-11: a Welcome continues the group that it is expected to, and no other.

    Returns:
        How it continues that group; None where it is a group of its own.
    """
    continuing = [
        psk.source
        for psk in psks
        if isinstance(psk.source, ResumptionPsk)
        and psk.source.usage is not ResumptionPSKUsage.APPLICATION
    ]
    if continues is None and not continuing:
        return None
    if continues is None:
        raise ProtocolError("RFC9420-12.4.3.1-11", "a Welcome continues another group unasked")
    if len(continuing) != 1 or continuing[0] != resumption_psk(continues, continuing[0].usage):
        raise ProtocolError("RFC9420-12.4.3.1-11", "a Welcome does not continue the old group")
    return continuing[0].usage


def check_continuation(new: PublicGroup, old: Epoch, usage: ResumptionPSKUsage) -> None:
    """Check that a joined group is what it continues as (section 12.4.3.1, end).

    Members are the same where their credentials are; the application may know better.

    Raises:
        UsageError: the old group was not closed, and is to be replaced.
        ProtocolError: RFC9420-12.4.3.1-16: the new group is older than its first commit;
            RFC9420-11.2-1, 11.3-1: it is not what was agreed on; RFC9420-11.2-2, 11.3-2: its
            members are others.
    """
    if new.epoch != 1:
        raise ProtocolError("RFC9420-12.4.3.1-16", "a group that continues another begins late")
    old_members = {leaf.credential for _, leaf in old.public.leaves()}
    new_members = {leaf.credential for _, leaf in new.leaves()}
    if usage is ResumptionPSKUsage.REINIT:
        _check_reinit(new, old.public)
        if not old_members <= new_members:
            raise ProtocolError("RFC9420-11.2-2", "a group was replaced without all its members")
        return
    same = (new.context.version, new.suite) == (old.public.context.version, old.public.suite)
    if not same:
        raise ProtocolError("RFC9420-11.3-1", "a branch has another cipher suite than its group")
    if not new_members <= old_members:
        raise ProtocolError("RFC9420-11.3-2", "a branch has members that its group does not have")


def _check_reinit(new: PublicGroup, old: PublicGroup) -> None:
    """RFC9420-11.2-1: the new group is the one of the ReInit proposal."""
    agreed, found = old.reinit, new.context
    if agreed is None:
        raise UsageError("the old group was not replaced by a ReInit")
    if (agreed.group_id, agreed.version, agreed.cipher_suite, agreed.extensions) != (
        found.group_id,
        found.version,
        found.cipher_suite,
        found.extensions,
    ):
        raise ProtocolError("RFC9420-11.2-1", "a group was replaced by another than agreed on")
