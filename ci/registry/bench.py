#!/usr/bin/env python3
"""bench.py MESHPROOF: 500 references over four docker-registries, by one expectation of Meshproof's, and by a shell loop of
`oras manifest fetch` (which looks at the manifest alone: no platforms, no layers, no comparison). Prints seconds, requests and bytes."""
import json, os, shutil, subprocess, sys, tempfile, time

sys.argv, arguments = sys.argv[:1] + ["unused"], sys.argv[1:]
from content import Registry
from run import Server

NAMES = 125


def main():
    meshproof = os.path.abspath(arguments[0])
    with tempfile.TemporaryDirectory() as work:
        first = Server(work, "first")
        writer = Registry(first.origin)
        for number in range(NAMES):
            writer.image(f"many/image-{number}", "1")
        servers = [first]
        for name in ("second", "third", "fourth"):
            server = Server(work, name)
            server.stop()
            shutil.rmtree(server.storage)
            shutil.copytree(first.storage, server.storage)
            server.start()
            servers.append(server)
        try:
            names = [f"image-{number}:1" for number in range(NAMES)]
            registries = [f"{server.address}/many" for server in servers]
            suite, report = os.path.join(work, "many.yaml"), os.path.join(work, "report")
            with open(suite, "w") as file:
                json.dump({"apiVersion": "meshproof.dev/v1alpha1", "kind": "Scenario", "metadata": {"name": "many"}, "cases": [
                    {"name": "all", "expect": [{"image": {"images": names, "registries": registries, "platforms": ["linux/amd64", "linux/arm64"]}}]}]}, file)
            environment = {**os.environ, "MESHPROOF_CACHE_DIR": os.path.join(work, "cache"), "DOCKER_CONFIG": work}
            for what in ("nothing in the cache", "once more"):
                started = time.monotonic()
                subprocess.run([meshproof, "--quiet", "run", suite, "--cluster", "none", "--report-dir", report], check=True, env=environment)
                took = time.monotonic() - started
                contacted = json.load(open(os.path.join(report, "report.json")))["run"]["contacted"]
                requests, size = sum(one["requests"] for one in contacted), sum(one["bytes"] for one in contacted)
                print(f"meshproof, 4 x {NAMES} references, {what}: {took:.1f} s, {requests} requests, {size} bytes")
            if not shutil.which("oras"):
                print("oras is not on the path: nothing to compare with")
                return
            started = time.monotonic()
            references = " ".join(f"{registry}/{name}" for registry in registries for name in names)
            subprocess.run(["sh", "-c", f"for one in {references}; do oras manifest fetch --plain-http $one >/dev/null || exit 1; done"], check=True)
            print(f"a loop of `oras manifest fetch`: {time.monotonic() - started:.1f} s, {4 * NAMES} manifests")
        finally:
            for server in servers:
                server.stop()


if __name__ == "__main__":
    main()
