"""Telling people and other systems what happened: webhooks and e-mail, from the outbox beside the ledger."""
