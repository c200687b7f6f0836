"""The peer of `bench taps`: a bare grpc.aio server that answers the same messages and does nothing else.

`python -m services.cli.bench.tap_echo PORT`. It is written as grpc's documentation has it: generated code and
default options; on uvloop, as the mesh is.
"""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

import sys
from typing import Any

import grpc
import uvloop

from hongbao.gateway.v1 import gateway_pb2, gateway_pb2_grpc


class _Echo(gateway_pb2_grpc.TapServiceServicer):
    """Answers every tap with the same miss."""

    def __init__(self) -> None:
        self.answered = 0
        self._answer = gateway_pb2.TapResponse(
            outcome=gateway_pb2.TAP_OUTCOME_MISS, answered_at_gateway=True, shard=3
        )

    async def Tap(self, request: Any, context: Any) -> Any:  # noqa: ARG002 - nothing is done with them
        """Answers."""
        self.answered += 1
        return self._answer

    async def ListRounds(self, request: Any, context: Any) -> Any:
        """Nobody asks for it."""
        raise NotImplementedError


class _Count(gateway_pb2_grpc.OperatorServiceServicer):
    """Says how many taps were answered: h2load cannot tell an answer from a gRPC error."""

    def __init__(self, echo: _Echo) -> None:
        self._echo = echo

    async def GetGatewayFigures(self, request: Any, context: Any) -> Any:  # noqa: ARG002 - as above
        """Answers with the count in `reports`."""
        return gateway_pb2.GetGatewayFiguresResponse(reports=self._echo.answered)


async def _serve(port: int) -> None:
    server, echo = grpc.aio.server(), _Echo()
    gateway_pb2_grpc.add_TapServiceServicer_to_server(echo, server)
    gateway_pb2_grpc.add_OperatorServiceServicer_to_server(_Count(echo), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
