"""What everybody's app does beside the campaign, by subject."""
