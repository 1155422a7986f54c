"""Work that processes, GPUs and pods share: trainings, and scoring with the teachers."""
