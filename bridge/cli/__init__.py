"""The commands of ``filum-bridge``, one a file; ``main`` puts them together."""
