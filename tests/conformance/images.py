#!/usr/bin/python3
# tests/conformance/images.py - stand-ins for the images that Kubernetes' e2e.test 1.20 pulls, in one OCI archive.
#
#   images.py AGNHOST NONEWPRIVS OUT
#
# The two programs are the suite's own, built by tests/conformance/build; everything else is from Debian packages that are installed
# here (scripts/install-deps conformance). httpd and nginx are busybox' httpd. Each image says in a label that it is a stand-in.
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../images"))
from oci import PATH, Archive, Layer, Packages, busybox_layer  # noqa: E402

agnhost, nonewprivs, out = sys.argv[1:4]
TOOLS = ["/bin/bash", "/usr/bin/dig", "/usr/bin/curl", "/bin/nc.openbsd", "/bin/ss", "/bin/ip", "/usr/bin/getent", "/usr/bin/stdbuf"]
REGISTRY = "gcr.io/kubernetes-e2e-test-images/"
archive = Archive("tests/conformance/build")


def image(names, layers, **config):
    archive.image(names, layers, {"Env": [PATH], "Labels": {"org.opencontainers.image.description": "stand-in, for e2e.test"}, **config})


def program(path, source, mode=0o755):
    layer = Layer()
    with open(source, "rb") as file:
        layer.file(path, file.read(), mode)
    return layer


def pages(files):
    layer = Layer()
    for path, text in files.items():
        layer.file(path, text)
    return layer.tar()


def web(folder, name, version):
    """busybox' httpd, and a shell that stops it when asked to: as process 1 it would ignore SIGTERM."""
    content = {folder + "/index.html": "<html><body><h1>It works!</h1></body></html>\n", "/etc/version": version}
    image([name + ":" + version], [base, pages(content)],
          Cmd=["/bin/sh", "-c", f"trap 'exit 0' TERM QUIT; httpd -f -p 80 -h {folder} & wait"])


packages = Packages("")
bottom = busybox_layer(packages)
bottom.directory("/uploads")
base = bottom.tar()

tools = Layer()
packages.add_binaries(tools, TOOLS)
tools.file("/usr/libexec/coreutils/libstdbuf.so", packages.read("/usr/libexec/coreutils/libstdbuf.so"))
tools.link("/usr/bin/nc", "/bin/nc.openbsd")
tools.link("/usr/sbin/ip", "/bin/ip")
tools.link("/usr/bin/ss", "/bin/ss")
# Debian's busybox shell runs its own nc and wget whatever PATH says: here sh is bash.
tools.link("/bin/sh", "/bin/bash")
tools = tools.tar()

agnhost_layer = program("/agnhost", agnhost)
agnhost_layer.link("/agnhost-2", "agnhost")
agnhost_layer = agnhost_layer.tar()

image(["k8s.gcr.io/e2e-test-images/agnhost:2.21"], [base, tools, agnhost_layer], Entrypoint=["/agnhost"], Cmd=["pause"])
image(["k8s.gcr.io/pause:3.2"], [base, agnhost_layer], Entrypoint=["/agnhost"], Cmd=["pause"])
image(["docker.io/library/busybox:1.29", "docker.io/library/busybox:latest"], [base], Cmd=["sh"])
for tag in ("2.4.38-alpine", "2.4.39-alpine"):
    web("/usr/local/apache2/htdocs", "docker.io/library/httpd", tag)
for tag in ("1.14-alpine", "1.15-alpine"):
    web("/usr/share/nginx/html", "docker.io/library/nginx", tag)
image([REGISTRY + "jessie-dnsutils:1.0"], [base, tools], Cmd=["sh"])
image([REGISTRY + "nonroot:1.0"], [base], Cmd=["sh"], User="1234")
image([REGISTRY + "nonewprivs:1.0"], [base, program("/usr/local/bin/nnp", nonewprivs, 0o4755).tar()], Cmd=["nnp"])
for fish in ("kitten", "nautilus"):
    data = pages({"/data.json": json.dumps({"image": fish + ".jpg"}), f"/{fish}.jpg": "jpg"})
    image([f"{REGISTRY}{fish}:1.0"], [base, agnhost_layer, data], Entrypoint=["/agnhost"], Cmd=["test-webserver"])
archive.write(out)
