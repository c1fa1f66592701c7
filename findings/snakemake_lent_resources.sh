#!/usr/bin/env bash
# A good guess: a rule that asks for gpu=4 does not start under --resources gpu=1 (or =0): an error says that it can
# never run. Snakemake 9 hands the job what there is: it runs with gpu=1, or gpu=0, and ends with 0. Without
# --resources gpu it is 4. And --config flag=false is the text 'false', which Python takes for true; False is the
# boolean, though [1,2] is ['1', '2']. A job checks what it was given, and a Snakefile compares with texts or reads
# settings from --configfile.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile snakemake==9.27.1

cat > Snakefile << 'EOF'
print("config flag:", repr(config.get("flag")))


rule train:
    output:
        "out.txt",
    resources:
        gpu=4,
    shell:
        "echo gpu={resources.gpu} > {output}"
EOF

snakemake() {
  rm -f out.txt
  venv/bin/python -Im snakemake --cores 1 "$@" > log 2>&1 # its failure ends this script
}
check() {
  echo "seen:  $1: $2"
  [ "$2" = "$3" ]
}
echo "versions: snakemake $(venv/bin/python -Im snakemake --version)"
echo "guess: gpu=4 cannot run with one or none; flag=false is False"
snakemake
check "no limit" "$(cat out.txt)" "gpu=4"
snakemake --resources gpu=1
check "--resources gpu=1" "$(cat out.txt)" "gpu=1"
snakemake --resources gpu=0
check "--resources gpu=0" "$(cat out.txt)" "gpu=0"
for pair in "false 'false'" "False False" "[1,2] ['1', '2']"; do
  snakemake --config flag="${pair%% *}"
  check "flag=${pair%% *}" "$(grep -m 1 '^config flag' log)" "config flag: ${pair#* }"
done
