"""Invitations in SQL, behind the ports of the domain."""
