"""The tables and media that runs are fed from: their contract, how they are made, cut to a window and checked."""
