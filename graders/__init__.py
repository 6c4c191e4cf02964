"""The judging engine: grades an answer to a kata and returns a report.

It never prints and knows no kata by name. Start reading at `grade.py`.
"""
