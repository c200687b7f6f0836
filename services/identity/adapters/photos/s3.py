"""Objects in a store that speaks S3."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from services.identity.adapters.photos.objects import ObjectMissing
from services.identity.domain.verifying.errors import ObjectStoreUnavailable

_MISSING: Final = frozenset(("NoSuchKey", "404"))


@dataclass(frozen=True, slots=True)
class S3Place:
    """Where the bucket is, and who is let in."""

    bucket: str
    prefix: str
    """Stands before every name; empty, or ends with a slash."""
    endpoint: str | None
    """Address of the service; None for the cloud's own."""
    region: str
    access_key: str | None
    """None takes what the machine is given, such as a role."""
    secret_key: str | None = field(repr=False)


class S3Store:
    """`ObjectStore` over a bucket. What is put is durable when the service says so."""

    def __init__(self, place: S3Place, *, timeout_ms: int, tries: int, threads: int) -> None:
        self._place = place
        self._client: Any = boto3.client(  # type: ignore[no-untyped-call]  # it ships no types
            "s3",
            endpoint_url=place.endpoint,
            region_name=place.region,
            aws_access_key_id=place.access_key,
            aws_secret_access_key=place.secret_key,
            config=Config(  # type: ignore[no-untyped-call]  # as above
                connect_timeout=timeout_ms / 1000,
                read_timeout=timeout_ms / 1000,
                retries={"total_max_attempts": tries, "mode": "standard"},
                max_pool_connections=threads,
                # Bucket names stand in paths: addresses of stores of one's own have no name for each bucket.
                s3={"addressing_style": "path"},
            ),
        )
        # The client is synchronous, and safe in threads.
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="photos")

    async def put(self, name: str, content: bytes) -> None:
        """See `ObjectStore.put`."""
        await self._run(lambda: self._client.put_object(**self._at(name), Body=content))

    async def get(self, name: str) -> bytes:
        """See `ObjectStore.get`."""

        def read() -> Any:
            return self._client.get_object(**self._at(name))["Body"].read()

        content: bytes = await self._run(read)
        return content

    async def delete(self, name: str) -> None:
        """See `ObjectStore.delete`."""
        await self._run(lambda: self._client.delete_object(**self._at(name)))

    async def close(self) -> None:
        """See `ObjectStore.close`."""
        await asyncio.to_thread(self._threads.shutdown)
        self._client.close()

    def _at(self, name: str) -> dict[str, str]:
        return {"Bucket": self._place.bucket, "Key": f"{self._place.prefix}{name}"}

    async def _run(self, work: Callable[[], Any]) -> Any:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except ClientError as failure:
            if failure.response["Error"]["Code"] in _MISSING:
                raise ObjectMissing from None
            raise ObjectStoreUnavailable from None
        except BotoCoreError:
            raise ObjectStoreUnavailable from None
