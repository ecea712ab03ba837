"""The coordinator: decide, make durable, apply, tell, answer; on a thread of its own."""
