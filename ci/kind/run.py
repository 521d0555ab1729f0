#!/usr/bin/env python3
"""run.py MESHPROOF VERSION=IMAGE [VERSION=IMAGE] [NAME...]: what `--cluster kind` promises, with node images that Docker has, as in
1.28=kindest/node:v1.28.15.

From nothing to the guide's suite green and back to nothing, its images pulled from the registry on this machine's loopback; a run that is
killed in the middle, and `clean`; a cluster that is kept and taken again, with a worker; a machine without a route to the nodes; with a
second image, two versions in one command; and each trouble that a user can have with Docker, told with the way out. Needs `eval "$(ci/cluster/env)"` for the registry, and root. Exit code 1
if anything is not as it should be. NAMEs choose among: flagship, grid, killed, kept, route, no-docker, no-right, no-image, unpackable, port,
memory, cgroup, init.
"""
import json, os, shutil, signal, socket, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
SUITE = os.path.join(HERE, "..", "..", "scenarios", "nks-istio")
MESHPROOF = os.path.abspath(sys.argv[1]) if len(sys.argv) > 2 else sys.exit(__doc__)
IMAGES = [argument for argument in sys.argv[2:] if "=" in argument]
ONLY = [argument for argument in sys.argv[2:] if "=" not in argument]
VERSION, IMAGE = IMAGES[0].split("=", 1)
WORK = tempfile.mkdtemp(prefix="meshproof-kind-")
NOBODY = 65534


def command(*arguments):
    images = [part for image in IMAGES for part in ("--node-image", image)]
    return [MESHPROOF, "run", SUITE, "--cluster", "kind", *images, "--set", f"istioVersion={os.environ['ISTIO_VERSION']}", "--set", f"registry={os.environ['REGISTRY']}",
            "--set", "istioctlArgs=" + json.dumps(os.environ.get("ISTIOCTL_ARGS", "").split()), *arguments]


def environment(**more):
    env = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    return {**env, "MESHPROOF_STATE_DIR": os.path.join(WORK, "state"), "TMPDIR": WORK, **more}


