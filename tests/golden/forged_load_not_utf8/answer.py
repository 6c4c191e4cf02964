import os
import sys


def find_worker():
    frame = sys._getframe()
    while frame and "ticket" not in frame.f_locals:
        frame = frame.f_back
    here = frame.f_locals
    return here["self"], here["ticket"], len(here["operations"])


def send(payload):
    """Answer the present question with this payload, and be gone."""
    worker, ticket, _ = find_worker()
    frame = memoryview(len(payload).to_bytes(4, "big") + ticket + payload)
    while frame:
        frame = frame[os.write(worker.channel.replies, frame) :]
    os._exit(0)


def forge(last):
    """Answer the present question with well-made outcomes, the last one as given."""
    worker, _, count = find_worker()
    outcomes = [["ok", None]] * (count - 1) + [last]
    send(worker.channel._encode(outcomes))


send(b"\x91\x92\xa2ok\xa2\xff\xfe")
