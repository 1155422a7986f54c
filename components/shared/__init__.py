"""What several steps need beside a room: progress, results, and where a training runs."""
