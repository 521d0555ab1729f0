"""Writes container images as an OCI image layout: one folder, in which images share their layers.

    oci.py layer OUT FOLDER
        packs FOLDER as the layer OUT.tar.gz, and its description as OUT.json
    oci.py image LAYOUT NAME [--base LAYER] [--user USER] [--file SOURCE:PATH:MODE]... -- COMMAND [ARGUMENT...]
        adds the image NAME to the folder LAYOUT: LAYER (the OUT of a `layer`), on it a layer with the files, run by COMMAND

The same input gives the same bytes, so that digests stay when an image is made again.
"""
import argparse
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Hashed:
    """Passes what is written on to another file, and knows its digest and size."""

    def __init__(self, file):
        self.file, self.sum, self.size = file, hashlib.sha256(), 0

    def write(self, chunk):
        self.sum.update(chunk)
        self.size += len(chunk)
        return self.file.write(chunk)

    def flush(self):
        self.file.flush()

    @property
    def digest(self):
        return "sha256:" + self.sum.hexdigest()


def write_layer(out, produce):
    """Writes the tar stream that `produce` gives to OUT.tar.gz, and OUT.json beside it."""
    with open(f"{out}.tar.gz", "wb") as file:
        packed = Hashed(file)
        with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=packed, mtime=0) as compressed:
            plain = Hashed(compressed)
            produce(plain)
    description = {"mediaType": LAYER, "digest": packed.digest, "size": packed.size, "diff": plain.digest}
    Path(f"{out}.json").write_text(json.dumps(description))


def pack_folder(folder, stream):
    tar = ["tar", "-C", folder, "--sort=name", "--mtime=@0", "--numeric-owner", "--format=gnu", "-c", "."]
    with subprocess.Popen(tar, stdout=subprocess.PIPE) as process:
        shutil.copyfileobj(process.stdout, stream, 1 << 20)
    if process.returncode:
        sys.exit(f"oci.py: tar failed on {folder}")


def pack_files(specs, stream):
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT) as archive:
        for source, path, mode in (spec.rsplit(":", 2) for spec in specs):
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = os.path.getsize(source), int(mode, 8)
            with open(source, "rb") as content:
                archive.addfile(entry, content)


class Layout:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.blobs = self.folder / "blobs/sha256"
        self.blobs.mkdir(parents=True, exist_ok=True)
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self.index = self.folder / "index.json"

    def add_document(self, kind, document):
        content = json.dumps(document, sort_keys=True).encode()
        digest = hashlib.sha256(content).hexdigest()
        (self.blobs / digest).write_bytes(content)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}

    def add_layer(self, layer):
        """Takes a layer in, by a hard link where it can, and returns its descriptor and the digest of its content."""
        description = json.loads(Path(f"{layer}.json").read_text())
        blob = self.blobs / description["digest"].removeprefix("sha256:")
        if not blob.exists():
            try:
                os.link(f"{layer}.tar.gz", blob)
            except OSError:
                shutil.copyfile(f"{layer}.tar.gz", blob)
        return {key: description[key] for key in ("mediaType", "digest", "size")}, description["diff"]

    def add_image(self, name, manifest):
        index = {"schemaVersion": 2, "manifests": []}
        if self.index.exists():
            index = json.loads(self.index.read_text())
        # containerd imports an image under the first name, ORAS finds it by the second.
        names = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rpartition(":")[2]}
        kept = [entry for entry in index["manifests"] if entry["annotations"]["io.containerd.image.name"] != name]
        index["manifests"] = [*kept, {**manifest, "annotations": names}]
        self.index.write_text(json.dumps(index))


def add_image(options):
    layout, layers = Layout(options.layout), []
    if options.base:
        layers.append(layout.add_layer(options.base))
    if options.file:
        own = layout.folder / "layer"
        write_layer(own, lambda stream: pack_files(options.file, stream))
        layers.append(layout.add_layer(own))
        for suffix in ("tar.gz", "json"):
            os.unlink(f"{own}.{suffix}")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    config = layout.add_document(CONFIG, {
        "created": "1970-01-01T00:00:00Z", "architecture": machine, "os": "linux",
        "config": {"Entrypoint": options.command, "Env": [f"PATH={PATH}"], "User": options.user, "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [diff for _, diff in layers]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "meshproof"} for _ in layers],
    })
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer for layer, _ in layers]}
    layout.add_image(options.name, layout.add_document(MANIFEST, manifest))


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    layer = commands.add_parser("layer")
    layer.add_argument("out")
    layer.add_argument("folder")
    layer.set_defaults(run=lambda options: write_layer(options.out, lambda stream: pack_folder(options.folder, stream)))
    image = commands.add_parser("image")
    image.add_argument("layout")
    image.add_argument("name")
    image.add_argument("--base")
    image.add_argument("--user", default="")
    image.add_argument("--file", action="append", default=[])
    image.add_argument("command", nargs="+")
    image.set_defaults(run=add_image)
    options = parser.parse_args()
    options.run(options)


main()
