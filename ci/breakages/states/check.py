#!/usr/bin/env python3
"""check.py REPORT.JSON: whether each hopeless state was seen for what it is, and soon, and its cause was found."""
import json, re, sys

# Within seconds of when the cluster shows it; how long that takes differs by state (a crash loop shows after two crashes).
WANTED = {
    "image-that-does-not-exist": (r"ErrImagePull|ImagePullBackOff", 15, r"image 127.0.0.1:5000/nowhere:1 .* cannot be pulled: the registry does not have it"),
    "image-name-that-is-none": (r"InvalidImageName", 15, r"image Not An Image .*: that is no name of an image"),
    "container-that-crashes": (r"CrashLoopBackOff.*exit code 3", 30, r"container app of pod crash-\S+ crashes with exit code 3"),
    "secret-that-is-not-there": (r'CreateContainerConfigError.*secret "nowhere" not found', 15,
                                 r'container app of pod \S+ cannot be created: secret "nowhere" not found'),
    "more-than-any-node-has": (r"Unschedulable.*Insufficient cpu", 15, r"no node takes pod too-large-\S+: .*Insufficient cpu"),
    "webhook-without-server": (r"FailedCreate.*failed calling webhook", 15, r"webhook hook.meshproof.example has no server that answers: .*nowhere"),
    "service-without-pods": (r"EndpointSlice", 15, r"Service alone in \S+ leads nowhere: its selector takes no pod"),
    "object-that-is-refused": (r"refused: .*spec.ports", 15, r"API server refuses to apply Service no-ports: .*spec.ports: Required value"),
    "quota-that-is-used-up": (r"FailedCreate.*exceeded quota", 15, r"quota of the namespace \S+ is used up: none"),
    "progress-deadline": (r"ProgressDeadlineExceeded", 20, r"container app of pod never-ready-\S+ runs, but is not ready: .*[Pp]robe"),
}
with open(sys.argv[1]) as file:
    cases = {case["id"].split("/")[1]: case for case in json.load(file)["cases"]}
bad = 0
for name, (pattern, seconds, finding) in WANTED.items():
    case = cases[name]
    found = (case.get("diagnosis") or {}).get("finding", "")
    good = case["verdict"] == "knownFail" and re.search(pattern, case["reason"], re.S) and case["durationMs"] < seconds * 1000
    good = good and re.search(finding, found, re.S)
    bad += not good
    print(f"{'ok  ' if good else 'BAD '} {name}: {case['durationMs'] / 1000:.1f} s: {' '.join((case['reason'] or '').split())[:160]}")
    print(f"       finding: {found}")
sys.exit(1 if bad else 0)
