"""Keys, tables, tokens and the population registry, behind the ports of the domain."""
