"""What all services stand on: server, channel, errors, telemetry, etcd, shards, journal and feed."""
