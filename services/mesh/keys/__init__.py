"""Keys of what is kept of people: master keys from outside, a data key for each record, one vault."""
