"""Generates the Python code of the contracts, at install time and for `make protos`.

Every `.proto` file below this folder becomes `*_pb2.py`, `*_pb2_grpc.py` and their typed stubs beside it, so
that `hongbao.<service>.v1` imports as a plain package. Nothing generated is committed.

`buf/validate/validate.proto` is not in the tree: its descriptor is taken out of the installed protovalidate,
which keeps the constraints that the contracts use and the engine that checks them at one version.

Usage:
    python protos/build.py                 generate all code
    python protos/build.py --image FILE    write the contracts' descriptors as a buf image, for lint and
                                           breaking checks
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
VALIDATE = "buf/validate/validate.proto"


class ContractBuildHook(BuildHookInterface[Any]):
    """Generates the code before hatch collects the files of a wheel or an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Called by hatch once for each build target."""
        generate()


def generate() -> None:
    """Generates modules and typed stubs for every contract; raises SystemExit with protoc's message."""
    with tempfile.TemporaryDirectory() as folder:
        validate = _write_validate_descriptor(Path(folder) / "validate.binpb")
        outputs = [f"--{kind}_out={ROOT}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
        # The constraint extension has no services; it needs only its messages.
        _protoc([f"--descriptor_set_in={validate}", f"--python_out={ROOT}", f"--mypy_out={ROOT}", VALIDATE])
        _protoc([*_sources(validate), *outputs, *_contracts()])


def write_image(path: Path) -> None:
    """Writes all contracts, their imports and comments as one descriptor set, which buf reads as an image."""
    with tempfile.TemporaryDirectory() as folder:
        validate = _write_validate_descriptor(Path(folder) / "validate.binpb")
        path.parent.mkdir(parents=True, exist_ok=True)
        _protoc(
            [
                *_sources(validate),
                "--include_imports",
                "--include_source_info",
                f"--descriptor_set_out={path.absolute()}",
                *_contracts(),
            ]
        )


def _contracts() -> list[str]:
    return sorted(
        str(path.relative_to(ROOT)) for path in ROOT.rglob("*.proto") if "node_modules" not in path.parts
    )


def _sources(validate: Path) -> list[str]:
    # The descriptor set and the source tree are searched together: constraints come from the first,
    # our files from the second, Google's well-known types from grpcio-tools, and `google.rpc.Status` from
    # googleapis-common-protos, whose modules are the ones that are used at run time.
    import google.rpc  # noqa: PLC0415 - only needed while building
    import grpc_tools  # noqa: PLC0415 - only present while building

    bundled = Path(grpc_tools.__file__).parent / "_proto"
    google_apis = Path(next(iter(google.rpc.__path__))).parent.parent
    paths = [f"--proto_path={folder}" for folder in (ROOT, bundled, google_apis)]
    return [*paths, f"--descriptor_set_in={validate}"]


def _write_validate_descriptor(path: Path) -> Path:
    from google.protobuf import descriptor_pb2  # noqa: PLC0415 - only needed while building
    from protovalidate._gen.buf.validate import validate_pb  # noqa: PLC0415 - only needed while building

    # Imported files come first, as protoc asks of a descriptor set.
    files = descriptor_pb2.FileDescriptorSet()
    description = validate_pb.desc()
    for file in (*description.dependencies, description):
        files.file.append(descriptor_pb2.FileDescriptorProto.FromString(file.proto.to_binary()))
    path.write_bytes(files.SerializeToString())
    return path


def _protoc(arguments: list[str]) -> None:
    # A child process, because protoc keeps global state and ends the process on some errors.
    command = [sys.executable, "-m", "grpc_tools.protoc", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603
    if result.returncode != 0:
        raise SystemExit(f"protoc failed:\n{result.stderr.strip()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Generate the contracts' code, or their image for buf.")
    parser.add_argument("--image", type=Path, help="write a buf image here instead of generating code")
    chosen = parser.parse_args()
    if chosen.image is None:
        generate()
    else:
        write_image(chosen.image)
