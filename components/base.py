"""What makes a function a component of this project."""

from functools import partial

from kfp import dsl

IMAGE = "cpfd/steps:0.1.0"

# The project is in the image, or in the environment of the local runner: nothing is installed at run time.
component = partial(dsl.component, base_image=IMAGE, packages_to_install=[], install_kfp_package=False)
