"""For programs that look on while one of their threads is in a call."""

HELD_UP = '''
def held_up(thread):
    """Wait until a thread has ended or sleeps in a call until another wakes it; whether it is that."""
    import time

    def looks():
        try:
            with open(f"/proc/self/task/{thread.native_id}/status") as status:
                lines = dict(line.split(":") for line in status)
        except OSError:
            return None
        return lines["State"].split()[0], lines["voluntary_ctxt_switches"]

    # Whoever waits for the interpreter, or for what nobody tells of, looks more often than that.
    seen, since = None, time.monotonic()
    while thread.is_alive() and time.monotonic() - since < 0.3:
        time.sleep(0.01)
        now = looks()
        if now != seen or now is None or now[0] != "S":
            seen, since = now, time.monotonic()
    return thread.is_alive()
'''
