"""Training FREDSR, and fitting it to a folder."""
