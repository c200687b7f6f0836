"""Photos in every kind of store: kept whole, encrypted, found again, and removed in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from services.identity.adapters.photos.directory import DirectoryStore
from services.identity.adapters.photos.nowhere import NoStore
from services.identity.adapters.photos.objects import ObjectMissing, ObjectStore
from services.identity.adapters.photos.s3 import S3Place, S3Store
from services.identity.adapters.photos.sealed import SealedPhotos
from services.identity.domain.people import Tier
from services.identity.domain.verifying.application import State
from services.identity.domain.verifying.checks import CheckResult
from services.identity.domain.verifying.errors import ObjectStoreUnavailable
from services.identity.domain.verifying.photos import Photo, PhotoHeader, PhotoType
from services.identity.domain.verifying.ports import PhotoGone
from services.identity.domain.verifying.steps import PHOTOS, StepKind
from services.identity.rooms import outside
from services.identity.settings import IdentitySettings
from tests.integration.verifying_office import Nowhere, offices
from tests.unit.identity.verifying.test_photos import png

BUCKET = "photos"
NAME, OTHER_NAME = "a1" * 16, "b2" * 16
CONTENT = bytes(range(256)) * 1_000


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Address of a server that speaks S3, with a bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    client = boto3.client("s3", endpoint_url=address, **_signed_in())  # type: ignore[no-untyped-call]
    client.create_bucket(Bucket=BUCKET)
    client.close()
    yield address
    server.stop()


def _signed_in() -> dict[str, str]:
    return {"region_name": "us-east-1", "aws_access_key_id": "name", "aws_secret_access_key": "secret"}


def place(address: str, bucket: str = BUCKET, prefix: str = "identity/") -> S3Place:
    return S3Place(bucket, prefix, address, "us-east-1", "name", "secret")


def bucket_store(at: S3Place) -> S3Store:
    return S3Store(at, timeout_ms=5_000, tries=1, threads=2)


@pytest.fixture(params=["directory", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    if request.param == "directory":
        opened: ObjectStore = DirectoryStore(tmp_path / "photos", threads=2)
    else:
        opened = bucket_store(place(request.getfixturevalue("s3")))
    yield opened
    await opened.close()


async def test_what_is_put_is_what_is_got(store: ObjectStore) -> None:
    await store.put(NAME, CONTENT)
    await store.put(OTHER_NAME, b"other")
    assert await store.get(NAME) == CONTENT
    assert await store.get(OTHER_NAME) == b"other"
    await store.put(NAME, b"again")
    assert await store.get(NAME) == b"again"


async def test_what_is_deleted_is_missing_and_can_be_deleted_again(store: ObjectStore) -> None:
    await store.put(NAME, CONTENT)
    for _ in range(2):
        await store.delete(NAME)
        with pytest.raises(ObjectMissing):
            await store.get(NAME)


async def test_many_at_once_do_not_mix(store: ObjectStore) -> None:
    names = [f"{number:032x}" for number in range(12)]
    await asyncio.gather(*(store.put(name, name.encode() * 100) for name in names))
    assert await asyncio.gather(*map(store.get, names)) == [name.encode() * 100 for name in names]


async def test_a_store_that_cannot_be_used_is_unavailable(s3: str, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder")
    broken: list[ObjectStore] = [
        DirectoryStore(in_the_way, threads=1),
        bucket_store(place(s3, bucket="nobodys")),
        # Nobody listens at this port of the machine.
        bucket_store(place("http://127.0.0.1:1")),
        NoStore(),
    ]
    for store in broken:
        with pytest.raises(ObjectStoreUnavailable):
            await store.put(NAME, CONTENT)
        await store.close()


async def test_a_file_that_a_crash_has_left_aside_goes_with_its_object(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, threads=1)
    aside = tmp_path / NAME[:2] / f"{NAME}.part"
    aside.parent.mkdir()
    aside.write_bytes(CONTENT[:10])
    with pytest.raises(ObjectMissing):
        await store.get(NAME)
    await store.delete(NAME)
    assert list(aside.parent.iterdir()) == []
    await store.close()


def test_where_photos_are_is_a_setting(tmp_path: Path) -> None:
    def opened(**values: str) -> ObjectStore:
        return outside.objects(IdentitySettings(identity_key_file="unused", **values))  # type: ignore[arg-type]  # texts

    assert isinstance(opened(database_url=f"sqlite:{tmp_path}"), DirectoryStore)
    assert isinstance(opened(database_url="postgresql://localhost/x"), NoStore)
    assert isinstance(opened(identity_photos_url=f"file:{tmp_path}"), DirectoryStore)
    assert isinstance(opened(identity_photos_url="s3://bucket/some/where"), S3Store)
    with pytest.raises(ValueError, match="photos are kept at"):
        opened(identity_photos_url="ftp://nowhere")


def photo(photo_id: int = 5) -> Photo:
    return Photo(photo_id, PhotoHeader(PhotoType.PNG, 800, 600), b"digest")


async def test_photos_leave_the_process_encrypted_each_under_its_own_key(tmp_path: Path) -> None:
    objects = Nowhere()
    async with offices(f"sqlite:{tmp_path}", objects=objects) as [(office, _)]:
        for photo_id in (5, 6):
            await office.photos.keep(photo(photo_id), CONTENT, 1)
        one, other = objects.kept.values()
        assert one != other
        assert CONTENT[:32] not in one + other
        assert await office.photos.read(photo(5)) == CONTENT
        # Moved to another photo's place it does not open.
        first, second = objects.kept
        objects.kept[first], objects.kept[second] = objects.kept[second], objects.kept[first]
        with pytest.raises(PhotoGone):
            await office.photos.read(photo(5))


async def test_photos_that_nothing_refers_to_are_removed_and_all_others_stay(tmp_path: Path) -> None:
    objects = Nowhere()
    async with offices(f"sqlite:{tmp_path}", objects=objects) as [(office, _)]:
        asking = await office.registered()
        verification_id = await office.completed(asking, Tier.II)
        # One is replaced, one never gets as far as an application.
        await office.people.put_photo(
            asking, verification_id, StepKind.PHOTO_BACK, PhotoType.PNG, png(900, 700)
        )
        await office.photos.keep(photo(5), CONTENT, office.clock.now_ms())
        assert len(objects.kept) == 5
        await _swept(office.photos, office.clock.now_ms())
        assert len(objects.kept) == 4
        await _swept(office.photos, office.clock.now_ms() + 60_000)
        assert len(objects.kept) == 3
        with pytest.raises(PhotoGone):
            await office.photos.read(photo(5))
        application = (await office.people.get(asking, verification_id)).application
        for step in application.steps:
            if isinstance(step.evidence, Photo):
                assert (await office.photos.read(step.evidence)).startswith(b"\x89PNG")


async def test_photos_of_a_rejected_application_go_after_a_while_and_of_a_verified_one_stay(
    tmp_path: Path,
) -> None:
    objects = Nowhere()
    async with offices(f"sqlite:{tmp_path}", objects=objects) as [(office, _)]:
        office.providers.script["authority"] = [CheckResult.DOCUMENT_FORGED]
        asking = await office.registered()
        rejected = await office.handed_in(asking)
        await office.work()
        assert (await office.people.get(asking, rejected)).application.state is State.REJECTED
        verified = await office.completed(asking)
        await office.people.submit(asking, verified)
        await office.work()
        assert (await office.people.get(asking, verified)).application.state is State.VERIFIED
        await _swept(office.photos, office.clock.now_ms())
        assert len(objects.kept) == 2 * len(PHOTOS)
        await _swept(office.photos, office.clock.now_ms() + 1_000)
        assert len(objects.kept) == len(PHOTOS)


async def test_a_photo_that_was_removed_too_early_is_not_referred_to(tmp_path: Path) -> None:
    async with offices(f"sqlite:{tmp_path}", objects=Nowhere()) as [(office, _)]:
        asking = await office.registered()
        application = (await office.people.start(asking, Tier.II)).application

        def refer(before: object, _confirmed: object) -> object:
            assert before == application
            return application.put(StepKind.PHOTO_FRONT, photo(77), 2, frozenset())

        with pytest.raises(ObjectStoreUnavailable):
            await office.store.change(asking.account_id, application.verification_id, refer, 2)  # type: ignore[arg-type]
        assert (await office.people.get(asking, application.verification_id)).application == application


async def _swept(photos: SealedPhotos, now_ms: int) -> None:
    while await photos.sweep(now_ms, 2):
        pass


def test_a_photo_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    async def put() -> None:
        store = DirectoryStore(tmp_path, threads=1)
        await store.put(NAME, CONTENT)
        await store.close()

    asyncio.run(put())
    assert (tmp_path / NAME[:2] / NAME).stat().st_mode & 0o077 == 0
