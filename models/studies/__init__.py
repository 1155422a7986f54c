"""Many students over one set of soft targets, compared."""