def run(*arguments, wanted=0, prefix=(), versions=("--kubernetes", VERSION), **more):
    """Runs the suite; gives everything that it wrote."""
    ran = subprocess.run([*prefix, *command(*versions, *arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         env=environment(**more), timeout=600)
    if ran.returncode != wanted:
        raise Wrong(f"exit code {ran.returncode}, not {wanted}:\n{ran.stdout[-3000:]}")
    # As it was before it was made to fit the terminal.
    return " ".join(ran.stdout.split())


class Wrong(Exception):
    pass


def needs(text, *parts):
    for part in parts:
        if part not in text:
            raise Wrong(f"it does not say `{part}`:\n{text[-3000:]}")


def summary(text):
    return text[text.rindex(" cases: ") - 2:text.index(" on kind-")].strip()


def docker(*arguments):
    return subprocess.run(["docker", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.split()


def there():
    """What Docker has that a run could leave."""
    return {"containers": docker("ps", "-aq"), "volumes": docker("volume", "ls", "-q"), "networks": docker("network", "ls", "-q")}


def clean(*arguments):
    subprocess.run([MESHPROOF, "clean", "--cluster", "kind", *arguments], check=True, env=environment(), timeout=120)


def flagship():
    report = os.path.join(WORK, "report")
    text = run("--report-dir", report)
    with open(os.path.join(report, "report.json")) as file:
        read = json.load(file)
    if read["cluster"]["provider"] != "kind" or read["summary"]["passed"] < 30:
        raise Wrong(f"{read['cluster']}, {read['summary']}")
    return summary(text)


def grid():
    if len(IMAGES) < 2:
        return "skipped: one image was named"
    report = os.path.join(WORK, "report-grid")
    cells = [part for image in IMAGES for part in ("--cell", "kubernetes=" + image.split("=", 1)[0])]
    text = run("--set", "network=internet", "--set", "install=istioctl", "--cells", str(len(IMAGES)), "--report-dir", report, versions=cells)
    with open(os.path.join(report, "report.json")) as file:
        found = json.load(file)["cells"]
    versions = [cell["cluster"]["kubernetesVersion"] for cell in found]
    if len(set(versions)) != len(IMAGES) or any(cell["summary"]["passed"] < 30 for cell in found):
        raise Wrong(text[-3000:])
    return f"{' and '.join(versions)}: " + summary(text)


def killed():
    process = subprocess.Popen(command("--kubernetes", VERSION, "--filter", "install"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment())
    for line in process.stdout:
        if "to initialize the control plane" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    if not docker("ps", "-q", "--filter", "label=meshproof.dev/run"):
        raise Wrong("no node is there to be removed")
    clean()
    return "SIGKILL while kubeadm was at work, then clean"


def kept():
    first = time.monotonic()
    run("--workers", "1", "--keep-cluster", "--filter", "install/namespace")
    again = time.monotonic()
    text = run("--workers", "1", "--keep-cluster")
    end = time.monotonic()
    if "initialize" in text:
        raise Wrong(f"it was made anew:\n{text[:1000]}")
    clean("--all")
    return f"with a worker; {again - first:.0f} s to come up and a few cases, then the whole suite on the same in {end - again:.0f} s"


def route():
    """As with Docker Desktop: nothing but loopback leads to the nodes."""
    rule = ["OUTPUT", "-o", "docker0", "-p", "tcp", "--syn", "-m", "owner", "--uid-owner", str(NOBODY), "-j", "REJECT"]
    home = os.path.join(WORK, "nobody")
    os.makedirs(home, exist_ok=True)
    os.chmod(WORK, 0o755)
    os.chown(home, NOBODY, -1)
    group = os.stat("/var/run/docker.sock").st_gid
    prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={group}", "--clear-groups"]
    subprocess.run(["iptables", "-w", "-I", *rule], check=True)
    try:
        text = run(prefix=prefix, TMPDIR=home, HOME=home, MESHPROOF_STATE_DIR=os.path.join(home, "state"), XDG_CACHE_HOME=home)
    finally:
        subprocess.run(["iptables", "-w", "-D", *rule], check=True)
    needs(text, "services are reached through the API server")
    return summary(text)


def no_docker():
    needs(run(wanted=2, DOCKER_HOST=f"unix://{WORK}/nothing"), "no Docker answers: start it")
    return "no Docker answers"


def no_right():
    home = tempfile.mkdtemp(dir=WORK)
    os.chmod(WORK, 0o755)
    os.chown(home, NOBODY, -1)
    prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    text = run(prefix=prefix, wanted=2, TMPDIR=home, HOME=home, MESHPROOF_STATE_DIR=os.path.join(home, "state"))
    needs(text, "this user has no right to Docker's socket: join the group `docker`")
    return "a user who is not in the group"


def no_image():
    text = run("--node-image", f"{VERSION}=registry.invalid/node:none", wanted=2)
    needs(text, "registry.invalid/node:none is not on this machine and cannot be pulled", "load it with `docker load`")
    return "an image that is nowhere"


def unpackable():
    path = os.path.join(WORK, "no-archive.tar")
    with open(path, "w") as file:
        file.write("this is no archive\n")
    needs(run("--load", path, wanted=2), "no-archive.tar holds no images that containerd reads")
    return "an archive that is none"


def port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        text = run("--api-port", str(taken.getsockname()[1]), wanted=2)
    needs(text, "the port is taken by another program", "leave --api-port out")
    return "--api-port at a port that is taken"


def memory():
    needs(run("--workers", "255", wanted=2), "and 256 nodes need 524288: give Docker more, or take fewer --workers")
    return "more workers than there is memory for"


def cgroup():
    """A Docker that is to let systemd make control groups, where systemd does not run."""
    if os.path.isdir("/run/systemd/system"):
        return "skipped: systemd runs here"
    if not shutil.which("dockerd"):
        return "skipped: there is no dockerd"
    folder, empty = os.path.join(WORK, "docker"), os.path.join(WORK, "empty.tar")
    subprocess.run(["tar", "-cf", empty, "-T", "/dev/null"], check=True)
    host = f"unix://{folder}/socket"
    os.makedirs(folder)
    with open(os.path.join(folder, "daemon.json"), "w") as file:
        json.dump({"data-root": f"{folder}/data", "exec-root": f"{folder}/exec", "pidfile": f"{folder}/pid", "hosts": [host],
                   "bridge": "none", "iptables": False, "exec-opts": ["native.cgroupdriver=systemd"]}, file)
    with open(os.path.join(folder, "log"), "w") as log:
        # With a network of its own: a Docker without a bridge takes that of the other away.
        daemon = subprocess.Popen(["unshare", "--net", "dockerd", "--config-file", f"{folder}/daemon.json"], stdout=log, stderr=log)
    try:
        while subprocess.run(["docker", "-H", host, "info"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            if daemon.poll() is not None:
                return "skipped: a second Docker does not start here"
            time.sleep(0.1)
        subprocess.run(["docker", "-H", host, "import", "--change", "CMD [\"none\"]", empty, "node:none"], check=True, stdout=subprocess.DEVNULL)
        text = run("--node-image", f"{VERSION}=node:none", wanted=2, DOCKER_HOST=host)
    finally:
        daemon.terminate()
        daemon.wait()
    needs(text, "Docker cannot give the node its control groups")
    return "a Docker without a way to control groups"


def init():
    """A node image whose kubeadm fails; what it wrote is in the report."""
    context = tempfile.mkdtemp(dir=WORK)
    with open(os.path.join(context, "Dockerfile"), "w") as file:
        file.write(f"FROM {IMAGE}\nCOPY kubeadm /usr/bin/kubeadm\n")
    with open(os.path.join(context, "kubeadm"), "w") as file:
        file.write("#!/bin/sh\necho kubeadm said this >&2\nexit 3\n")
    os.chmod(file.name, 0o755)
    name = "meshproof-kind-broken:1"
    subprocess.run(["docker", "build", "-q", "-t", name, context], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        report = os.path.join(WORK, "report-init")
        text = run("--node-image", f"{VERSION}={name}", "--report-dir", report, wanted=2)
    finally:
        subprocess.run(["docker", "rmi", "-f", name], check=True, stdout=subprocess.DEVNULL)
    needs(text, "failed to initialize the control plane", "ended with 3", "kubeadm said this")
    with open(os.path.join(report, "report.json")) as file:
        evidence = json.load(file)["evidence"]
    if "kubeadm said this" not in evidence[0]["text"]:
        raise Wrong(f"the report has {evidence}")
    return "a kubeadm that fails"


def main():
    tests = [flagship, grid, killed, kept, route, no_docker, no_right, no_image, unpackable, port, memory, cgroup, init]
    bad = 0
    for test in tests:
        name = test.__name__.replace("_", "-")
        if ONLY and name not in ONLY:
            continue
        before, began = there(), time.monotonic()
        try:
            said = test()
            after = there()
            if after != before:
                raise Wrong(f"left behind: {after}, before: {before}")
            print(f"ok     {name}: {said} ({time.monotonic() - began:.0f} s)", flush=True)
        except (Wrong, subprocess.SubprocessError) as wrong:
            bad += 1
            print(f"WRONG  {name}: {wrong}", flush=True)
    shutil.rmtree(WORK, ignore_errors=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
