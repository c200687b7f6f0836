"""Relations and their feed in SQL, behind the ports of the domain."""
