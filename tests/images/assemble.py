#!/usr/bin/python3
# tests/images/assemble.py - writes OCI image archives from extracted Debian packages; same input, same bytes.
#
#   assemble.py EXTRACTED_DEBS FILES OUT
#
# FILES holds the scripts of the stand-in images. Writes OUT/<image>.tar, OUT/all.tar (all of them in one archive) and
# OUT/tags ("<image> <repository:tag>" per line, for a registry).
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile

extracted, files, out = sys.argv[1:4]
LIB = "/lib/x86_64-linux-gnu"


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


def locate(path):
    """Where a package put `path` (Debian 12 has /bin, /lib and /sbin both with and without /usr), symlinks followed."""
    for prefix in ("", "/usr"):
        real = os.path.join(extracted, (prefix + path).lstrip("/"))
        if os.path.lexists(real):
            if os.path.islink(real):
                target = os.readlink(real)
                return locate(target if target.startswith("/") else os.path.normpath(os.path.join(prefix + path, "..", target)))
            return real
    raise SystemExit(f"images: no package holds {path}")


def read(path):
    with open(locate(path), "rb") as source:
        return source.read()


def loaded(path):
    """The shared libraries that `path` loads, by name, found among the extracted packages only."""
    loader = locate("/lib64/ld-linux-x86-64.so.2")
    paths = ":".join(extracted + p for p in (LIB, "/usr" + LIB))
    text = subprocess.run([loader, "--inhibit-cache", "--library-path", paths, "--list", locate(path)],
                          check=True, capture_output=True, text=True).stdout
    names = []
    for line in text.splitlines():
        words = line.split()
        if "=>" in words and not words[0].startswith("/"):
            if not words[2].startswith(extracted):
                raise SystemExit(f"images: {path} loads {words[0]}, which no named package holds")
            names.append(words[0])
    return names


def add_binaries(layer, paths):
    needed = set()
    for path in paths:
        layer.file(path, read(path), 0o755)
        needed.update(loaded(path))
    layer.file("/lib64/ld-linux-x86-64.so.2", read("/lib64/ld-linux-x86-64.so.2"), 0o755)
    for name in sorted(needed | {"libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"}):
        layer.file(f"{LIB}/{name}", read(f"{LIB}/{name}"))


def busybox_layer():
    layer = Layer()
    layer.file("/bin/busybox", read("/bin/busybox"), 0o755)
    applets = subprocess.run([locate("/bin/busybox"), "--list-full"], check=True, capture_output=True, text=True).stdout
    for applet in applets.split():
        if applet not in ("bin/busybox", "usr/bin/busybox", "linuxrc"):
            layer.link("/" + applet, "/bin/busybox")
    layer.file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
                              "www-data:x:33:33:www-data:/var/www:/bin/false\n"
                              "nobody:x:65534:65534:nobody:/home:/bin/false\n")
    layer.file("/etc/group", "root:x:0:\ndaemon:x:1:\nwww-data:x:33:\nusers:x:100:\nnogroup:x:65534:\n")
    layer.file("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n")
    layer.file("/etc/services", read("/etc/services"))
    layer.directory("/root", 0o700)
    layer.directory("/tmp", 0o1777)
    for path in ("/home", "/var/www", "/dev", "/proc", "/sys", "/run"):
        layer.directory(path)
    return layer


def script(name):
    with open(os.path.join(files, name), "rb") as source:
        return source.read()


class Archive:
    """An OCI layout in a tar file: blobs by digest, one index."""

    def __init__(self):
        self.blobs, self.manifests = {}, []

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
                "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "tests/images/build"} for _ in tars]}
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


base = busybox_layer().tar()
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

redis = Layer()
add_binaries(redis, ["/usr/bin/redis-server", "/usr/bin/redis-cli", "/usr/bin/getent"])
redis.directory("/data")

etcd = Layer()
add_binaries(etcd, ["/usr/bin/etcd", "/usr/bin/etcdctl", "/usr/bin/getent"])

mongo = Layer()
add_binaries(mongo, ["/bin/bash", "/usr/bin/getent"])
mongo.file("/usr/bin/mongod", script("mongod"), 0o755)

nginx = Layer()
nginx.file("/usr/sbin/nginx", script("nginx"), 0o755)
nginx.file("/usr/share/nginx/html/index.html", "<html><body><h1>Welcome to a stand-in for nginx</h1></body></html>\n")


def config(entrypoint, cmd, what, **more):
    return {"Env": [PATH], "Entrypoint": entrypoint, "Cmd": cmd, "WorkingDir": "/",
            "Labels": {"org.opencontainers.image.description": what}, **more}


IMAGES = {
    "busybox": (["docker.io/library/busybox:1.35"], [base], config(None, ["sh"], "busybox from Debian, for berth's tests")),
    "redis": (["docker.io/library/redis:7.0"], [base, redis],
              config(None, ["redis-server"], "redis from Debian, for berth's tests", WorkingDir="/data",
                     ExposedPorts={"6379/tcp": {}}, StopSignal="SIGTERM")),
    "etcd": (["docker.io/library/etcd:3.4"], [base, etcd],
             config(None, ["etcd"], "etcd from Debian, for berth's tests", ExposedPorts={"2379/tcp": {}, "2380/tcp": {}})),
    "mongo": (["docker.io/library/mongo:3.4.1"], [base, mongo],
              config(None, ["mongod"], "stand-in for mongo:3.4.1 made for berth's tests", ExposedPorts={"27017/tcp": {}})),
    "nginx": (["registry.hub.docker.com/library/nginx:1.15.5"], [base, nginx],
              config(None, ["nginx"], "stand-in for nginx:1.15.5 made for berth's tests", ExposedPorts={"80/tcp": {}},
                     StopSignal="SIGQUIT")),
}

everything, tags = Archive(), []
for key, (names, layers, settings) in IMAGES.items():
    settings = {k: v for k, v in settings.items() if v is not None}
    layers = [layer if isinstance(layer, bytes) else layer.tar() for layer in layers]
    single = Archive()
    single.image(names, layers, settings)
    single.write(os.path.join(out, key + ".tar"))
    everything.image(names, layers, settings)
    tags += [f"{key} {name.split('/', 1)[1]}" for name in names]
everything.write(os.path.join(out, "all.tar"))
with open(os.path.join(out, "tags"), "w", encoding="ascii") as listing:
    listing.write("\n".join(tags) + "\n")
