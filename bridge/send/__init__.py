"""Stage 4: events → outcomes.

``verdict`` reads an answer, ``retry`` says when to try again, ``lanes`` keeps the order, ``controller``
tells an outage from poison (all pure); ``client`` speaks HTTP; ``dispatcher`` runs them on the loop.
What leaves this stage is final: delivered, refused, or given up.
"""
