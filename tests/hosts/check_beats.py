#!/usr/bin/python3
# tests/hosts/check_beats.py - did two containers of one identity ever run at once? Judges what they wrote into one file.
#
#   check_beats.py FILE [--identities N]     exit code 1, and why, when anything is wrong
#   check_beats.py --self-test
#
# Each line is one write(2) with O_APPEND, so their order is the order in which they happened:
#
#   IDENTITY HOST LIFE BEAT SECONDS          web-0 ship-2 5d0c... 17 1234.56
#
# LIFE is drawn by the container when it starts, BEAT counts from 1, SECONDS is the machine's uptime. Once another life of an
# identity has beaten, the one before it must never beat again.
import collections
import sys


def complaints(lines):
    """What is wrong, line by line."""
    current, over, last = {}, collections.defaultdict(set), {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if len(words) != 5 or not words[3].isdigit():
            yield f"line {number}: not a beat: {line.rstrip()!r}"
            continue
        identity, host, life, beat = words[0], words[1], words[2], int(words[3])
        if life in over[identity]:
            yield f"line {number}: {identity} beats on {host}, and by now it beats elsewhere: {current[identity]}"
            continue
        before = current.get(identity)
        if before is not None and before[0] != life:
            over[identity].add(before[0])
        current[identity] = (life, host)
        expected = last.get(life, 0) + 1
        if beat != expected:
            yield f"line {number}: {identity} on {host}: beat {beat} where {expected} was to come"
        last[life] = beat


def lives(lines):
    """identity -> [[host, life, beats, first, last]], in order."""
    out = collections.OrderedDict()
    for line in lines:
        identity, host, life, _, seconds = line.split()
        mine = out.setdefault(identity, [])
        if not mine or mine[-1][1] != life:
            mine.append([host, life, 0, float(seconds), 0.0])
        mine[-1][2] += 1
        mine[-1][4] = float(seconds)
    return out


def self_test():
    """The check must be able to fail."""
    fine = ["a x l1 1 0.1", "b y m1 1 0.1", "a x l1 2 0.2", "b y m1 2 0.2", "a y l2 1 9.0", "a y l2 2 9.1", "a x l3 1 20.0"]
    cases = [(fine, 0),
             (fine[:5] + ["a x l1 3 9.0"], 1),                      # the old one beats once more
             (["a x l1 1 0", "a y l2 1 0", "a x l1 2 0", "a y l2 2 0"], 1),  # both go on
             (["a x l1 1 0", "a x l1 3 0"], 1),                     # one is missing
             (["a x l1 1 0", "a x l1 1 0"], 1),                     # one came twice
             (["a x l1 1 0", "a x l2 1 0", "a x l1 2 0"], 1),       # on one host, too
             (["a x l1 1"], 1), (["garbage"], 1)]
    for lines, expected in cases:
        found = list(complaints(lines))
        if len(found) != expected:
            sys.exit(f"check_beats: self test: {lines}: {found}")


def main():
    self_test()
    if sys.argv[1:] == ["--self-test"]:
        return 0
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = file.readlines()
    wrong = list(complaints(lines))
    for each in wrong[:20]:
        print(each)
    if wrong:
        print(f"{len(wrong)} beats are wrong: two of one identity ran at once")
        return 1
    found = lives(lines)
    if "--identities" in sys.argv and len(found) != int(sys.argv[sys.argv.index("--identities") + 1]):
        print(f"beats of {len(found)} identities: {' '.join(found)}")
        return 1
    for identity, each in found.items():
        gaps = [after[3] - before[4] for before, after in zip(each, each[1:])]
        print(f"   {identity}: " + ", ".join(f"{host} {beats} beats" for host, _, beats, _, _ in each)
              + (f"; longest gap {max(gaps):.1f} s" if gaps else ""))
    print(f"   {len(lines)} beats, none of two at once")
    return 0


sys.exit(main())
