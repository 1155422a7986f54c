"""What every room may use: whole-file writing and locks, SQL quoting, digests, artifact columns, mistakes."""
