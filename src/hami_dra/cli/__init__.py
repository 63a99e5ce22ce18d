"""The `hami-dra` command."""
