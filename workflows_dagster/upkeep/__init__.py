"""What keeps the house alive: small databases, backups that were tried out, and the way back."""
