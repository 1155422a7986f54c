"""One KFP component a file. Each opens its inputs, calls a room below, and writes its outputs."""
