"""The commands of a reviewer: decisions about models, and the ledger that keeps them."""
