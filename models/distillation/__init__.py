"""What a student learns from a teacher: soft targets, trust by sample, losses."""
