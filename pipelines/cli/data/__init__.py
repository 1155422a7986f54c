"""Commands for what runs are made of: corpora and privileged features."""
