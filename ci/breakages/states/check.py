#!/usr/bin/env python3
"""check.py REPORT.JSON: whether each hopeless state was seen for what it is, and soon."""
import json, re, sys

# Within seconds of when the cluster shows it; how long that takes differs by state (a crash loop shows after two crashes).
WANTED = {
    "image-that-does-not-exist": (r"ErrImagePull|ImagePullBackOff", 15),
    "image-name-that-is-none": (r"InvalidImageName", 15),
    "container-that-crashes": (r"CrashLoopBackOff.*exit code 3", 30),
    "secret-that-is-not-there": (r'CreateContainerConfigError.*secret "nowhere" not found', 15),
    "more-than-any-node-has": (r"Unschedulable.*Insufficient cpu", 15),
    "quota-that-is-used-up": (r"FailedCreate.*exceeded quota", 15),
    "progress-deadline": (r"ProgressDeadlineExceeded", 20),
}
with open(sys.argv[1]) as file:
    cases = {case["id"].split("/")[1]: case for case in json.load(file)["cases"]}
bad = 0
for name, (pattern, seconds) in WANTED.items():
    case = cases[name]
    good = case["verdict"] == "knownFail" and re.search(pattern, case["reason"], re.S) and case["durationMs"] < seconds * 1000
    bad += not good
    print(f"{'ok  ' if good else 'BAD '} {name}: {case['durationMs'] / 1000:.1f} s: {' '.join((case['reason'] or '').split())[:160]}")
sys.exit(1 if bad else 0)
