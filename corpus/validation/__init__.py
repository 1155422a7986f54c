"""What is expected of a run's data: the raw window, and the privileged features."""
