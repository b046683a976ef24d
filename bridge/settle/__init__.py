"""Stage 5: outcomes → records settled.

``offsets`` knows where a stream stands, ``tickets`` when a record is done with, ``letters`` what a dead
letter holds, ``budget`` how many a rule may cause, ``stores`` where they are written. Everything but
``stores`` is pure and owned by the loop.
"""
