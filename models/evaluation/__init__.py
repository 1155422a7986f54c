"""What networks are worth: scores, metrics, what the judging rows say."""
