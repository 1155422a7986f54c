"""How networks are trained: the loop, its checkpoints, its devices; baseline, teachers, student."""
