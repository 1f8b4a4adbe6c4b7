"""What crosses between deployments, and what each of them offers.

Values are frozen dataclasses: small, picklable, the same in a process and across a
Ray handle.
"""
