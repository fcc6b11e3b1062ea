"""The `course` command: each subcommand is a module here, imported only when it is run."""
