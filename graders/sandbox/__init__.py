"""Runs an answer in a process of its own and talks to it in plain data.

`host` is the trusted side; `zygote` and `worker` run in a bare interpreter that
holds none of the project, and `protocol` and `limits` are read by both.
"""
