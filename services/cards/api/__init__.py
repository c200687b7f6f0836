"""The gRPC servicers, one file for each service of the contract: contract to rules and back, nothing else."""
