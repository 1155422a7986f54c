"""Running graphs on this machine: workspace, runner, runs, serving."""
