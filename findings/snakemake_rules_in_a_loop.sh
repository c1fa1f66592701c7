#!/usr/bin/env bash
# A good guess: rules made in a loop have each their own f-string in `shell:`, as in `output:`, and --printshellcmds and
# the messages show the command that is run. An f-string in `output:` is made when the rule is, but that of `shell:`
# anew when a job runs: every rule then runs the last one's command. What is shown is what was made with the rule, so
# that the right command is shown and another one is run. {rule}, {wildcards} and {params} in a plain string are the rule's own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile snakemake==9.27.1

cat > Snakefile << 'EOF'
rule all:
    input:
        "train.txt",
        "attack.txt",


for kind in ("train", "attack"):

    rule:
        name:
            kind
        output:
            f"{kind}.txt",
        shell:
            f"echo {kind} > {{output}}; echo {{rule}} >> {{output}}"
EOF

check() {
  echo "seen:  $1: $2"
  [ "$2" = "$3" ]
}
echo "versions: snakemake $(venv/bin/python -Im snakemake --version)"
echo "guess: train.txt holds train twice"
venv/bin/python -Im snakemake --cores 1 --printshellcmds > messages 2>&1
check "commands shown" "$(grep -o 'echo [a-z]* > [a-z]*.txt' messages | sort | paste -sd ';')" \
  "echo attack > attack.txt;echo train > train.txt"
check "train.txt: the f-string, {rule}" "$(paste -sd ' ' train.txt)" "attack train"
check "attack.txt: the f-string, {rule}" "$(paste -sd ' ' attack.txt)" "attack attack"
