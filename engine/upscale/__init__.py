"""Enlarging pictures and films (FREDSR and community models)."""
