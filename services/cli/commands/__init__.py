"""One module for each command of `hongbao`."""
