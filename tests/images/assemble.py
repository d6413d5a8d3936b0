#!/usr/bin/python3
# tests/images/assemble.py - writes OCI image archives from extracted Debian packages; same input, same bytes.
#
#   assemble.py EXTRACTED_DEBS FILES OUT
#
# FILES holds the scripts of the stand-in images. Writes OUT/<image>.tar, OUT/all.tar (all of them in one archive) and
# OUT/tags ("<image> <repository:tag>" per line, for a registry).
import os
import sys

from oci import PATH, Archive, Layer, Packages, busybox_layer

extracted, files, out = sys.argv[1:4]
packages = Packages(extracted)
MAKER = "tests/images/build"


def script(name):
    with open(os.path.join(files, name), "rb") as source:
        return source.read()


base = busybox_layer(packages).tar()

redis = Layer()
packages.add_binaries(redis, ["/usr/bin/redis-server", "/usr/bin/redis-cli", "/usr/bin/getent"])
redis.directory("/data")

etcd = Layer()
packages.add_binaries(etcd, ["/usr/bin/etcd", "/usr/bin/etcdctl", "/usr/bin/getent"])

mongo = Layer()
packages.add_binaries(mongo, ["/bin/bash", "/usr/bin/getent"])
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

everything, tags = Archive(MAKER), []
for key, (names, layers, settings) in IMAGES.items():
    settings = {k: v for k, v in settings.items() if v is not None}
    layers = [layer if isinstance(layer, bytes) else layer.tar() for layer in layers]
    single = Archive(MAKER)
    single.image(names, layers, settings)
    single.write(os.path.join(out, key + ".tar"))
    everything.image(names, layers, settings)
    tags += [f"{key} {name.split('/', 1)[1]}" for name in names]
everything.write(os.path.join(out, "all.tar"))
with open(os.path.join(out, "tags"), "w", encoding="ascii") as listing:
    listing.write("\n".join(tags) + "\n")
