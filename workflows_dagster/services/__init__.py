"""Use cases without a framework, shared by the command line, the graph and notebooks."""
