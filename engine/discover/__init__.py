"""Jobs that look for directions without labels, and for the channels that move a region."""
