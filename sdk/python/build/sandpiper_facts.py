"""What `sandpiper build` asks of a project: `python sandpiper_facts.py MODULE` tells what its change is, as JSON."""

import importlib
import json
import sys

from sandpiper_sdk.change import facts, find, problems

change = find(importlib.import_module(sys.argv[1]))
found = problems(change)
if found:
    sys.exit("\n".join(found))
print(json.dumps(facts(change)))
