"""What building and testing this project needs beyond PyPI, made once and kept outside the repository."""
