"""The operator's `hongbao` command."""
