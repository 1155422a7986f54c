"""Raw-input-only students behind TorchServe: predictor, handler, archive, server, client."""
