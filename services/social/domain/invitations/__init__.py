"""Who brought whom into a campaign."""
