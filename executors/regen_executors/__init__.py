"""The Executor interface and the shipped executors: pure functions from an instruction to bytes."""
