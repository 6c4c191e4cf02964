"""A rate limiter: a log of accepted calls per key, oldest first."""

# 1. drop what has left the window
# 2. compare what is left with the limit
