#!/usr/bin/python3
# scripts/lib/sbom.py - prints what our programs are made of, as CycloneDX 1.5: the Debian packages whose libraries they load,
# and those whose headers were compiled into them.
#
#   scripts/lib/sbom.py PROGRAMS VERSION ARCH      PROGRAMS is the bin/ of a build folder; ARCH may be a foreign architecture
#
# Everything comes from dpkg and from the programs themselves. Headers are known where ninja's own record (.ninja_deps) lies
# beside PROGRAMS. The same programs and packages give the same bytes.
import json
import os
import re
import subprocess
import sys
import time
import uuid

OURS = ["berthd", "berth", "berth-logd", "berth-fence", "berth-volume", "berth-https.so", "berth-tls.so", "berth-etcd.so"]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def triplet(arch):
    """What a foreign architecture's tools and folders are named after; nothing for our own."""
    if arch == run("dpkg", "--print-architecture").strip():
        return None
    return run("dpkg-architecture", "-f", "-a", arch, "-q", "DEB_HOST_MULTIARCH").strip()


def loaded(programs, foreign):
    """Program to the libraries it names."""
    objdump = f"{foreign}-objdump" if foreign else "objdump"
    return {name: re.findall(r"^\s*NEEDED\s+(\S+)", run(objdump, "-p", os.path.join(programs, name)), re.M) for name in OURS}


def library_paths(foreign):
    """soname to file, as the loader finds it."""
    if foreign:  # ldconfig knows our own libraries only
        folders = [f"/usr/lib/{foreign}", f"/lib/{foreign}"]
        return {name: os.path.join(folder, name) for folder in folders for name in os.listdir(folder)}
    paths = {}
    for line in run("/sbin/ldconfig", "-p").splitlines():
        found = re.match(r"\s*(\S+) \(.*\) => (\S+)", line)
        if found:
            paths.setdefault(found[1], found[2])
    return paths


def headers(programs, foreign):
    folder = os.path.dirname(os.path.abspath(programs))
    if not os.path.exists(os.path.join(folder, ".ninja_deps")):
        return []
    # Only what went into objects of ours: tests and fuzz targets have their folders.
    used, mine = set(), False
    includes = ("/usr/include/", f"/usr/{foreign}/include/") if foreign else "/usr/include/"
    for line in run("ninja", "-C", folder, "-t", "deps").splitlines():
        if line and not line.startswith(" "):
            mine = not line.startswith(("tests/", "ninja:"))
        elif mine and line.strip().startswith(includes):
            used.add(line.strip())
    return sorted(used)


def owners(files, arch):
    """File to package, "name" or "name:architecture": that of ARCH where packages share it. dpkg knows a file by the path it was
    packed under."""
    owner = {}
    names = {}
    for file in files:
        real = os.path.realpath(file)
        for name in {file, real, re.sub("^/usr", "", real), re.sub("^/usr", "", file)}:
            names.setdefault(name, []).append(file)
    listing = sorted(names)
    for start in range(0, len(listing), 500):
        said = subprocess.run(["dpkg-query", "-S", *listing[start:start + 500]], capture_output=True, text=True).stdout
        for line in said.splitlines():
            packages, _, path = line.rpartition(": ")
            sharing = packages.split(", ")
            package = next((each for each in sharing if each.endswith(f":{arch}")), sharing[0])
            for file in names.get(path, []):
                owner.setdefault(file, package)
    return owner


def describe(packages):
    rows = run("dpkg-query", "-W", "-f", "${binary:Package}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t"
               "${source:Version}\n", *sorted(packages))
    return {row.split("\t")[0]: row.split("\t")[1:] for row in rows.splitlines()}


def main():
    programs, version, arch = sys.argv[1:4]
    foreign = triplet(arch)
    needs = loaded(programs, foreign)
    paths = library_paths(foreign)
    files = {soname: paths.get(soname) for names in needs.values() for soname in names}
    lost = sorted(soname for soname, file in files.items() if not file)
    if lost:
        sys.exit(f"sbom: the loader does not know {', '.join(lost)}")
    included = headers(programs, foreign)
    owner = owners([*files.values(), *included], arch)
    nobody = sorted(file for file in files.values() if file not in owner)
    if nobody:
        sys.exit(f"sbom: no package has {', '.join(nobody)}")

    linked = {owner[file] for file in files.values()}
    compiled = {owner[file] for file in included if file in owner}
    facts = describe(linked | compiled)
    facts.update({name.split(":")[0]: fact for name, fact in facts.items()})  # dpkg-query -S says foo:amd64 or foo.

    def reference(package):
        name, its_version, its_arch, _, _ = facts[package]
        return f"pkg:deb/debian/{name}@{its_version.replace('+', '%2B').replace(':', '%3A')}?arch={its_arch}&distro=debian-12"

    components = []
    for package in sorted(linked | compiled):
        name, its_version, _, source, source_version = facts[package]
        how = [word for word, group in (("linked", linked), ("headers", compiled)) if package in group]
        components.append({"type": "library", "bom-ref": reference(package), "name": name, "version": its_version,
                           "purl": reference(package),
                           "properties": [{"name": "berth:used", "value": " ".join(how)},
                                          {"name": "berth:source", "value": f"{source} {source_version}"}]})
    us = f"pkg:deb/berth@{version.replace('+', '%2B')}?arch={arch}"
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", "0"))))
    parts = [{"type": "file", "bom-ref": f"{us}#{name}", "name": name} for name in OURS]
    bom = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"timestamp": moment,
                     "component": {"type": "application", "bom-ref": us, "name": "berth", "version": version, "purl": us,
                                   "licenses": [{"license": {"id": "Apache-2.0"}}], "components": parts}},
        "components": components,
        "dependencies": [{"ref": us, "dependsOn": [reference(package) for package in sorted(linked | compiled)]}] +
                        [{"ref": f"{us}#{name}", "dependsOn": sorted({reference(owner[files[so]]) for so in sonames})}
                         for name, sonames in needs.items()],
    }
    bom["serialNumber"] = "urn:uuid:" + str(uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bom, sort_keys=True)))
    json.dump(bom, sys.stdout, indent=1, sort_keys=True)
    print()


main()
