#!/usr/bin/env python3
"""rights.py MANIFEST EVERY COMMAND...: takes each EVERYth verb of each rule of the manifest's roles away alone, and wants COMMAND, `meshproof preflight --json`,
to exit with 2 and to name it. Needs kubectl and a kubeconfig whose user may change the roles; in the end they are as they were."""
import json, subprocess, sys

MANIFEST, EVERY, COMMAND = sys.argv[1], int(sys.argv[2]), sys.argv[3:]


def kubectl(*arguments, **options):
    return subprocess.run(["kubectl", *arguments], check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def named(rule):
    """`pods/exec`, `deployments.apps`: as preflight names it."""
    plural, _, subresource = rule["resources"][0].partition("/")
    group = rule["apiGroups"][0]
    return plural + (f".{group}" if group else "") + (f"/{subresource}" if subresource else "")


def without(role, index, verb):
    """The role's rules without one verb of one rule."""
    rules = json.loads(json.dumps(role["rules"]))
    rules[index]["verbs"].remove(verb)
    return [rule for rule in rules if rule["verbs"]]


def replaced(role, rules):
    kubectl("replace", "-f", "-", input=json.dumps({**role, "rules": rules}))


def told():
    ended = subprocess.run(COMMAND, stdout=subprocess.PIPE, text=True)
    return ended.returncode, [problem["what"] for problem in json.loads(ended.stdout)["problems"]]


items = [json.loads(text) for text in kubectl("create", "--dry-run=client", "--validate=false", "-f", MANIFEST, "-o", "json").strip().replace("}\n{", "}\0{").split("\0")]
items = [one for item in items for one in item.get("items", [item])]
bad = count = rights = 0
assert told() == (0, []), f"with all of them it says {told()}"
for role in (item for item in items if item["kind"] in ("Role", "ClusterRole")):
    for index, rule in enumerate(role["rules"]):
        for verb in rule["verbs"]:
            rights += 1
            if rights % EVERY:
                continue
            count += 1
            replaced(role, without(role, index, verb))
            code, problems = told()
            wanted = f"not allowed: {verb} {named(rule)}"
            right = code == 2 and len(problems) == 1 and problems[0].startswith(wanted)
            if not right or not all(name in problems[0] for name in rule.get("resourceNames", [])):
                bad += 1
                print(f"BAD  wanted {wanted}; exit code {code}, problems {problems}")
    replaced(role, role["rules"])
print(f"{count} of {rights} rights taken away, each alone; {count - bad} named")
sys.exit(1 if bad else 0)
