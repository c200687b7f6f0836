"""Rules of the gateway: who is answered on the spot, and what is sent together."""
