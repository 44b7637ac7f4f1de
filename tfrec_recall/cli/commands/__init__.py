"""The commands, a file each; `cli.application` puts them under one name."""
