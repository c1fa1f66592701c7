#!/usr/bin/env bash
# A good guess: `import jsonschema` takes as long in one environment as in the next; what checks formats is looked up
# when a format is checked. In truth it tries to import a checker for each format at once. Jupyter's events ask for the
# extra `format-nongpl`, and its checker of IRIs (rfc3987-syntax) compiles a grammar with lark while it is imported, so
# that beside Jupyter the same import takes several times as long, also for who asks for no format at all. A command
# line that checks its files by a schema should import it late.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for name in alone beside; do python3 -m venv "$name"; done
alone/bin/pip install --quiet jsonschema==4.26.0
beside/bin/pip install --quiet jsonschema==4.26.0 jupyter-events==0.12.1 rfc3987-syntax==1.1.0

cat > look.py << 'EOF2'
import sys
import time

began = time.process_time()
import jsonschema

seconds = time.process_time() - began
jsonschema.validate({"seeds": [0, 1]}, {"type": "object", "properties": {"seeds": {"type": "array"}}})
print(f"{seconds:.3f}", "lark" in sys.modules)
EOF2

for name in alone beside; do
    "$name/bin/python" -I look.py > /dev/null # compiled files are written once
    for _ in 1 2 3 4 5; do "$name/bin/python" -I look.py; done | sort -n | sed -n 3p > "$name.txt"
done
echo "versions: $(beside/bin/pip list 2> /dev/null | grep -iE '^(jsonschema|jupyter-events|rfc3987-syntax|lark) ' | tr -s ' ' | paste -sd ';')"
echo "guess: the same import twice"
echo "seen:  processor seconds and whether lark is there; alone $(cat alone.txt), beside jupyter-events $(cat beside.txt)"
read -r short without < alone.txt
read -r long with < beside.txt
[ "$without" = False ] && [ "$with" = True ]
python3 -c "import sys; sys.exit(not $long > 2 * $short)"
