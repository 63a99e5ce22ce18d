"""`hami-dra`: what people type."""

import os
import signal
import sys


def main() -> None:
    """Do what was typed. What the machine refuses, whatever was done for it, is said in a line."""
    # While the rest is loaded, which takes half a second, Ctrl-C has nothing to clean up: it ends this without a word.
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))
    from .commands import app

    signal.signal(signal.SIGINT, usual)
    try:
        app()
    except OSError as error:
        # What is still to be written would fail again when Python ends, with another message and status.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(f"hami-dra: {error}")
