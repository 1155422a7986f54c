"""What every room may use: whole files and locks, SQL quoting, digests, artifact columns, dense tables, mistakes."""
