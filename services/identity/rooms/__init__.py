"""What each subject of identity is made of: settings and adapters, put together. No rules."""
