#!/usr/bin/env bash
# A good guess: a job that appends to its log (>> {log}) keeps what its earlier attempts said; the documentation tells
# that log files, unlike outputs, are not deleted when a job fails. They are deleted later: when the job is begun again,
# by a second call or by --retries, so that only the last attempt's words are left, and of a job killed at its start none.
# What must be kept is written to a file that the rule does not declare.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile snakemake==9.27.1

cat > Snakefile << 'EOF'
rule work:
    output:
        "done",
    log:
        "declared.log",
    resources:
        attempt=lambda wildcards, attempt: attempt,
    shell:
        "echo call $CALL, attempt {resources.attempt} | tee -a other.log >> {log}; [ $CALL = 3 ]"
EOF

snakemake() {
  CALL=$1 venv/bin/python -Im snakemake --cores 1 "${@:2}" > messages 2>&1 || true
}
check() {
  echo "seen:  $1: $2"
  [ "$2" = "$3" ]
}
lines() { paste -sd ';' "$1"; }
echo "versions: snakemake $(venv/bin/python -Im snakemake --version)"
echo "guess: declared.log holds a line an attempt, as other.log does"
snakemake 1
check "after a failure, declared.log" "$(lines declared.log)" "call 1, attempt 1"
snakemake 2 --retries 1
check "after another call that tries twice, declared.log" "$(lines declared.log)" "call 2, attempt 2"
snakemake 3
check "after a call that succeeds, declared.log" "$(lines declared.log)" "call 3, attempt 1"
check "other.log, which is not declared" "$(lines other.log)" \
  "call 1, attempt 1;call 2, attempt 1;call 2, attempt 2;call 3, attempt 1"
