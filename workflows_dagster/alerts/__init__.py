"""Tells the owner what needs a look: causes, one message for many of them, and how it is sent."""
