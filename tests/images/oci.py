# tests/images/oci.py - layers, archives and files of Debian packages, for who makes images: same input, same bytes.
import hashlib
import io
import json
import os
import subprocess
import tarfile

LIB = "/lib/x86_64-linux-gnu"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Layer:
    """A file tree; every parent directory is made as needed."""

    def __init__(self):
        self.nodes = {}

    def directory(self, path, mode=0o755):
        path = path.strip("/")
        while path:
            self.nodes.setdefault(path, ("dir", 0o755, b""))
            if mode != 0o755:
                self.nodes[path] = ("dir", mode, b"")
                mode = 0o755
            path = os.path.dirname(path)

    def file(self, path, data, mode=0o644):
        self.directory(os.path.dirname(path))
        self.nodes[path.strip("/")] = ("file", mode, data if isinstance(data, bytes) else data.encode())

    def link(self, path, target):
        self.directory(os.path.dirname(path))
        self.nodes[path.strip("/")] = ("link", 0o777, target)

    def tar(self):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for path in sorted(self.nodes):
                kind, mode, data = self.nodes[path]
                info = tarfile.TarInfo(path)
                info.mode = mode
                if kind == "dir":
                    info.type = tarfile.DIRTYPE
                elif kind == "link":
                    info.type, info.linkname = tarfile.SYMTYPE, data
                else:
                    info.size = len(data)
                archive.addfile(info, io.BytesIO(data) if kind == "file" else None)
        return buffer.getvalue()


class Packages:
    """Where files of Debian packages come from: a folder of extracted ones, or "" for those that are installed here."""

    def __init__(self, root):
        self.root = root

    def locate(self, path):
        """Where a package put `path` (Debian 12 has /bin, /lib and /sbin both with and without /usr), symlinks followed."""
        for prefix in ("", "/usr"):
            real = os.path.join(self.root or "/", (prefix + path).lstrip("/"))
            if os.path.lexists(real):
                if os.path.islink(real):
                    target = os.readlink(real)
                    return self.locate(target if target.startswith("/") else os.path.normpath(os.path.join(prefix + path, "..", target)))
                return real
        raise SystemExit(f"images: no package holds {path}")

    def read(self, path):
        with open(self.locate(path), "rb") as source:
            return source.read()

    def loaded(self, path):
        """The shared libraries that `path` loads, by name, found among these packages only."""
        loader = self.locate("/lib64/ld-linux-x86-64.so.2")
        paths = ":".join(self.root + p for p in (LIB, "/usr" + LIB))
        text = subprocess.run([loader, "--inhibit-cache", "--library-path", paths, "--list", self.locate(path)],
                              check=True, capture_output=True, text=True).stdout
        names = []
        for line in text.splitlines():
            words = line.split()
            if "=>" in words and not words[0].startswith("/"):
                if not words[2].startswith(self.root):
                    raise SystemExit(f"images: {path} loads {words[0]}, which no named package holds")
                names.append(words[0])
        return names

    def add_binaries(self, layer, paths):
        needed = set()
        for path in paths:
            layer.file(path, self.read(path), 0o755)
            needed.update(self.loaded(path))
        layer.file("/lib64/ld-linux-x86-64.so.2", self.read("/lib64/ld-linux-x86-64.so.2"), 0o755)
        for name in sorted(needed | {"libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"}):
            layer.file(f"{LIB}/{name}", self.read(f"{LIB}/{name}"))


def busybox_layer(packages):
    layer = Layer()
    layer.file("/bin/busybox", packages.read("/bin/busybox"), 0o755)
    applets = subprocess.run([packages.locate("/bin/busybox"), "--list-full"], check=True, capture_output=True, text=True).stdout
    for applet in applets.split():
        if applet not in ("bin/busybox", "usr/bin/busybox", "linuxrc"):
            layer.link("/" + applet, "/bin/busybox")
    layer.file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
                              "www-data:x:33:33:www-data:/var/www:/bin/false\n"
                              "nobody:x:65534:65534:nobody:/home:/bin/false\n")
    layer.file("/etc/group", "root:x:0:\ndaemon:x:1:\nwww-data:x:33:\nusers:x:100:\nnogroup:x:65534:\n")
    layer.file("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n")
    layer.file("/etc/services", packages.read("/etc/services"))
    layer.directory("/root", 0o700)
    layer.directory("/tmp", 0o1777)
    for path in ("/home", "/var/www", "/dev", "/proc", "/sys", "/run"):
        layer.directory(path)
    return layer


class Archive:
    """An OCI layout in a tar file: blobs by digest, one index."""

    def __init__(self, maker):
        self.maker, self.blobs, self.manifests = maker, {}, []

    def blob(self, data, media):
        digest = hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        return {"mediaType": media, "digest": "sha256:" + digest, "size": len(data)}

    def json_blob(self, value, media):
        return self.blob(json.dumps(value, sort_keys=True, separators=(",", ":")).encode(), media)

    def image(self, names, layers, config):
        tars = [layer if isinstance(layer, bytes) else layer.tar() for layer in layers]
        body = {"architecture": "amd64", "os": "linux", "created": "1970-01-01T00:00:00Z", "config": config,
                "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(t).hexdigest() for t in tars]},
                "history": [{"created": "1970-01-01T00:00:00Z", "created_by": self.maker} for _ in tars]}
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": self.json_blob(body, "application/vnd.oci.image.config.v1+json"),
                    "layers": [self.blob(t, "application/vnd.oci.image.layer.v1.tar") for t in tars]}
        for name in names:
            entry = self.json_blob(manifest, manifest["mediaType"])
            entry["platform"] = {"architecture": "amd64", "os": "linux"}
            entry["annotations"] = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rsplit(":", 1)[1]}
            self.manifests.append(entry)

    def write(self, path):
        entries = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
                   "index.json": json.dumps({"schemaVersion": 2, "manifests": self.manifests}, sort_keys=True).encode()}
        entries.update({"blobs/sha256/" + digest: data for digest, data in self.blobs.items()})
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
            for name in sorted(entries):
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(entries[name]), 0o644
                archive.addfile(info, io.BytesIO(entries[name]))
