import torch

# The networks of the tests are tiny: a second thread gains little, and costs much beside anything else that runs.
torch.set_num_threads(1)
