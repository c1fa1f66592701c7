"""Coarse to Fine: networks that look at the whole picture blurred first and at the detail later.

The package behind the book of the same name. Importing it is quick and silent; the parts are imported by name:

    from c2f import networks, datasets
    network = networks.build("lenetfc_td", in_channels=1, num_classes=10, image_size=28)
    fashion = datasets.load("fashion-mnist-sample")
"""

__version__ = "0.1.0"
