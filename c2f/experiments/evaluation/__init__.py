"""How good a trained network is on any pictures: accuracy, loss, precision, recall, F1 and confusion, recorded."""
