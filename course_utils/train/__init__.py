"""The recipes that made the course models: material, codec, model cards."""
