"""The gateway's lanes: each is what one kind of call goes through, with room of its own. No rules."""
