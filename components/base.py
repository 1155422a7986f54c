"""What makes a function a component of this project."""

from functools import partial

from kfp import dsl

IMAGE = "cpfd/steps:0.1.0"
TRAIN_JOB = "CPFD_TRAIN_JOB"  # of trainings over several pods: a TrainJob without its name and its job

# The project is in the image, or in the environment of the local runner: nothing is installed at run time.
component = partial(dsl.component, base_image=IMAGE, packages_to_install=[], install_kfp_package=False)
