"""The SSA intermediate representation: its objects, text form, verifier and interpreter."""
