"""Faults of a simulated API server: such as any real one may have, chosen by chance, put in and taken out by kubectl."""
import json, subprocess

PATH = "/simulator/faults"
# What a real API server never does is not asked of this one: a list that is stale though a current one was asked for.
EFFECTS = [{"tooManyRequests": 1}, "internalError", "serviceUnavailable", {"slow": 2}, "reset", "answerLost", "watchDropped", "gone", "duplicated", "reordered"]
VERBS = [[], [], ["get"], ["list"], ["watch"], ["create"], ["patch"], ["delete"], ["create", "patch", "delete"]]


def some(chance):
    """One to four rules. Each strikes so few requests that an API server that tries again gets through."""
    def rule():
        agent = {"userAgent": "meshproof"} if chance.random() < 0.5 else {}
        return {"match": {"verbs": chance.choice(VERBS), **agent}, "effect": chance.choice(EFFECTS), "after": chance.randrange(25), "times": chance.randint(1, 12)}
    return [rule() for _ in range(chance.randint(1, 4))]


def kubectl(*arguments, text=None):
    return subprocess.run(["kubectl", *arguments], check=True, stdout=subprocess.PIPE, text=True, input=text).stdout


def put(rules):
    if rules:
        kubectl("replace", "--raw", PATH, "-f", "-", text=json.dumps({"rules": rules}))
        put.placed = True


def take():
    """Takes all of them out; gives how many requests they struck."""
    if not put.placed:
        return 0
    put.placed = False
    hits = sum(rule["hits"] for rule in json.loads(kubectl("get", "--raw", PATH))["rules"])
    kubectl("delete", "--raw", PATH)
    return hits


put.placed = False
