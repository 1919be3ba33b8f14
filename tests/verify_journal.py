#!/usr/bin/env python3
"""A second verifier of cutover's journals, written from the description in src/journal/mod.rs alone.

    verify_journal.py RUNDIR [run=ID] [SEQ:HASH ...]    one verdict: `class seq offset`
    verify_journal.py                                   a case a line on standard input, same form

Exit: 0 whole or torn, 4 anything else.
"""
import hashlib, os, re, stat, sys, time

MAX_PAYLOAD, MAX_LINE, WIDTH = 65536, 65608, 287
HEADER = re.compile(rb"(cutover/([1-9][0-9]{0,19}) ([A-Za-z0-9._-]{1,64})) ([0-9a-f]{64})\n")
RECORD = re.compile(rb"([1-9][0-9]{0,4}) ([0-9a-f]{64}) (.*)\n", re.DOTALL)
SEQ = re.compile(rb'\{"seq":(0|[1-9][0-9]{0,19})(?=[,}])')

def h(*parts):
    return hashlib.sha256(b"".join(parts))

def read(path):
    """The bytes of a regular file, None when it is none or cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            return file.read() if stat.S_ISREG(os.fstat(fd).st_mode) else None
    except OSError:
        return None

def read_head(rundir):
    """(seq, offset, hash) of a good head, else None."""
    for attempt in range(5):
        time.sleep(0.001 * attempt)
        line = read(os.path.join(rundir, "head")) or b""
        body, check = line[:WIDTH - 65], line[WIDTH - 65:]
        if check == h(body).hexdigest().encode() + b"\n" and body.startswith(b"cutover-head/1 "):
            words = body.split(b" ")
            return int(words[1]), int(words[2]), words[3].decode()
    return None

def verify(rundir, run=None, kept=()):
    """The class, the record's number and the byte."""
    head = read_head(rundir)
    data = None if os.path.islink(rundir) else read(os.path.join(rundir, "journal"))
    if data is None:
        return "unreadable", 0, 0
    end = data.find(b"\n") + 1
    if end == 0:
        return ("truncated" if head and len(data) < head[1] else "corrupt"), 0, 0
    header = HEADER.fullmatch(data[:end])
    if not header or header[4].decode() != h(header[1]).hexdigest() or int(header[2]) >= 2**64:
        return "corrupt", 0, 0
    if int(header[2]) > 1:
        return "newer", 0, 0
    if run is not None and header[3] != run.encode():
        return "foreign", 0, 0
    if head and head[0] == 0 and head[1] != end:
        return "rewritten", 0, 0
    n, offset, prev = 1, end, bytes(32)
    while (end := data.find(b"\n", offset) + 1) > 0:
        record = RECORD.fullmatch(data, offset, end)
        if not record or int(record[1]) != len(record[3]) or len(record[3]) > MAX_PAYLOAD:
            return "corrupt", n, offset
        stated, payload = record[2].decode(), record[3]
        right = h(b"cutover/1", header[3], prev, record[1], payload)
        number = SEQ.match(payload)
        m = int(number[1]) if number else 2**64
        if m >= 2**64:
            return "corrupt", n, offset
        if right.hexdigest() != stated:
            mended = b'{"seq":%d' % n + payload[number.end():]
            with_n = h(b"cutover/1", header[3], prev, record[1], mended).hexdigest()
            ours = m == n or with_n == stated
            return "corrupt" if ours else "missing" if m > n else "replayed", n, offset
        if m != n:
            return "corrupt", n, offset
        heads = [(head[0], head[2] if head[1] == end else "elsewhere"), *kept] if head else kept
        if any(seq == n and digest != stated for seq, digest in heads):
            return "rewritten", n, offset
        n, offset, prev = n + 1, end, right.digest()
    tail = data[offset:]
    if head is None:
        return "headless", n, offset
    if head[0] >= n:
        return ("truncated" if not tail or len(data) < head[1] else "corrupt"), n, offset
    if any(seq >= n for seq, _ in kept):
        return "truncated", n, offset
    if not tail:
        return "whole", n - 1, offset
    return ("torn" if len(tail.rstrip(b"\0")) < MAX_LINE else "corrupt"), n, offset

def case(words):
    run = next((word[4:] for word in words[1:] if word.startswith("run=")), None)
    kept = [(int(seq), digest) for seq, _, digest in (w.partition(":") for w in words[1:]) if digest]
    result = verify(words[0], run, kept)
    print(*result, flush=True)
    return result[0] in ("whole", "torn")

if __name__ == "__main__":
    cases = [sys.argv[1:]] if sys.argv[1:] else map(str.split, sys.stdin)
    sys.exit(0 if all([case(words) for words in cases]) else 4)
