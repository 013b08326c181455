"""Looking inside networks: exemplars, descriptions, edits, circuits."""
