from __future__ import annotations

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from protos.build import write_image


@pytest.fixture(scope="session")
def comments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The comment of every rpc, by name, in one line."""
    image = tmp_path_factory.mktemp("image") / "contracts.binpb"
    write_image(image)
    found: dict[str, str] = {}
    for file in FileDescriptorSet.FromString(image.read_bytes()).file:
        for location in file.source_code_info.location:
            match list(location.path):
                case [6, service, 2, method]:
                    asked = file.service[service]
                    name = f"{file.package}.{asked.name}/{asked.method[method].name}"
                    found[name] = " ".join(location.leading_comments.split())
    return found
