"""The graph, the task files, the runners and the command line."""
