"""The handlers of a server: collected from generated code, and found for every call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import grpc

from services.mesh.interceptors.arrival import note_arrival


class HandlerTable:
    """Stands in for a server when generated code registers handlers, so that they can be wrapped first."""

    def __init__(self) -> None:
        self.handlers: dict[str, grpc.RpcMethodHandler] = {}

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Older half of what generated code calls; the newer one below says the same, readably."""

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, grpc.RpcMethodHandler]
    ) -> None:
        """Takes the handlers of one contract service."""
        self.handlers |= {f"/{service_name}/{method}": made for method, made in method_handlers.items()}


class Lookup(grpc.GenericRpcHandler):
    """Finds a handler with one look into one table, whatever the number of services.

    Handlers registered one by one instead would cost every call a step for each method of the server.
    """

    def __init__(self, handlers: Mapping[str, grpc.RpcMethodHandler]) -> None:
        self._handlers = handlers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """Called by gRPC for every call; None is answered with UNIMPLEMENTED."""
        note_arrival(handler_call_details.invocation_metadata)
        return self._handlers.get(handler_call_details.method)
