"""Names in Locust's tables. Times within answers are no requests.

Here without Locust, which is only where load is made.
"""

ANSWER, STREAM, REFUSED = "answer in one piece", "stream", "refused (429)"
UNANSWERED = "ended while waiting"
FIRST_TOKEN, PAUSE = "first token", "longest pause"  # times within
WITHIN = "within"
