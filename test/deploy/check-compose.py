"""Hold a compose file against the schema of the Compose Specification."""

import json
import sys
from pathlib import Path

import jsonschema
import yaml

packages = Path(jsonschema.__file__).parent.parent
schema = packages / "check_jsonschema/builtin_schemas/vendor/compose-spec.json"
validator = jsonschema.Draft202012Validator(json.loads(schema.read_text()))
faults = list(validator.iter_errors(yaml.safe_load(Path(sys.argv[1]).read_text())))
for fault in faults:
    print(f"{fault.json_path}: {fault.message[-200:]}")
sys.exit(1 if faults else 0)
