"""What is derived from the type `ShareConfig`: its JSON schema, and what an admission policy checks of it."""
