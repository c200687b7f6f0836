"""A thin etcd client over grpc.aio, and what stands on it: sessions, elections and watches."""
