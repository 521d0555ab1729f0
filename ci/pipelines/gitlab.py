#!/usr/bin/env python3
"""gitlab.py FILE: prints a GitLab pipeline as JSON, as GitLab sees it: each job with what it extends, and without what is only extended.

The schema leaves what is only extended unchecked. Needs a YAML reader: PyYAML, or ruamel.yaml, which check-jsonschema brings.
"""
import json, sys


def load(path):
    with open(path) as file:
        try:
            import yaml
            return yaml.safe_load(file)
        except ImportError:
            from ruamel.yaml import YAML
            return YAML(typ="safe").load(file)


def merged(below, above):
    """Maps are merged at any depth, everything else is replaced."""
    both = dict(below)
    for key, value in above.items():
        both[key] = merged(both[key], value) if isinstance(value, dict) and isinstance(both.get(key), dict) else value
    return both


def extended(pipeline, job):
    names = job.get("extends", [])
    below = {}
    for name in [names] if isinstance(names, str) else names:
        below = merged(below, extended(pipeline, pipeline[name]))
    return merged(below, {key: value for key, value in job.items() if key != "extends"})


def jobs(path):
    pipeline = load(path)
    return {name: extended(pipeline, value) if isinstance(value, dict) else value
            for name, value in pipeline.items() if not name.startswith(".")}


if __name__ == "__main__":
    print(json.dumps(jobs(sys.argv[1]), indent=1))
