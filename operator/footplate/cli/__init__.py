"""The `footplate` command. Every module but `main` is loaded only by the subcommand that needs it: help is quick."""
