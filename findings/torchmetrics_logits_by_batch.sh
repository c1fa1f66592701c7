#!/usr/bin/env bash
# A good guess: a binary metric of torchmetrics takes scores or logits, and its result does not depend on how the data
# are batched. The documentation says that values outside of 0 to 1 get a sigmoid; it is decided anew in every update.
# A batch whose logits happen to lie within 0 and 1 is taken as probabilities: two scales are mixed, and AUROC and
# accuracy change with the batch size, or with a short last batch alone. Apply the sigmoid before update.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile torch==2.15.0 torchmetrics==1.9.0 numpy==2.4.6

venv/bin/python -IW ignore - << 'EOF'
import torch
import torchmetrics
from torchmetrics.classification import BinaryAccuracy, BinaryAUROC

print(f"versions: torch {torch.__version__}, torchmetrics {torchmetrics.__version__}")
torch.manual_seed(0)
labels = torch.randint(0, 2, (512,))
logits = torch.randn(512) + 1.5 * labels


def measured(scores, batch):
    """AUROC and accuracy, updated batch by batch."""
    metrics = BinaryAUROC(), BinaryAccuracy()
    for metric in metrics:
        for some, truth in zip(scores.split(batch), labels.split(batch)):
            metric.update(some, truth)
    return tuple(round(metric.compute().item(), 4) for metric in metrics)


print("guess: the same two numbers for every batch size")
results = {batch: measured(logits, batch) for batch in (512, 64, 2, 1)}
for batch, (auroc, accuracy) in results.items():
    print(f"seen:  logits in batches of {batch:3}: AUROC {auroc}, accuracy {accuracy}")
assert results[64] == results[512]
assert results[512][0] - results[1][0] > 0.03
assert results[1][1] - results[512][1] > 0.03
for batch in (512, 1):
    print(f"seen:  after a sigmoid, batches of {batch:3}:", measured(logits.sigmoid(), batch))
    assert measured(logits.sigmoid(), batch) == results[512]
EOF
