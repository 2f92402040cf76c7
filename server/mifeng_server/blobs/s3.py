"""An S3-compatible store: where its keys are found, how long to wait, and what it must not do."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store

from mifeng_crypto.errors import StorageError, UsageError

if TYPE_CHECKING:  # there is no such name when it runs
    from obstore import PutMode

__all__ = ["check_bucket", "open_bucket"]

OLD = '"00000000000000000000000000000000"'
"""The ETag of an object that there is not."""


def open_bucket(
    address: str, part: str, *, endpoint: str, region: str, timeout_s: float = 30
) -> S3Store:
    """Return a part of a bucket as a store of its own.

    Credentials are found as in every program for S3: `AWS_ACCESS_KEY_ID` and
    `AWS_SECRET_ACCESS_KEY`, or what the machine has.

    Args:
        address: `s3://bucket/prefix`.
        part: what comes after the prefix, as `blobs`.
        endpoint: the store's address; empty for Amazon's.
        region: its region.
        timeout_s: how long one request may take; it is repeated twice.
    """
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    return S3Store(
        bucket,
        prefix="/".join(p for p in (prefix.strip("/"), part) if p),
        endpoint=endpoint or None,
        region=region,
        virtual_hosted_style_request=not endpoint,
        # Sent along with each object, so that the store refuses what was bent on the way.
        checksum_algorithm="SHA256",
        client_options={
            "timeout": timedelta(seconds=timeout_s),
            "connect_timeout": timedelta(seconds=min(timeout_s, 10)),
            "allow_http": endpoint.startswith("http://"),
        },
        retry_config={
            "max_retries": 2,
            "retry_timeout": timedelta(seconds=2 * timeout_s),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=2),
                "base": 2,
            },
        },
    )


async def check_bucket(store: S3Store, probe: str) -> None:
    """See that the bucket takes objects, gives them back, keeps to conditions, and no old versions.

    Args:
        store: a part of the bucket.
        probe: a name that no other node has in use at this moment.

    Raises:
        UsageError: it keeps versions: what was destroyed would still be there; or it puts an object
            whatever the condition: nodes would overwrite each other's.
        StorageError: it cannot be used.
    """
    try:
        put = await obstore.put_async(store, probe, b"mifeng", use_multipart=False)
        got = await (await obstore.get_async(store, probe)).bytes_async()
        conditions = [
            await _is_refused(store, probe, "create"),
            await _is_refused(store, probe, {"e_tag": OLD}),
        ]
        await obstore.delete_async(store, probe)
    except (BaseError, OSError) as err:
        raise StorageError(
            "the bucket cannot be used ({reason}); see that it exists and that the keys are right",
            reason=type(err).__name__,
        ) from err
    if bytes(got) != b"mifeng":
        raise StorageError("the bucket gives back other bytes than were put")
    if not all(conditions):
        raise UsageError(
            "the bucket's store does not keep to If-None-Match and If-Match, so nodes would "
            "overwrite each other's objects; use a store (or a version of it) that does"
        )
    if put["version"] not in (None, "", "null"):
        raise UsageError(
            "the bucket keeps old versions of objects, so nothing in it can be destroyed; "
            "use a bucket without versioning"
        )


async def _is_refused(store: S3Store, probe: str, mode: PutMode) -> bool:
    """Whether the object that is there is not overwritten under a condition that is not met."""
    try:
        await obstore.put_async(store, probe, b"other", use_multipart=False, mode=mode)
    except (AlreadyExistsError, PreconditionError):
        return True
    return False
