"""Units: their charters, KeyPackages, logs and Welcomes."""

from __future__ import annotations

from mifeng_crypto.api import messages as m
from mifeng_server.domain import charter_write, key_packages, unit_read, unit_write, welcomes
from mifeng_server.routes.endpoint import Asked, Function

__all__ = ["FUNCTIONS"]


async def _publish_key_packages(asked: Asked) -> m.KeyPackageCount:
    assert isinstance(asked.body, m.PublishKeyPackagesRequest)
    return await key_packages.publish(
        asked.house, asked.device, asked.call, asked.body, now=asked.now
    )


async def _count_key_packages(asked: Asked) -> m.KeyPackageCount:
    return await key_packages.count(asked.house, asked.device)


async def _claim_key_packages(asked: Asked) -> m.ClaimReply:
    assert isinstance(asked.body, m.ClaimRequest)
    return await key_packages.claim(
        asked.house, asked.device, asked.call, asked.path["unit_id"], asked.body, now=asked.now
    )


async def _units(asked: Asked) -> m.UnitsReply:
    return await unit_read.list_units(asked.house, asked.device)


async def _create_unit(asked: Asked) -> m.AcceptedReply:
    assert isinstance(asked.body, m.OpenUnitRequest)
    return await charter_write.create_unit(
        asked.house, asked.device, asked.call, asked.body, now=asked.now
    )


async def _restart_unit(asked: Asked) -> m.AcceptedReply:
    assert isinstance(asked.body, m.OpenUnitRequest)
    return await charter_write.restart_unit(
        asked.house, asked.device, asked.call, asked.path["unit_id"], asked.body, now=asked.now
    )


async def _charter(asked: Asked) -> m.EntriesReply:
    return await unit_read.read_charter(
        asked.house, asked.device, asked.path["unit_id"], after=asked.query.get("after", 0)
    )


async def _charter_append(asked: Asked) -> m.HeadReply:
    assert isinstance(asked.body, m.LedgerAppendRequest)
    return await charter_write.append_charter(
        asked.house, asked.device, asked.call, asked.path["unit_id"], asked.body, now=asked.now
    )


async def _log(asked: Asked) -> m.LogReply:
    return await unit_read.read_log(
        asked.house,
        asked.device,
        asked.path["unit_id"],
        generation=asked.query.get("generation", 0),
        after=asked.query.get("after", 0),
        limit=asked.query.get("limit", 0),
        bare=bool(asked.query.get("bare", 0)),
        now=asked.now,
    )


async def _founding(asked: Asked) -> m.FoundingReply:
    raw = await unit_read.read_founding(
        asked.house,
        asked.device,
        asked.path["unit_id"],
        generation=asked.query.get("generation", 0),
    )
    return m.FoundingReply(group_info=raw)


async def _commit(asked: Asked) -> m.AcceptedReply:
    assert isinstance(asked.body, m.CommitRequest)
    return await unit_write.commit(
        asked.house, asked.device, asked.call, asked.path["unit_id"], asked.body, now=asked.now
    )


async def _message(asked: Asked) -> m.AcceptedReply:
    assert isinstance(asked.body, m.MessageRequest)
    return await unit_write.message(
        asked.house, asked.device, asked.call, asked.path["unit_id"], asked.body, now=asked.now
    )


async def _readd(asked: Asked) -> m.AcceptedReply:
    assert isinstance(asked.body, m.ReaddRequest)
    return await unit_write.readd(
        asked.house, asked.device, asked.call, asked.path["unit_id"], asked.body, now=asked.now
    )


async def _welcomes(asked: Asked) -> m.WelcomesReply:
    return await welcomes.list_welcomes(asked.house, asked.device, now=asked.now)


async def _ack_welcome(asked: Asked) -> None:
    await welcomes.ack(asked.house, asked.device, asked.path["welcome_id"])


FUNCTIONS: dict[str, Function] = {
    "publish_key_packages": _publish_key_packages,
    "count_key_packages": _count_key_packages,
    "claim_key_packages": _claim_key_packages,
    "units": _units,
    "create_unit": _create_unit,
    "restart_unit": _restart_unit,
    "charter": _charter,
    "charter_append": _charter_append,
    "log": _log,
    "founding": _founding,
    "commit": _commit,
    "message": _message,
    "readd": _readd,
    "welcomes": _welcomes,
    "ack_welcome": _ack_welcome,
}
