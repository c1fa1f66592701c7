"""High-resolution class activation maps (Tagaris et al. 2019): training the two models, and what their maps show.

::

    recipe = dense_recipe("densenet_half", "scenes-fashion-mnist")
    densenet_run("densenet_half", "scenes-fashion-mnist", seed=0, output=Path("output"), recipe=recipe)
    half = zoo.load("densenet_half", "scenes-fashion-mnist", 0, Path("output")).network

The networks are in ``c2f.networks.densenet_fcn``, the refined map in ``c2f.cam.refine``.
"""
