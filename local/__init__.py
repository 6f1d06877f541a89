"""The local cloud: the template of this repository, run on one machine without Docker or an AWS account."""
