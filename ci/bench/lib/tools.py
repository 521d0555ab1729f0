"""How each tool is started, and how its verdicts are read."""
import datetime
import json
import re

import suites


class Meshproof:
    name = "meshproof"
    VERDICT = re.compile(r"^  passed +\S+  (\S+)/appears$")

    def __init__(self, program):
        self.program = program

    def prepare(self, folder, namespace, count):
        (folder / "suite").mkdir()
        suites.meshproof_waits(folder / "suite", namespace, count)
        return [self.program, "run", "suite", "--cluster", "kubeconfig", "--jobs", str(count), "--report-dir", "report"]

    def verdicts(self, lines):
        """When the line with each verdict came, by test."""
        return found(self.VERDICT, lines)

    def recorded(self, folder):
        """When each test ended by the tool's own report."""
        cases = json.loads((folder / "report/report.json").read_text())["cases"]
        return {case["id"].split("/")[0]: nanoseconds(case["startedAt"]) + case["durationMs"] * 1_000_000
                for case in cases if case["verdict"] == "passed"}


class Chainsaw:
    name = "chainsaw"
    VERDICT = re.compile(r"\| (\S+) +\| step-1 +\| ASSERT +\| DONE +\|")

    def __init__(self, program):
        self.program = program

    def prepare(self, folder, namespace, count):
        (folder / "suite").mkdir()
        suites.chainsaw_waits(folder / "suite", namespace, count)
        return [self.program, "test", "--test-dir", "suite", "--parallel", str(count), "--no-color",
                "--report-format", "JSON", "--report-path", ".", "--report-name", "report"]

    def verdicts(self, lines):
        """When the line came that says that the test's only assertion holds: the line with the verdict itself comes when
        all tests have ended."""
        return found(self.VERDICT, lines)

    def recorded(self, folder):
        tests = json.loads((folder / "report.json").read_text())["tests"]
        operations = {test["name"]: test["steps"][0]["operations"][0] for test in tests}
        return {name: nanoseconds(operation["endTime"]) for name, operation in operations.items() if "failure" not in operation}


def found(pattern, lines):
    matches = ((at, pattern.search(line)) for at, line in lines)
    return {match[1]: at for at, match in matches if match}


def nanoseconds(text):
    """Since the epoch; `text` is RFC 3339 in UTC."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc).timestamp()
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0")[:9] or 0)
