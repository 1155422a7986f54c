"""What several steps need beside a room: progress, results, and where a training runs."""

# Set on trainings over several pods: a TrainJob without its name and its job. It stands here because a running step
# cannot import components.base: within one kfp.dsl has no 'component'.
TRAIN_JOB = "CPFD_TRAIN_JOB"
