"""The contract's services: what arrives becomes a question to the rules, what they say becomes an answer."""
