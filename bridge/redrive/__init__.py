"""Dead letters found again: listed, looked at, and sent through the rules of today.

``archive`` says what a store of letters must be able to do, ``survey`` looks through one, ``Redriver`` sends.
"""
