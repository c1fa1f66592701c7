#!/usr/bin/env bash
# A good guess: boxes from masks_to_boxes can go into box_area and box_iou of the same module: the box of a mask of 2 x
# 3 pixels has area 6, and its IoU with itself is 1. masks_to_boxes gives the last pixel that is covered, the other two
# take the box's end: the area is 1 x 2, an object of one row has area 0, and its IoU with itself is NaN, which
# compares as a miss with any threshold. A square of 8 against the same moved by one: 0.78 as masks, 0.75 as boxes. Add
# 1 to x2 and y2 before measuring.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile torch==2.15.0 torchvision==0.29.2 numpy==2.4.6

venv/bin/python -IW ignore - << 'EOF'
import torch
import torchvision
from torchvision.ops import box_area, box_iou, masks_to_boxes

print(f"versions: torch {torch.__version__}, torchvision {torchvision.__version__}")
masks = torch.zeros(4, 16, 16, dtype=torch.bool)
masks[0, 2:4, 3:6] = True  # two rows of three
masks[1, 2, 3:6] = True  # one row of three
masks[2, 2:10, 2:10] = True
masks[3, 2:10, 3:11] = True
boxes = masks_to_boxes(masks)
mended = boxes + torch.tensor([0, 0, 1, 1])
overlap = (masks[2] & masks[3]).sum() / (masks[2] | masks[3]).sum()
print("guess: areas", masks.sum((1, 2)).tolist(), "; IoU of each with itself 1; last two", round(overlap.item(), 3))
print("seen:  areas", box_area(boxes).tolist(), "; IoU of each with itself", box_iou(boxes, boxes).diag().tolist())
last = [round(box_iou(some, some)[2, 3].item(), 3) for some in (boxes, mended)]
print("seen:  IoU of the last two", last[0], "; with 1 added", last[1])
assert box_area(boxes).tolist() == [2, 0, 49, 49]
assert box_iou(boxes, boxes)[1, 1].isnan()
assert torch.isclose(box_iou(boxes, boxes)[2, 3], torch.tensor(42 / 56))
assert torch.equal(box_area(mended), masks.sum((1, 2)).float())
assert torch.isclose(box_iou(mended, mended)[2, 3], overlap)
EOF
