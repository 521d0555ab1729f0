"""outside.py GO_MOD MODULE VERSION [PATH=VERSION...]: builds a module from outside of its own repository.

Prints a go.mod that requires MODULE at VERSION and all that MODULE's own GO_MOD requires and replaces: Go reads a
`replace` only in the main module, so that MODULE's would be lost. Where MODULE replaces a dependency by a folder of its
repository, which a module's archive lacks, the dependency's published version is taken instead: Kubernetes 1.MINOR.PATCH
publishes each of those folders as v0.MINOR.PATCH. PATH=VERSION replaces one dependency's version by another.
"""
import json
import subprocess
import sys

go_mod, module, version, *overrides = sys.argv[1:]
published = "v0." + version.partition(".")[2]
read = json.loads(subprocess.check_output(["go", "mod", "edit", "-json", go_mod]))

print(f"module meshproof.dev/cluster\n\ngo {read['Go']}\n\nrequire (\n\t{module} {version}")
for require in read.get("Require") or []:
    print(f"\t{require['Path']} {require['Version']}")
print(")\n\nreplace (")
overridden = dict(override.split("=") for override in overrides)
for path, chosen in overridden.items():
    print(f"\t{path} => {path} {chosen}")
for replace in read.get("Replace") or []:
    old, new = replace["Old"], replace["New"]
    if old["Path"] in overridden:
        continue
    left = " ".join(filter(None, (old["Path"], old.get("Version"))))
    if new["Path"].startswith("."):
        new = {"Path": old["Path"], "Version": published}
    print(f"\t{left} => {new['Path']} {new['Version']}")
print(")")
