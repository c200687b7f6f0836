"""What each subject of social is made of: settings and adapters, put together. No rules."""
