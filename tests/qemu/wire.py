#!/usr/bin/python3
# tests/qemu/wire.py - what was on the wire between two machines, from the emulator's trace (pcap, Ethernet).
#
#   wire.py FILE                a line for each protocol and port: "udp 51820: 1234"
#   wire.py FILE --net CIDR     how many packets are from or to an address in there, as the wire shows it
#   wire.py FILE --udp PORT     how many go to that port
import collections
import ipaddress
import struct
import sys


def frames(file):
    """https://www.ietf.org/archive/id/draft-gharris-opsawg-pcap-01.html; the last one may be under way."""
    magic = file.read(24)[:4]
    assert magic == struct.pack("=I", 0xA1B2C3D4), "not a pcap of this machine's byte order"
    while len(header := file.read(16)) == 16:
        yield file.read(struct.unpack("=IIII", header)[2])


def facts(frame):
    """(protocol, source, destination, port of the service or 0) of what is in a frame."""
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind != 0x0800:
        return {0x0806: "arp", 0x86DD: "ipv6"}.get(kind, hex(kind)), None, None, 0
    packet = frame[14:]
    after = packet[(packet[0] & 15) * 4 :]
    source, destination = ipaddress.ip_address(packet[12:16]), ipaddress.ip_address(packet[16:20])
    name = {1: "icmp", 6: "tcp", 17: "udp"}.get(packet[9], str(packet[9]))
    ports = struct.unpack_from("!HH", after) if name in ("tcp", "udp") and len(after) >= 4 else (0, 0)
    return name, source, destination, min(ports) if name == "tcp" else ports[1]


def main(path, option=None, value=None):
    net = ipaddress.ip_network(value) if option == "--net" else None
    seen = collections.Counter()
    inside = 0
    with open(path, "rb") as file:
        for frame in frames(file):
            if len(frame) < 34:
                continue
            name, source, destination, port = facts(frame)
            seen[name, port] += 1
            inside += net is not None and source is not None and (source in net or destination in net)
    if option == "--net":
        print(inside)
    elif option == "--udp":
        print(seen["udp", int(value)])
    else:
        for (name, port), count in sorted(seen.items()):
            print(f"{name} {port}: {count}" if port else f"{name}: {count}")


main(*sys.argv[1:])
