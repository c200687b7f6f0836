"""Cases: what becomes of checks that failed. None of them ends without an answer."""
