"""The trained generator of one to four sounds."""
