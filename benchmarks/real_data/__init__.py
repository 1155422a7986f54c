"""Real data that an import mapping cannot read as it lies: what is made of it first, as a function of a seed."""
